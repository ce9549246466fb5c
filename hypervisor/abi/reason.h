/*
 * Why something was refused: beside the errno of the ABI, which is all that the caller is told, each refusal has
 * one of these codes.  The last refusals of each domain are kept, and can be read by PAVANE_OP_refusals.
 */
#ifndef PAVANE_ABI_REASON_H
#define PAVANE_ABI_REASON_H

#include <stdint.h>

#include <xen/xen.h>

enum reason {
	REASON_NONE,
#define REASON(name, what, remedy) REASON_##name,
#include "reasons.h"
#undef REASON
	REASONS
};

/* One refusal; equal ones in a row are counted in one record. */
struct pavane_refusal {
	uint64_t time;	/* system time in ns, of the last */
	uint64_t value; /* what the reason is about, of the last */
	int32_t status; /* as the caller was told: -errno, or a GNTST_* */
	uint16_t reason;
	uint16_t vcpu;
	uint32_t call; /* hypercall number, or PAVANE_NO_CALL: an instruction was refused */
	uint32_t op;   /* its first argument, by which most say what they want */
	uint32_t times;
	uint32_t zero;
};
#define PAVANE_NO_CALL	       0xffffffffu

/*
 * Pavane's own hypercall, in one of the numbers that the ABI leaves to the architecture:
 * HYPERVISOR_pavane_op(cmd, arg).
 */
#define __HYPERVISOR_pavane_op __HYPERVISOR_arch_7

/*
 * PAVANE_OP_refusals: the last refusals of a domain, oldest first.  Any domain may ask about itself, the control domain
 * about all.  0, -EFAULT, -ESRCH, -EPERM; -ENOSYS: another hypervisor.
 */
#define PAVANE_OP_refusals     0
#define PAVANE_REFUSALS	       16 /* so many are kept */
struct pavane_refusals {
	domid_t domid;
	uint16_t zero[3];
	uint64_t total; /* out: refusals since the domain was made */
	uint32_t count; /* in: room; out: records written */
	uint32_t zero2;
	uint64_t records; /* address of struct pavane_refusal[count] */
};

#endif
