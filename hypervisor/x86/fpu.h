/* A vCPU's floating-point and vector state, saved and loaded whole at each switch. */
#ifndef PAVANE_X86_FPU_H
#define PAVANE_X86_FPU_H

#include "lib/types.h"

void fpu_setup(void);	    /* each CPU */
void *fpu_alloc(void);	    /* initial state; NULL: no memory */
void fpu_reset(void *area); /* as after reset */
void fpu_free(void *area);
void fpu_save(void *area, uint64_t xcr0); /* xcr0: what is loaded, the guest's own */
void fpu_load(void *area, uint64_t xcr0);
uint64_t fpu_host_xcr0(void); /* what the processor offers and we let through */
size_t fpu_area_size(void);
/* The legacy 512 bytes, in and out, for vcpu_guest_context. */
void fpu_set_legacy(void *area, const void *fxsave);
void fpu_get_legacy(const void *area, void *fxsave);
int xsetbv_safe(uint64_t v); /* nonzero: refused */

#endif
