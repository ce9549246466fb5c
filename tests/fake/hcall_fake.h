/*
 * A hypervisor of one page table's intelligence, linked in place of
 * libpav/hcall.c: it keeps domains and their memory in this process, counts what
 * is open, and can be told to fail its nth call.
 */
#ifndef PAVANE_TESTS_HCALL_FAKE_H
#define PAVANE_TESTS_HCALL_FAKE_H

#include "dom0-tools/libpav/hcall.h"

struct hcall_fake {
	unsigned int calls;   /* made since the last reset */
	unsigned int fail_at; /* this call fails with -ENOMEM; 0: none */
	uint64_t free_pages;
	int no_big_extents;	   /* order-9 extents can't be had */
	int domains;		   /* existing now */
	int mappings;		   /* foreign mappings open now */
	int created;		   /* domains ever created */
	uint64_t populated;	   /* frames given to the domain */
	uint64_t pinned;	   /* mfn of the pinned L4, or 0 */
	vcpu_guest_context_t vcpu; /* as set */
	uint32_t grants[8];	   /* frame of each grant entry */
	uint64_t hypercall_page;   /* mfn, or 0 */
};

extern struct hcall_fake hcall_fake;

/* Forgets everything; free_pages frames are free afterwards. */
void hcall_fake_reset(uint64_t free_pages);
/* The bytes of a machine frame; NULL if no domain has it. */
void *hcall_fake_frame(uint64_t mfn);
/* Whether p lies in a foreign mapping that is open now. */
int hcall_fake_is_foreign(const void *p);
/* Its shared info frame. */
uint64_t hcall_fake_shared_info(void);

#endif
