/*
 * The domain builder's story, top to bottom: open the files, check that there
 * is room, plan the layout, create the domain, give it memory, fill it, pin its
 * page tables, set its first vCPU.  The order of hypercalls is the established
 * toolstack's, so that a hypervisor which serves one serves the other.
 */
#include "dom0-tools/build/pvboot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xen/grant_table.h>

#include "dom0-tools/build/kernel.h"
#include "dom0-tools/build/layout.h"
#include "dom0-tools/build/p2m.h"
#include "dom0-tools/build/pagetables.h"
#include "dom0-tools/build/startinfo.h"
#include "dom0-tools/libpav/die.h"
#include "dom0-tools/libpav/log.h"

#define MAX_EVTCHN_PORT	    1023
#define MAX_GRANT_FRAMES    64
#define MAX_MAPTRACK_FRAMES 1024
/* What the hypervisor itself may need for a domain and each of its vCPUs, in pages. */
#define DOMAIN_OVERHEAD	    128
#define VCPU_OVERHEAD	    16

struct build {
	struct hcall *h;
	const struct pvboot_request *req;
	struct kernel kernel;
	int ramdisk_fd; /* or -1 */
	uint64_t ramdisk_size;
	struct layout layout;
	uint64_t *frames;
	uint64_t shared_info;
	struct pvboot_domain *dom;
};

