/*
 * The only ways in and out of guest memory for hypercall arguments.  Each
 * structure is copied in once, checked, then used.
 */
#ifndef PAVANE_CORE_COPY_H
#define PAVANE_CORE_COPY_H

#include "arch/cpu.h"

/* local = *gva; true on fault. */
#define copy_in(local, gva)	   (cpu_copy_from_guest((local), (gva), sizeof(*(local))) != 0)
#define copy_out(gva, local)	   (cpu_copy_to_guest((gva), (local), sizeof(*(local))) != 0)
/* Element i of an array. */
#define copy_in_at(local, gva, i)  copy_in(local, (gva) + (uint64_t)(i) * sizeof(*(local)))
#define copy_out_at(gva, i, local) copy_out((gva) + (uint64_t)(i) * sizeof(*(local)), local)
/* XEN_GUEST_HANDLE fields of ABI structs -> gva_t */
#define handle_gva(h)		   ((gva_t)(uintptr_t)(h).p)

#endif
