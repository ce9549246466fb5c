/*
 * Single words of the current guest's memory, in the page tables that are loaded: for the paths
 * that every trap and system call takes, where a call to copy a few words would cost more than
 * the words.  Everything else uses cpu_copy_from_guest() and cpu_copy_to_guest().
 */
#ifndef PAVANE_X86_UCOPY_H
#define PAVANE_X86_UCOPY_H

#include "lib/types.h"
#include "x86/pte.h"

#define LOW_HALF_END 0x0000800000000000ULL

/* Are these n bytes (n > 0) all a guest's to name: below the hypervisor's range, or above it? */
static inline bool guest_range(gva_t a, size_t n)
{
	return a >= HV_END ? n <= -a : a < LOW_HALF_END && n <= LOW_HALF_END - a;
}

/* A fault at label 1 goes on at 'label'. */
#define ON_FAULT(label) ".pushsection .extable, \"a\"\n\t.quad 1b, %l[" #label "]\n\t.popsection"

/* The address has been checked with guest_range(); false: it cannot be read. */
static inline bool guest_get64(uint64_t *v, const uint64_t *at)
{
	__asm__ goto("1: mov %1, %0\n\t" ON_FAULT(fault) : "=r"(*v) : "m"(*at) : : fault);
	return true;
fault:
	return false;
}

/* Likewise; false: it cannot be written. */
static inline bool guest_put64(uint64_t *at, uint64_t v)
{
	__asm__ goto("1: mov %1, %0\n\t" ON_FAULT(fault) : : "m"(*at), "r"(v) : "memory" : fault);
	return true;
fault:
	return false;
}

#endif
