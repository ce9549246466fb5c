/* Hypercalls, directly by SYSCALL: number in RAX, arguments in RDI RSI RDX R10 R8. */
#ifndef PAVANE_RT_HCALL_H
#define PAVANE_RT_HCALL_H

#include <stdint.h>

#include <xen/xen.h>

/* refusals.c: an error came back. */
void hcall_watch(unsigned int nr, uint64_t a1, long rc);

static inline long hcall5(unsigned int nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
			  uint64_t a5)
{
	register uint64_t r10 __asm__("r10") = a4;
	register uint64_t r8 __asm__("r8") = a5;
	long result;
#ifdef HCALL_WATCHED
	uint64_t first = a1;
#endif

	__asm__ volatile("syscall"
			 : "=a"(result), "+D"(a1), "+S"(a2), "+d"(a3), "+r"(r10), "+r"(r8)
			 : "0"((uint64_t)nr)
			 : "rcx", "r11", "memory");
#ifdef HCALL_WATCHED
	if (result < 0 && result > -4096) {
		hcall_watch(nr, first, result);
	}
#endif
	return result;
}

#define hcall4(nr, a, b, c, d) hcall5(nr, a, b, c, d, 0)
#define hcall3(nr, a, b, c)    hcall5(nr, a, b, c, 0, 0)
#define hcall2(nr, a, b)       hcall5(nr, a, b, 0, 0, 0)
#define hcall1(nr, a)	       hcall5(nr, a, 0, 0, 0, 0)
#define ptr_arg(p)	       ((uint64_t)(uintptr_t)(p))

static inline long sched_op(int cmd, const void *arg)
{
	return hcall2(__HYPERVISOR_sched_op, (uint64_t)cmd, ptr_arg(arg));
}

static inline long vcpu_op(int cmd, unsigned int vcpu, const void *arg)
{
	return hcall3(__HYPERVISOR_vcpu_op, (uint64_t)cmd, vcpu, ptr_arg(arg));
}

static inline long event_op(int cmd, void *arg)
{
	return hcall2(__HYPERVISOR_event_channel_op, (uint64_t)cmd, ptr_arg(arg));
}

static inline long memory_op(int cmd, void *arg)
{
	return hcall2(__HYPERVISOR_memory_op, (uint64_t)cmd, ptr_arg(arg));
}

static inline long version_op(int cmd, void *arg)
{
	return hcall2(__HYPERVISOR_xen_version, (uint64_t)cmd, ptr_arg(arg));
}

static inline long grant_op(int cmd, void *ops, unsigned int count)
{
	return hcall3(__HYPERVISOR_grant_table_op, (uint64_t)cmd, ptr_arg(ops), count);
}

static inline long console_io(int cmd, unsigned int n, const void *buffer)
{
	return hcall3(__HYPERVISOR_console_io, (uint64_t)cmd, n, ptr_arg(buffer));
}

static inline long update_va_mapping(uint64_t va, uint64_t pte, uint64_t flags)
{
	return hcall3(__HYPERVISOR_update_va_mapping, va, pte, flags);
}

static inline long mmu_update(struct mmu_update *u, unsigned int n, unsigned int *done,
			      uint16_t domid)
{
	return hcall4(__HYPERVISOR_mmu_update, ptr_arg(u), n, ptr_arg(done), domid);
}

static inline long mmuext_op(struct mmuext_op *op, unsigned int n, unsigned int *done,
			     uint16_t domid)
{
	return hcall4(__HYPERVISOR_mmuext_op, ptr_arg(op), n, ptr_arg(done), domid);
}

#endif
