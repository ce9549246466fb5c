/* The fake behind the builder's tests: one domain at a time, frames numbered from FIRST_MFN. */
#include "tests/fake/hcall_fake.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define FIRST_MFN  0x1000ull
#define MAX_FRAMES (64ull << 10)

struct hcall {
	int unused;
};

struct hcall_fake hcall_fake;

static struct hcall the_hcall;
static uint8_t *frames[MAX_FRAMES];
static uint64_t next_frame;

/* Frame 0 is the shared info page. */
uint64_t hcall_fake_shared_info(void)
{
	return FIRST_MFN;
}

static void free_frames(void)
{
	for (uint64_t i = 0; i < MAX_FRAMES; i++) {
		free(frames[i]);
		frames[i] = NULL;
	}
	next_frame = 1;
}

void hcall_fake_reset(uint64_t free_pages)
{
	memset(&hcall_fake, 0, sizeof(hcall_fake));
	hcall_fake.free_pages = free_pages;
	free_frames();
}

/* Frames get their bytes when somebody first looks at them, full of garbage as real ones may be; the shared info page is clean. */
void *hcall_fake_frame(uint64_t mfn)
{
	uint64_t i = mfn - FIRST_MFN;

	if (mfn < FIRST_MFN || i >= next_frame) {
		return NULL;
	}
	if (!frames[i]) {
		frames[i] = malloc(4096);
		memset(frames[i], i == 0 ? 0 : 0xa5, 4096);
	}
	return frames[i];
}

static bool must_fail(void)
{
	return ++hcall_fake.calls == hcall_fake.fail_at;
}

#define STEP()                          \
	do {                            \
		if (must_fail()) {      \
			return -ENOMEM; \
		}                       \
	} while (0)

struct hcall *hcall_open(char **err)
{
	(void)err;
	return &the_hcall;
}

void hcall_close(struct hcall *h)
{
	(void)h;
}

int hcall_domain_create(struct hcall *h, const struct hcall_domain_config *config, domid_t *domid)
{
	(void)h;
	(void)config;
	STEP();
	hcall_fake.domains++;
	hcall_fake.created++;
	*domid = 7;
	return 0;
}

int hcall_domain_max_vcpus(struct hcall *h, domid_t domid, uint32_t max)
{
	(void)h;
	(void)domid;
	(void)max;
	STEP();
	return 0;
}

int hcall_domain_max_mem(struct hcall *h, domid_t domid, uint64_t kib)
{
	(void)h;
	(void)domid;
	(void)kib;
	STEP();
	return 0;
}

int hcall_domain_destroy(struct hcall *h, domid_t domid)
{
	(void)h;
	if (domid != 7 || !hcall_fake.domains) {
		return -ESRCH;
	}
	hcall_fake.domains--;
	return 0;
}

/* Optional: a hypervisor may not have it. */
int hcall_domain_set_address_size(struct hcall *h, domid_t domid, uint32_t bits)
{
	(void)h;
	(void)domid;
	(void)bits;
	return -EOPNOTSUPP;
}

int hcall_claim_pages(struct hcall *h, domid_t domid, uint64_t count)
{
	(void)h;
	(void)domid;
	(void)count;
	return -ENOSYS;
}

int hcall_domain_init_hypercall_page(struct hcall *h, domid_t domid, uint64_t mfn)
{
	(void)h;
	(void)domid;
	STEP();
	hcall_fake.hypercall_page = mfn;
	return 0;
}

int hcall_domain_set_vcpu(struct hcall *h, domid_t domid, uint32_t vcpu,
			  const vcpu_guest_context_t *ctx)
{
	(void)h;
	(void)domid;
	(void)vcpu;
	STEP();
	hcall_fake.vcpu = *ctx;
	return 0;
}

int hcall_domain_info(struct hcall *h, domid_t domid, struct xen_domctl_getdomaininfo *info)
{
	(void)h;
	STEP();
	memset(info, 0, sizeof(*info));
	info->domain = domid;
	info->shared_info_frame = FIRST_MFN;
	return 0;
}

int hcall_populate(struct hcall *h, domid_t domid, unsigned int order, size_t count,
		   xen_pfn_t *list)
{
	size_t i;

	(void)h;
	(void)domid;
	STEP();
	if (order && hcall_fake.no_big_extents) {
		return 0;
	}
	for (i = 0; i < count; i++) {
		if (next_frame + (1ull << order) > MAX_FRAMES) {
			break;
		}
		list[i] = FIRST_MFN + next_frame;
		next_frame += 1ull << order;
		hcall_fake.populated += 1ull << order;
	}
	return (int)i;
}

int hcall_set_memory_map(struct hcall *h, domid_t domid, uint64_t bytes)
{
	(void)h;
	(void)domid;
	(void)bytes;
	STEP();
	return 0;
}

int hcall_pin_l4(struct hcall *h, domid_t domid, uint64_t mfn)
{
	(void)h;
	(void)domid;
	STEP();
	hcall_fake.pinned = mfn;
	return 0;
}

int hcall_evtchn_alloc_unbound(struct hcall *h, domid_t domid, domid_t remote)
{
	static int port;

	(void)h;
	(void)domid;
	(void)remote;
	STEP();
	return 1 + port++ % 2;
}

int hcall_physinfo(struct hcall *h, struct xen_sysctl_physinfo *info)
{
	(void)h;
	STEP();
	memset(info, 0, sizeof(*info));
	info->free_pages = hcall_fake.free_pages;
	return 0;
}

/* A mapping is a run of copies here; what was written goes back when it is unmapped. */
struct mapping {
	void *p;
	uint64_t mfns[4096];
	size_t count;
};

static struct mapping open_mapping;

void *hcall_map_foreign(struct hcall *h, domid_t domid, const xen_pfn_t *list, size_t count)
{
	(void)h;
	(void)domid;
	if (must_fail() || open_mapping.p || count > 4096) {
		errno = ENOMEM;
		return NULL;
	}
	open_mapping.p = mmap(NULL, count << 12, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	open_mapping.count = count;
	for (size_t i = 0; i < count; i++) {
		void *frame = hcall_fake_frame(list[i]);

		if (!frame) {
			munmap(open_mapping.p, count << 12);
			open_mapping.p = NULL;
			errno = EINVAL;
			return NULL;
		}
		open_mapping.mfns[i] = list[i];
		memcpy((char *)open_mapping.p + (i << 12), frame, 4096);
	}
	hcall_fake.mappings++;
	return open_mapping.p;
}

int hcall_fake_is_foreign(const void *p)
{
	return (uintptr_t)p - (uintptr_t)open_mapping.p < open_mapping.count << 12;
}

void hcall_unmap_foreign(struct hcall *h, void *p, size_t count)
{
	(void)h;
	for (size_t i = 0; i < count; i++) {
		memcpy(hcall_fake_frame(open_mapping.mfns[i]), (char *)p + (i << 12), 4096);
	}
	munmap(p, count << 12);
	open_mapping = (struct mapping){ 0 };
	hcall_fake.mappings--;
}

int hcall_set_grant(struct hcall *h, domid_t domid, uint32_t gref, domid_t to, uint32_t mfn)
{
	(void)h;
	(void)domid;
	(void)to;
	STEP();
	hcall_fake.grants[gref] = mfn;
	return 0;
}