static int open_ramdisk(struct build *b, char **err)
{
	struct stat st;

	if (!b->req->ramdisk) {
		return 0;
	}
	b->ramdisk_fd = open(b->req->ramdisk, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (b->ramdisk_fd < 0) {
		return fail(err, "ramdisk %s: %s", b->req->ramdisk, strerror(errno));
	}
	if (fstat(b->ramdisk_fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		return fail(err, "ramdisk %s: not a regular file", b->req->ramdisk);
	}
	if (st.st_size == 0) {
		return fail(err, "ramdisk %s: empty", b->req->ramdisk);
	}
	b->ramdisk_size = (uint64_t)st.st_size;
	return 0;
}

static int check_free_memory(struct build *b, char **err)
{
	uint64_t need = (b->req->memory >> 12) + DOMAIN_OVERHEAD +
			VCPU_OVERHEAD * b->req->vcpus_max;
	struct xen_sysctl_physinfo info;
	uint64_t avail;
	int rc = hcall_physinfo(b->h, &info);

	if (rc < 0) {
		return fail(err, "can't ask the hypervisor how much memory is free: %s",
			    strerror(-rc));
	}
	avail = info.free_pages > info.outstanding_pages ? info.free_pages - info.outstanding_pages
							 : 0;
	if (need > avail) {
		return fail(err, "%llu MiB of memory asked for, but only %llu MiB are free",
			    (unsigned long long)(b->req->memory >> 20),
			    (unsigned long long)(avail >> 8));
	}
	return 0;
}

static int say(char **err, const char *step, int rc)
{
	return fail(err, "the hypervisor refused to %s: %s", step, strerror(-rc));
}

static int create_domain(struct build *b, char **err)
{
	struct hcall_domain_config config = {
		.max_vcpus = b->req->vcpus_max,
		.max_evtchn_port = MAX_EVTCHN_PORT,
		.max_grant_frames = MAX_GRANT_FRAMES,
		.max_maptrack_frames = MAX_MAPTRACK_FRAMES,
	};
	int rc;

	memcpy(config.uuid, b->req->uuid, sizeof(config.uuid));
	rc = hcall_domain_create(b->h, &config, &b->dom->domid);
	return rc < 0 ? say(err, "create a domain", rc) : 0;
}

static int allocate_port(struct build *b, uint32_t *port, char **err)
{
	int rc = hcall_evtchn_alloc_unbound(b->h, b->dom->domid, 0);

	if (rc < 0) {
		return say(err, "allocate an event channel", rc);
	}
	*port = (uint32_t)rc;
	return 0;
}

/* Limits and ports: everything that needs no memory yet. */
static int set_up_domain(struct build *b, char **err)
{
	uint64_t max = b->req->memory_max > b->req->memory ? b->req->memory_max : b->req->memory;
	domid_t domid = b->dom->domid;
	struct xen_domctl_getdomaininfo info;
	int rc;

	rc = hcall_domain_max_vcpus(b->h, domid, b->req->vcpus_max);
	if (rc < 0) {
		return say(err, "create its vCPUs", rc);
	}
	rc = hcall_domain_max_mem(b->h, domid, (max >> 10) + 1024);
	if (rc < 0) {
		return say(err, "set its memory limit", rc);
	}
	if (allocate_port(b, &b->dom->store_port, err) < 0 ||
	    allocate_port(b, &b->dom->console_port, err) < 0) {
		return -1;
	}
	rc = hcall_set_memory_map(b->h, domid, max);
	if (rc < 0) {
		return say(err, "set its memory map", rc);
	}
	/* 64 bit is the default, and all that some hypervisors have. */
	hcall_domain_set_address_size(b->h, domid, 64);
	rc = hcall_domain_info(b->h, domid, &info);
	if (rc < 0) {
		return say(err, "describe the new domain", rc);
	}
	b->shared_info = info.shared_info_frame;
	return 0;
}

static int give_memory(struct build *b, char **err)
{
	/* A claim keeps others away from the memory meanwhile; not having it is only a race. */
	int claimed = hcall_claim_pages(b->h, b->dom->domid, b->layout.page_count);
	int rc = p2m_populate(b->h, b->dom->domid, b->frames, b->layout.page_count, err);

	if (claimed == 0) {
		hcall_claim_pages(b->h, b->dom->domid, 0);
	}
	return rc;
}

/* One chunk of kernel frames: zero, then whatever parts of segments fall in it. */
static int fill_kernel(void *arg, uint64_t at, void *chunk, size_t len, char **err)
{
	struct build *b = arg;
	uint64_t start = (b->layout.kernel.pfn << 12) + at, end = start + len;

	(void)err;
	memset(chunk, 0, len);
	for (unsigned int i = 0; i < b->kernel.notes.segment_count; i++) {
		const struct elfnotes_segment *s = &b->kernel.notes.segments[i];
		uint64_t from = s->paddr > start ? s->paddr : start;
		uint64_t to = s->paddr + s->file_size < end ? s->paddr + s->file_size : end;

		if (from < to) {
			memcpy((char *)chunk + (from - start),
			       b->kernel.data + s->offset + (from - s->paddr), to - from);
		}
	}
	return 0;
}

/*
 * By way of our own memory: a file system that reads straight into a program's pages, as 9p does
 * and others with O_DIRECT, cannot pin another domain's and answers EFAULT.
 */
static int fill_ramdisk(void *arg, uint64_t at, void *chunk, size_t len, char **err)
{
	struct build *b = arg;
	size_t want = b->ramdisk_size - at < len ? b->ramdisk_size - at : len;
	size_t got = 0;
	char piece[64 << 10];

	while (got < want) {
		size_t most = want - got < sizeof(piece) ? want - got : sizeof(piece);
		ssize_t n = pread(b->ramdisk_fd, piece, most, (off_t)(at + got));

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			return fail(err, "ramdisk %s: %s", b->req->ramdisk,
				    n < 0 ? strerror(errno) : "it shrank while it was read");
		}
		memcpy((char *)chunk + got, piece, (size_t)n);
		got += (size_t)n;
	}
	memset((char *)chunk + want, 0, len - want);
	return 0;
}

static int fill_tables(struct build *b, char **err)
{
	const struct layout *l = &b->layout;
	uint64_t *tables = xcalloc(l->page_tables.count, 4096);
	uint64_t *p2m_tables = xcalloc(l->p2m_tables.count, 4096);
	int rc;

	pagetables_build(l, b->frames, tables, p2m_tables);
	rc = p2m_write(b->h, b->dom->domid, b->frames, l->page_tables.pfn, tables,
		       l->page_tables.count << 12, err);
	if (rc == 0) {
		rc = p2m_write(b->h, b->dom->domid, b->frames, l->p2m_tables.pfn, p2m_tables,
			       l->p2m_tables.count << 12, err);
	}
	free(tables);
	free(p2m_tables);
	return rc;
}

static int fill_start_info(struct build *b, char **err)
{
	struct startinfo_ports ports = { b->dom->store_port, b->dom->console_port };
	static const char zero[8192];
	struct start_info si;

	startinfo_fill(&si, &b->layout, b->frames, b->shared_info, &ports, b->ramdisk_size,
		       b->req->cmdline);
	if (p2m_write(b->h, b->dom->domid, b->frames, b->layout.start_info.pfn, &si, sizeof(si),
		      err) < 0) {
		return -1;
	}
	/* The store and console pages follow it and must begin empty. */
	return p2m_write(b->h, b->dom->domid, b->frames, b->layout.store.pfn, zero, sizeof(zero),
			 err);
}

/*
 * Event delivery starts masked on every vCPU: the kernel has no handler yet, and the ports are live.  The rest
 * of the page is the hypervisor's: it comes clean, with the wall clock already in it.
 */
static int fill_shared_info(struct build *b, char **err)
{
	xen_pfn_t frame = b->shared_info;
	shared_info_t *si = hcall_map_foreign(b->h, b->dom->domid, &frame, 1);

	if (!si) {
		return fail(err, "can't map the new domain's shared info page: %m");
	}
	for (int i = 0; i < XEN_LEGACY_MAX_VCPUS; i++) {
		si->vcpu_info[i].evtchn_upcall_mask = 1;
	}
	hcall_unmap_foreign(b->h, si, 1);
	return 0;
}

static int fill_memory(struct build *b, char **err)
{
	const struct layout *l = &b->layout;
	domid_t domid = b->dom->domid;

	if (p2m_fill(b->h, domid, b->frames, l->kernel.pfn, l->kernel.count, fill_kernel, b, err) <
	    0) {
		return -1;
	}
	if (b->ramdisk_size && p2m_fill(b->h, domid, b->frames, l->module.pfn, l->module.count,
					fill_ramdisk, b, err) < 0) {
		return -1;
	}
	if (p2m_write(b->h, domid, b->frames, l->p2m.pfn, b->frames,
		      l->page_count * sizeof(uint64_t), err) < 0) {
		return -1;
	}
	if (fill_start_info(b, err) < 0 || fill_shared_info(b, err) < 0) {
		return -1;
	}
	return fill_tables(b, err);
}

static int fill_hypercall_page(struct build *b, char **err)
{
	const struct elfnotes *n = &b->kernel.notes;
	int rc;

	if (!n->has_hypercall_page) {
		return 0;
	}
	rc = hcall_domain_init_hypercall_page(b->h, b->dom->domid,
					      b->frames[(n->hypercall_page - n->virt_base) >> 12]);
	return rc < 0 ? say(err, "fill the hypercall page", rc) : 0;
}

/* From here on the hypervisor checks what was built. */
static int arm_domain(struct build *b, char **err)
{
	vcpu_guest_context_t ctx;
	domid_t domid = b->dom->domid;
	int rc = hcall_pin_l4(b->h, domid, b->frames[b->layout.page_tables.pfn]);

	if (rc < 0) {
		return say(err, "accept the new domain's page tables", rc);
	}
	startinfo_fill_vcpu(&ctx, &b->layout, b->frames, b->kernel.notes.virt_entry);
	rc = hcall_domain_set_vcpu(b->h, domid, 0, &ctx);
	if (rc < 0) {
		return say(err, "set its first vCPU", rc);
	}
	b->dom->store_mfn = b->frames[b->layout.store.pfn];
	b->dom->console_mfn = b->frames[b->layout.console.pfn];
	rc = hcall_set_grant(b->h, domid, GNTTAB_RESERVED_CONSOLE, 0,
			     (uint32_t)b->dom->console_mfn);
	if (rc == 0) {
		rc = hcall_set_grant(b->h, domid, GNTTAB_RESERVED_XENSTORE, 0,
				     (uint32_t)b->dom->store_mfn);
	}
	return rc < 0 ? say(err, "grant its console and store pages", rc) : 0;
}

static int build_in_domain(struct build *b, char **err)
{
	if (set_up_domain(b, err) < 0 || give_memory(b, err) < 0 || fill_memory(b, err) < 0 ||
	    fill_hypercall_page(b, err) < 0 || arm_domain(b, err) < 0) {
		hcall_domain_destroy(b->h, b->dom->domid);
		return -1;
	}
	return 0;
}

static int build_with_files(struct build *b, char **err)
{
	if (strlen(b->req->cmdline) > STARTINFO_MAX_CMDLINE) {
		return fail(err, "its kernel command line has %zu characters; %d are allowed",
			    strlen(b->req->cmdline), STARTINFO_MAX_CMDLINE);
	}
	if (kernel_open(b->req->kernel, &b->kernel, err) < 0 || open_ramdisk(b, err) < 0) {
		return -1;
	}
	if (layout_plan(&b->kernel.notes, b->req->memory >> 12, b->ramdisk_size, &b->layout, err) <
		    0 ||
	    check_free_memory(b, err) < 0) {
		return -1;
	}
	b->frames = xcalloc(b->layout.page_count, sizeof(uint64_t));
	if (create_domain(b, err) < 0) {
		return -1;
	}
	return build_in_domain(b, err);
}

int pvboot_build(struct hcall *h, const struct pvboot_request *req, struct pvboot_domain *out,
		 char **err)
{
	struct build b = { .h = h, .req = req, .ramdisk_fd = -1, .dom = out };
	int rc;

	memset(out, 0, sizeof(*out));
	rc = build_with_files(&b, err);
	free(b.frames);
	kernel_close(&b.kernel);
	if (b.ramdisk_fd >= 0) {
		close(b.ramdisk_fd);
	}
	return rc;
}
