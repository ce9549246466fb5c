/*
 * Hypercalls.  Arguments travel in buffers of libxencall, which stay put while
 * the hypervisor reads them; each function copies in, calls, copies out.
 */
#include "dom0-tools/libpav/hcall.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/version.h>
#include <xencall.h>
#include <xenforeignmemory.h>

#include "dom0-tools/libpav/die.h"

#define EAGAIN_XEN_ERESTART 85
#define MAX_PORTS	    (1u << 17) /* no domain has more event channels */

struct hcall {
	xencall_handle *call;
	xenforeignmemory_handle *memory;
};

struct e820_entry {
	uint64_t addr;
	uint64_t size;
	uint32_t type;
} __attribute__((packed));

struct hcall *hcall_open(char **err)
{
	struct hcall *h = xcalloc(1, sizeof(*h));

	h->call = xencall_open(NULL, 0);
	h->memory = h->call ? xenforeignmemory_open(NULL, 0) : NULL;
	if (!h->memory) {
		fail(err,
		     "can't talk to the hypervisor (/dev/xen/privcmd: %s); is this the control domain?",
		     strerror(errno));
		hcall_close(h);
		return NULL;
	}
	return h;
}

void hcall_close(struct hcall *h)
{
	if (!h) {
		return;
	}
	if (h->memory) {
		xenforeignmemory_close(h->memory);
	}
	if (h->call) {
		xencall_close(h->call);
	}
	free(h);
}

static void *get_buffer(struct hcall *h, size_t size)
{
	void *p = xencall_alloc_buffer(h->call, size);

	if (p) {
		memset(p, 0, size);
	}
	return p;
}

/* Makes the call named nr with one structure, copied both ways; result or -errno. */
static int call_with(struct hcall *h, unsigned int nr, void *arg, size_t size)
{
	void *p = get_buffer(h, size);
	int rc;

	if (!p) {
		return -ENOMEM;
	}
	memcpy(p, arg, size);
	rc = xencall1(h->call, nr, (uintptr_t)p);
	rc = rc < 0 ? -errno : rc;
	memcpy(arg, p, size);
	xencall_free_buffer(h->call, p);
	return rc;
}

/* The same for calls whose first argument is a sub-operation. */
static int call_op(struct hcall *h, unsigned int nr, unsigned int op, void *arg, size_t size)
{
	void *p = get_buffer(h, size);
	int rc;

	if (!p) {
		return -ENOMEM;
	}
	memcpy(p, arg, size);
	rc = xencall2(h->call, nr, op, (uintptr_t)p);
	rc = rc < 0 ? -errno : rc;
	memcpy(arg, p, size);
	xencall_free_buffer(h->call, p);
	return rc;
}

static int call_domctl(struct hcall *h, struct xen_domctl *d, uint32_t cmd, domid_t domid)
{
	d->cmd = cmd;
	d->domain = domid;
	d->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	return call_with(h, __HYPERVISOR_domctl, d, sizeof(*d));
}

static int call_sysctl(struct hcall *h, struct xen_sysctl *s, uint32_t cmd)
{
	s->cmd = cmd;
	s->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	return call_with(h, __HYPERVISOR_sysctl, s, sizeof(*s));
}

int hcall_domain_create(struct hcall *h, const struct hcall_domain_config *config, domid_t *domid)
{
	struct xen_domctl d = { 0 };
	int rc;

	memcpy(d.u.createdomain.handle, config->uuid, sizeof(config->uuid));
	d.u.createdomain.max_vcpus = config->max_vcpus;
	d.u.createdomain.max_evtchn_port = config->max_evtchn_port;
	d.u.createdomain.max_grant_frames = config->max_grant_frames;
	d.u.createdomain.max_maptrack_frames = config->max_maptrack_frames;
	d.u.createdomain.grant_opts = XEN_DOMCTL_GRANT_version(2);
	rc = call_domctl(h, &d, XEN_DOMCTL_createdomain, 0);
	*domid = d.domain;
	return rc;
}

int hcall_domain_max_vcpus(struct hcall *h, domid_t domid, uint32_t max)
{
	struct xen_domctl d = { .u.max_vcpus.max = max };

	return call_domctl(h, &d, XEN_DOMCTL_max_vcpus, domid);
}

