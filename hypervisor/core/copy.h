/*
 * The only ways in and out of guest memory for hypercall arguments.  Each
 * structure is copied in once, checked, then used.
 */
#ifndef PAVANE_CORE_COPY_H
#define PAVANE_CORE_COPY_H

#include <xen/errno.h>

#include "arch/cpu.h"
#include "base/refuse.h"

/*
 * True on fault, and recorded as a refusal at that address: the caller answers -EFAULT, or an operation's own status.
 * What nobody is told about is copied by the functions of arch/cpu.h.
 */
static inline bool copy_failed(gva_t at)
{
	refuse_at(-XEN_EFAULT, REASON_BAD_ADDRESS, at);
	return true;
}
static inline bool copy_bytes_in(void *local, gva_t at, size_t n)
{
	return cpu_copy_from_guest(local, at, n) != 0 && copy_failed(at);
}
static inline bool copy_bytes_out(gva_t at, const void *local, size_t n)
{
	return cpu_copy_to_guest(at, local, n) != 0 && copy_failed(at);
}
static inline bool copy_zeros_out(gva_t at, size_t n)
{
	return cpu_clear_guest(at, n) != 0 && copy_failed(at);
}
/* local = *gva, and the reverse. */
#define copy_in(local, gva)	   copy_bytes_in((local), (gva), sizeof(*(local)))
#define copy_out(gva, local)	   copy_bytes_out((gva), (local), sizeof(*(local)))
/* Element i of an array. */
#define copy_in_at(local, gva, i)  copy_in(local, (gva) + (uint64_t)(i) * sizeof(*(local)))
#define copy_out_at(gva, i, local) copy_out((gva) + (uint64_t)(i) * sizeof(*(local)), local)
/* XEN_GUEST_HANDLE fields of ABI structs -> gva_t */
#define handle_gva(h)		   ((gva_t)(uintptr_t)(h).p)

#endif
