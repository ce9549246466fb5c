/*
 * The hypercalls the toolstack makes, as typed functions over libxencall and
 * libxenforeignmemory.
 *
 * Unless it says otherwise a function returns 0 or a negative errno value; none
 * prints.  Structures that come back from the hypervisor are copies.  A handle
 * belongs to one process; both libraries close their descriptors on exec.
 * Tests link tests/fake/hcall_fake.c in place of hcall.c.
 */
#ifndef PAVANE_LIBPAV_HCALL_H
#define PAVANE_LIBPAV_HCALL_H

#ifndef __XEN_TOOLS__
#define __XEN_TOOLS__ 1 /* <xen/domctl.h> and <xen/sysctl.h> insist */
#endif
#include <stddef.h>
#include <stdint.h>
#include <xen/xen.h>
#include <xen/domctl.h>
#include <xen/sysctl.h>

#include "hypervisor/abi/reason.h"

struct hcall;

/* NULL and a sentence if this is not a control domain or the rights are missing. */
struct hcall *hcall_open(char **err);
void hcall_close(struct hcall *h);

struct hcall_domain_config {
	uint8_t uuid[16];
	uint32_t max_vcpus;
	uint32_t max_evtchn_port;
	int32_t max_grant_frames;
	int32_t max_maptrack_frames;
};

/* Creates an empty, paused PV domain and its vCPUs' slots. */
int hcall_domain_create(struct hcall *h, const struct hcall_domain_config *config, domid_t *domid);
int hcall_domain_max_vcpus(struct hcall *h, domid_t domid, uint32_t max);
int hcall_domain_max_mem(struct hcall *h, domid_t domid, uint64_t kib);
int hcall_domain_pause(struct hcall *h, domid_t domid);
int hcall_domain_unpause(struct hcall *h, domid_t domid);
/* Goes on until the hypervisor has nothing more to do; frames still mapped elsewhere keep the domain a zombie. */
int hcall_domain_destroy(struct hcall *h, domid_t domid);
/* Guest address width in bits: 64. */
int hcall_domain_set_address_size(struct hcall *h, domid_t domid, uint32_t bits);
/* Fills a guest frame with the hypercall stubs. */
int hcall_domain_init_hypercall_page(struct hcall *h, domid_t domid, uint64_t mfn);
int hcall_domain_set_vcpu(struct hcall *h, domid_t domid, uint32_t vcpu,
			  const vcpu_guest_context_t *ctx);
/* Exactly this domain; -ESRCH if there is none. */
int hcall_domain_info(struct hcall *h, domid_t domid, struct xen_domctl_getdomaininfo *info);
/* Up to max domains with ids from first on; returns how many. */
int hcall_domain_list(struct hcall *h, domid_t first, struct xen_domctl_getdomaininfo *infos,
		      uint32_t max);

/*
 * Gives the domain count extents of 2^order frames at the pfns in frames[], which
 * become their first mfns.  Returns how many of them succeeded, or -errno.
 */
int hcall_populate(struct hcall *h, domid_t domid, unsigned int order, size_t count,
		   xen_pfn_t *frames);
/* The e820 map the guest will see: one entry of RAM from 0 to bytes. */
int hcall_set_memory_map(struct hcall *h, domid_t domid, uint64_t bytes);
/* Reserves count frames for the domain before they are populated; 0 gives the rest back. */
int hcall_claim_pages(struct hcall *h, domid_t domid, uint64_t count);
int hcall_pin_l4(struct hcall *h, domid_t domid, uint64_t mfn);
/* An unbound port in domid for remote to bind; returns the port or -errno. */
int hcall_evtchn_alloc_unbound(struct hcall *h, domid_t domid, domid_t remote);
/* 1: nobody is at the other end of a guest's event channel; 0; -errno. */
int hcall_evtchn_waits(struct hcall *h, domid_t domid, evtchn_port_t port);
/* How many ports of domid are in use, or -errno. */
int hcall_evtchn_count(struct hcall *h, domid_t domid);
struct hcall_grants {
	unsigned int granted; /* entries of its table that permit somebody something */
	unsigned int in_use;  /* ... that somebody has mapped */
	unsigned int held;    /* mappings it has of others' frames */
};
/*
 * What the hypervisor's log says of domid's grants when asked to dump its table (GNTTABOP_dump_table):
 * 0 or -errno; -ENOSYS, -ENODATA: this hypervisor does not say, or not in Pavane's words.
 */
int hcall_grants(struct hcall *h, domid_t domid, struct hcall_grants *g);

/* The last refusals of a domain, oldest first: their number, up to room, or -errno; -ENOSYS: not Pavane. */
int hcall_refusals(struct hcall *h, domid_t domid, struct pavane_refusal *list, unsigned int room,
		   uint64_t *total);

int hcall_physinfo(struct hcall *h, struct xen_sysctl_physinfo *info);
/* The hypervisor's log; *text is malloc'd and zero-terminated. */
int hcall_read_console(struct hcall *h, int clear, char **text, size_t *len);
/* "4.17-something", malloc'd, or NULL. */
char *hcall_version(struct hcall *h);
/* XENVER_capabilities ("xen-3.0-x86_64 ..."), malloc'd, or NULL. */
char *hcall_capabilities(struct hcall *h);

/* Maps count frames of domid read-write; NULL and errno if any of them can't be. */
void *hcall_map_foreign(struct hcall *h, domid_t domid, const xen_pfn_t *frames, size_t count);
void hcall_unmap_foreign(struct hcall *h, void *p, size_t count);

/* Writes grant entry gref of a domain's version-1 table: domain `to` may map frame mfn. */
int hcall_set_grant(struct hcall *h, domid_t domid, uint32_t gref, domid_t to, uint32_t mfn);

#endif
