/*
 * What the ABI defines and we do not serve answers ENOSYS or EOPNOTSUPP, whatever the arguments, and harms nobody: the
 * calls of other kinds of guest and of other machinery, and every number without a call, up to the last.
 */
#include "frontends/rt/test.h"

#include "tests/abi/lib/pages.h"

static bool not_served(long rc)
{
	return rc == -XEN_ENOSYS || rc == -XEN_EOPNOTSUPP;
}

static void one(unsigned int nr, const char *name)
{
	static const uint64_t args[] = { 0, 1, ~0UL, 16, 0xffff830000000000UL };
	unsigned int good = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(args); i++) {
		good += not_served(
			hcall5(nr, args[i], args[(i + 1) % 5], args[i], args[i], args[i]));
		good += not_served(hcall2(nr, i, ptr_arg(args)));
	}
	CHECK_EQ(good, 2 * ARRAY_SIZE(args), "%s", name);
}

/* RAX has 64 bits. */
static long wide(uint64_t nr)
{
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(nr), "D"(0UL), "S"(0UL), "d"(0UL)
			 : "rcx", "r11", "r8", "r10", "memory");
	return result;
}

enum verdict guest_main(void)
{
	unsigned int refused = 0;

	one(__HYPERVISOR_kexec_op, "kexec_op");
	one(__HYPERVISOR_xsm_op, "xsm_op");
	one(__HYPERVISOR_hvm_op, "hvm_op");
	one(__HYPERVISOR_tmem_op, "tmem_op");
	one(__HYPERVISOR_argo_op, "argo_op");
	one(__HYPERVISOR_dm_op, "dm_op");
	one(__HYPERVISOR_hypfs_op, "hypfs_op");
	one(__HYPERVISOR_xenpmu_op, "xenpmu_op");
	/* The last of them is our own: tests/abi/reasons. */
	for (unsigned int nr = __HYPERVISOR_arch_1; nr < __HYPERVISOR_arch_7; nr++) {
		one(nr, "a call of no architecture");
	}
	for (unsigned int nr = 64; nr < 1024; nr++) {
		refused += hcall1(nr, 0) == -XEN_ENOSYS;
	}
	CHECK_EQ(refused, 1024 - 64, "numbers past the table");
	CHECK_EQ(hcall1(0x7fffffff, 0), -XEN_ENOSYS, "a large one");
	CHECK_EQ(hcall1(0xffffffff, 0), -XEN_ENOSYS, "a larger one");
	CHECK_EQ(wide(~0UL), -XEN_ENOSYS, "the last");
	return SUCCESS;
}