int hcall_domain_max_mem(struct hcall *h, domid_t domid, uint64_t kib)
{
	struct xen_domctl d = { .u.max_mem.max_memkb = kib };

	return call_domctl(h, &d, XEN_DOMCTL_max_mem, domid);
}

int hcall_domain_pause(struct hcall *h, domid_t domid)
{
	struct xen_domctl d = { 0 };

	return call_domctl(h, &d, XEN_DOMCTL_pausedomain, domid);
}

int hcall_domain_unpause(struct hcall *h, domid_t domid)
{
	struct xen_domctl d = { 0 };

	return call_domctl(h, &d, XEN_DOMCTL_unpausedomain, domid);
}

int hcall_domain_destroy(struct hcall *h, domid_t domid)
{
	int rc;

	do {
		struct xen_domctl d = { 0 };

		rc = call_domctl(h, &d, XEN_DOMCTL_destroydomain, domid);
	} while (rc == -EAGAIN || rc == -EAGAIN_XEN_ERESTART);
	return rc;
}

int hcall_domain_set_address_size(struct hcall *h, domid_t domid, uint32_t bits)
{
	struct xen_domctl d = { .u.address_size.size = bits };

	return call_domctl(h, &d, XEN_DOMCTL_set_address_size, domid);
}

int hcall_domain_init_hypercall_page(struct hcall *h, domid_t domid, uint64_t mfn)
{
	struct xen_domctl d = { .u.hypercall_init.gmfn = mfn };

	return call_domctl(h, &d, XEN_DOMCTL_hypercall_init, domid);
}

int hcall_domain_set_vcpu(struct hcall *h, domid_t domid, uint32_t vcpu,
			  const vcpu_guest_context_t *ctx)
{
	struct xen_domctl d = { .u.vcpucontext.vcpu = vcpu };
	vcpu_guest_context_t *p = get_buffer(h, sizeof(*p));
	int rc;

	if (!p) {
		return -ENOMEM;
	}
	*p = *ctx;
	set_xen_guest_handle(d.u.vcpucontext.ctxt, p);
	rc = call_domctl(h, &d, XEN_DOMCTL_setvcpucontext, domid);
	xencall_free_buffer(h->call, p);
	return rc;
}

int hcall_domain_info(struct hcall *h, domid_t domid, struct xen_domctl_getdomaininfo *info)
{
	struct xen_domctl d = { 0 };
	int rc = call_domctl(h, &d, XEN_DOMCTL_getdomaininfo, domid);

	if (rc < 0) {
		return rc;
	}
	if (d.u.getdomaininfo.domain != domid) {
		return -ESRCH; /* the next one was reported instead */
	}
	*info = d.u.getdomaininfo;
	return 0;
}

int hcall_domain_list(struct hcall *h, domid_t first, struct xen_domctl_getdomaininfo *infos,
		      uint32_t max)
{
	struct xen_sysctl s = { .u.getdomaininfolist = { .first_domain = first,
							 .max_domains = max } };
	struct xen_domctl_getdomaininfo *p = get_buffer(h, max * sizeof(*p));
	int rc;

	if (!p) {
		return -ENOMEM;
	}
	set_xen_guest_handle(s.u.getdomaininfolist.buffer, p);
	rc = call_sysctl(h, &s, XEN_SYSCTL_getdomaininfolist);
	if (rc >= 0) {
		rc = (int)(s.u.getdomaininfolist.num_domains < max
				   ? s.u.getdomaininfolist.num_domains
				   : max);
		memcpy(infos, p, (size_t)rc * sizeof(*p));
	}
	xencall_free_buffer(h->call, p);
	return rc;
}

int hcall_populate(struct hcall *h, domid_t domid, unsigned int order, size_t count,
		   xen_pfn_t *frames)
{
	struct xen_memory_reservation r = { .nr_extents = count,
					    .extent_order = order,
					    .domid = domid };
	xen_pfn_t *p = get_buffer(h, count * sizeof(*p));
	int rc;

	if (!p) {
		return -ENOMEM;
	}
	memcpy(p, frames, count * sizeof(*p));
	set_xen_guest_handle(r.extent_start, p);
	rc = call_op(h, __HYPERVISOR_memory_op, XENMEM_populate_physmap, &r, sizeof(r));
	memcpy(frames, p, count * sizeof(*p));
	xencall_free_buffer(h->call, p);
	return rc;
}

