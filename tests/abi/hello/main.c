/*
 * The start-of-day state a builder promises: magic, page list, tables that are
 * read-only, shared page, an initial clock; and that both ways to make a hypercall agree.
 */
#include "frontends/rt/test.h"

#include <xen/features.h>
#include <xen/version.h>

#include "hypervisor/lib/string.h"

extern char hypercall_page[];

enum verdict guest_main(void)
{
	long (*version)(int cmd, void *arg) =
		(long (*)(int, void *))(hypercall_page + 32 * __HYPERVISOR_xen_version);
	struct xen_feature_info features = { .submap_idx = 0 };
	const uint64_t *pte = pte_of((void *)start_info->pt_base, 1);
	xen_extraversion_t extra;

	print("hello: %lu pages\n", start_info->nr_pages);
	CHECK(strncmp(start_info->magic, "xen-3.0-x86_64", 14) == 0, "magic %s", start_info->magic);
	CHECK(start_info->nr_pages >= 1024, "at least 4 MiB");
	CHECK_EQ(version_op(XENVER_version, NULL), 4 << 16 | 17, "version 4.17");
	CHECK_EQ(version(XENVER_version, NULL), 4 << 16 | 17, "hypercall page");
	CHECK_EQ(version_op(XENVER_extraversion, extra), 0, "extraversion");
	CHECK(memchr(extra, 0, sizeof(extra)), "extraversion ends");
	CHECK_EQ(version_op(XENVER_extraversion, (void *)8), -XEN_EFAULT, "bad address is a fault");
	CHECK_EQ(version_op(XENVER_extraversion, (void *)0xffff830000000000), -XEN_EFAULT,
		 "so is the hypervisor's");
	CHECK_EQ(version_op(12345, NULL), -XEN_ENOSYS, "unknown sub-command");
	CHECK_EQ(hcall1(63, 0), -XEN_ENOSYS, "unknown hypercall");
	CHECK_EQ(version_op(XENVER_get_features, &features), 0, "features");
	CHECK(features.submap & 1u << XENFEAT_mmu_pt_update_preserve_ad, "preserve_ad");
	CHECK(features.submap & 1u << XENFEAT_gnttab_map_avail_bits, "gnttab_map_avail_bits");
	CHECK(!(features.submap & 1u << XENFEAT_auto_translated_physmap), "not auto-translated");
	CHECK(!(features.submap & 1u << XENFEAT_writable_page_tables), "no writable page tables");
	CHECK_EQ(!!(features.submap & 1u << XENFEAT_dom0), is_control_domain(), "dom0 feature");
	CHECK(pte && (*pte & PTE_P) && !(*pte & PTE_RW), "the top table is mapped read-only");
	CHECK(!start_info->first_p2m_pfn ||
		      pfn_to_virt(start_info->first_p2m_pfn) >=
			      (void *)(start_info->pt_base + (start_info->nr_pt_frames << 12) +
				       (513UL << 10)),
	      "512 KiB behind the stack are free");
	CHECK_EQ(mfn_to_pfn(virt_to_mfn(&features)),
		 ((uint64_t)&features - 0xffffffff80000000) >> 12,
		 "machine-to-physical table agrees with the page list");
	for (unsigned int i = 0; i < 32; i++) {
		if (i && shared_info->vcpu_info[i].evtchn_upcall_mask != 1) {
			CHECK(false, "events of vCPU %u masked", i);
		}
	}
	CHECK(system_time() > 0, "system time");
	return SUCCESS;
}
