/*
 * Multicalls: each entry is called as if alone and gets its own result; errors do not stop the list;
 * a list inside a list is refused; a long list is finished even if it is interrupted.
 */
#include "frontends/rt/test.h"

#include <xen/version.h>

#define LONG_LIST 20000

static long multicall(struct multicall_entry *list, unsigned int n)
{
	return hcall2(__HYPERVISOR_multicall, ptr_arg(list), n);
}

static struct multicall_entry many[LONG_LIST];

enum verdict guest_main(void)
{
	struct multicall_entry e[5] = {
		{ .op = __HYPERVISOR_xen_version, .args = { XENVER_version } },
		{ .op = 63 },
		{ .op = __HYPERVISOR_xen_version, .args = { XENVER_extraversion, 8 } },
		{ .op = __HYPERVISOR_multicall, .args = { ptr_arg(e), 1 } },
		{ .op = __HYPERVISOR_xen_version, .args = { XENVER_pagesize } },
	};
	unsigned int wrong = 0;
	uint64_t start;

	CHECK_EQ(multicall(e, 5), 0, "a list");
	CHECK_EQ(e[0].result, 4 << 16 | 17, "first result");
	CHECK_EQ(e[1].result, -XEN_ENOSYS, "unknown call");
	CHECK_EQ(e[2].result, -XEN_EFAULT, "a fault");
	CHECK_EQ(e[3].result, -XEN_EINVAL, "a list in a list");
	CHECK_EQ(e[4].result, PAGE_SIZE, "last result");
	CHECK_EQ(e[0].args[0], XENVER_version, "arguments are left alone");
	CHECK_EQ(multicall(e, 0), 0, "an empty list");
	CHECK_EQ(multicall((void *)8, 1), -XEN_EFAULT, "a list at a bad address");
	CHECK_EQ(multicall((void *)0xffff830000000000UL, 1), -XEN_EFAULT,
		 "or in the hypervisor's range");

	for (unsigned int i = 0; i < LONG_LIST; i++) {
		many[i] = (struct multicall_entry){ .op = __HYPERVISOR_xen_version,
						    .args = { XENVER_pagesize } };
	}
	/* A timer in the middle of it, again and again. */
	start = timer_count;
	for (unsigned int round = 0; round < 5; round++) {
		timer_arm(system_time() + 200000);
		CHECK_EQ(multicall(many, LONG_LIST), 0, "a long list");
	}
	for (unsigned int i = 0; i < LONG_LIST; i++) {
		wrong += many[i].result != PAGE_SIZE;
	}
	CHECK_EQ(wrong, 0, "every entry was called");
	CHECK(timer_count > start, "interrupted %lu times", (unsigned long)timer_count - start);
	return SUCCESS;
}