int hcall_set_memory_map(struct hcall *h, domid_t domid, uint64_t bytes)
{
	struct xen_foreign_memory_map m = { .domid = domid, .map.nr_entries = 1 };
	struct e820_entry *p = get_buffer(h, sizeof(*p));
	int rc;

	if (!p) {
		return -ENOMEM;
	}
	*p = (struct e820_entry){ .addr = 0, .size = bytes, .type = 1 };
	set_xen_guest_handle(m.map.buffer, p);
	rc = call_op(h, __HYPERVISOR_memory_op, XENMEM_set_memory_map, &m, sizeof(m));
	xencall_free_buffer(h->call, p);
	return rc;
}

int hcall_claim_pages(struct hcall *h, domid_t domid, uint64_t count)
{
	struct xen_memory_reservation r = { .nr_extents = count, .domid = domid };

	set_xen_guest_handle(r.extent_start, (xen_pfn_t *)NULL);
	return call_op(h, __HYPERVISOR_memory_op, XENMEM_claim_pages, &r, sizeof(r));
}

int hcall_pin_l4(struct hcall *h, domid_t domid, uint64_t mfn)
{
	struct mmuext_op *p = get_buffer(h, sizeof(*p));
	int rc;

	if (!p) {
		return -ENOMEM;
	}
	p->cmd = MMUEXT_PIN_L4_TABLE;
	p->arg1.mfn = mfn;
	rc = xencall4(h->call, __HYPERVISOR_mmuext_op, (uintptr_t)p, 1, 0, domid);
	rc = rc < 0 ? -errno : rc;
	xencall_free_buffer(h->call, p);
	return rc;
}

int hcall_evtchn_alloc_unbound(struct hcall *h, domid_t domid, domid_t remote)
{
	struct evtchn_alloc_unbound a = { .dom = domid, .remote_dom = remote };
	int rc = call_op(h, __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, &a, sizeof(a));

	return rc < 0 ? rc : (int)a.port;
}

int hcall_evtchn_waits(struct hcall *h, domid_t domid, evtchn_port_t port)
{
	struct evtchn_status st = { .dom = domid, .port = port };
	int rc = call_op(h, __HYPERVISOR_event_channel_op, EVTCHNOP_status, &st, sizeof(st));

	return rc < 0 ? rc : st.status == EVTCHNSTAT_unbound;
}

int hcall_evtchn_count(struct hcall *h, domid_t domid)
{
	int used = 0;

	for (evtchn_port_t port = 0; port < MAX_PORTS; port++) {
		struct evtchn_status st = { .dom = domid, .port = port };
		int rc = call_op(h, __HYPERVISOR_event_channel_op, EVTCHNOP_status, &st,
				 sizeof(st));

		if (rc == -EINVAL) {
			return used; /* past the last port */
		}
		if (rc < 0) {
			return rc;
		}
		used += st.status != EVTCHNSTAT_closed;
	}
	return used;
}

int hcall_refusals(struct hcall *h, domid_t domid, struct pavane_refusal *list, unsigned int room,
		   uint64_t *total)
{
	struct pavane_refusals *q = get_buffer(h, sizeof(*q));
	struct pavane_refusal *p = get_buffer(h, room * sizeof(*p));
	int rc = -ENOMEM;

	if (q && p) {
		*q = (struct pavane_refusals){ .domid = domid,
					       .count = room,
					       .records = (uintptr_t)p };
		rc = xencall2(h->call, __HYPERVISOR_pavane_op, PAVANE_OP_refusals, (uintptr_t)q);
		rc = rc < 0 ? -errno : (int)q->count;
	}
	if (rc >= 0) {
		memcpy(list, p, (size_t)rc * sizeof(*p));
		*total = q->total;
	}
	xencall_free_buffer(h->call, q);
	xencall_free_buffer(h->call, p);
	return rc;
}

int hcall_physinfo(struct hcall *h, struct xen_sysctl_physinfo *info)
{
	struct xen_sysctl s = { 0 };
	int rc = call_sysctl(h, &s, XEN_SYSCTL_physinfo);

	*info = s.u.physinfo;
	return rc;
}

int hcall_read_console(struct hcall *h, int clear, char **text, size_t *len)
{
	const uint32_t room = 1u << 20;
	struct xen_sysctl s = { .u.readconsole = { .clear = clear != 0, .count = room } };
	char *p = get_buffer(h, room);
	int rc;

	if (!p) {
		return -ENOMEM;
	}
	set_xen_guest_handle(s.u.readconsole.buffer, p);
	rc = call_sysctl(h, &s, XEN_SYSCTL_readconsole);
	if (rc >= 0) {
		*len = s.u.readconsole.count < room ? s.u.readconsole.count : room;
		*text = xmalloc(*len + 1);
		memcpy(*text, p, *len);
		(*text)[*len] = 0;
		rc = 0;
	}
	xencall_free_buffer(h->call, p);
	return rc;
}

int hcall_grants(struct hcall *h, domid_t domid, struct hcall_grants *g)
{
	struct gnttab_dump_table *op = get_buffer(h, sizeof(*op));
	char *text, *line, start[32];
	size_t len;
	int rc;

	if (!op) {
		return -ENOMEM;
	}
	op->dom = domid;
	rc = xencall3(h->call, __HYPERVISOR_grant_table_op, GNTTABOP_dump_table, (uintptr_t)op, 1);
	rc = rc < 0 ? -errno : op->status == GNTST_okay ? 0 : -EPERM;
	xencall_free_buffer(h->call, op);
	if (rc < 0 || (rc = hcall_read_console(h, 0, &text, &len)) < 0) {
		return rc;
	}
	snprintf(start, sizeof(start), "d%u: grant table of ", domid);
	rc = -ENODATA;
	for (line = strstr(text, start); line; line = strstr(line + 1, start)) {
		if (sscanf(line + strlen(start),
			   "%*u/%*u frames, %u entries granted, %u in use, %u mappings",
			   &g->granted, &g->in_use, &g->held) == 3) {
			rc = 0;
		}
	}
	free(text);
	return rc;
}

char *hcall_version(struct hcall *h)
{
	xen_extraversion_t extra = "";
	int rc = xencall2(h->call, __HYPERVISOR_xen_version, XENVER_version, 0);

	if (rc < 0) {
		return NULL;
	}
	if (call_op(h, __HYPERVISOR_xen_version, XENVER_extraversion, &extra, sizeof(extra)) < 0) {
		extra[0] = 0;
	}
	return xasprintf("%d.%d%.*s", rc >> 16, rc & 0xffff, (int)sizeof(extra), extra);
}

char *hcall_capabilities(struct hcall *h)
{
	xen_capabilities_info_t caps = "";

	if (call_op(h, __HYPERVISOR_xen_version, XENVER_capabilities, &caps, sizeof(caps)) < 0) {
		return NULL;
	}
	return xasprintf("%.*s", (int)sizeof(caps), caps);
}

void *hcall_map_foreign(struct hcall *h, domid_t domid, const xen_pfn_t *frames, size_t count)
{
	return xenforeignmemory_map(h->memory, domid, PROT_READ | PROT_WRITE, count, frames, NULL);
}

void hcall_unmap_foreign(struct hcall *h, void *p, size_t count)
{
	xenforeignmemory_unmap(h->memory, p, count);
}

int hcall_set_grant(struct hcall *h, domid_t domid, uint32_t gref, domid_t to, uint32_t mfn)
{
	xenforeignmemory_resource_handle *res;
	struct grant_entry_v1 *table;
	void *p = NULL;

	if (gref >= 4096 / sizeof(*table)) {
		return -EINVAL;
	}
	res = xenforeignmemory_map_resource(h->memory, domid, XENMEM_resource_grant_table,
					    XENMEM_resource_grant_table_id_shared, 0, 1, &p,
					    PROT_READ | PROT_WRITE, 0);
	if (!res) {
		return -errno;
	}
	table = p;
	table[gref].frame = mfn;
	table[gref].domid = to;
	__atomic_store_n(&table[gref].flags, GTF_permit_access, __ATOMIC_RELEASE);
	xenforeignmemory_unmap_resource(h->memory, res);
	return 0;
}
