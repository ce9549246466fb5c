/*
 * A second vCPU that writes and reads where it is told, and so has in its TLB what it was told of.  It loses nothing of it by
 * itself: between jobs it stays in the guest.  stale_init() first, then worker_start(1).
 */
#ifndef PAVANE_ABI_STALE_H
#define PAVANE_ABI_STALE_H

#include "frontends/rt/child.h"
#include "frontends/rt/test.h"

#include <xen/sched.h>

#include "hypervisor/lib/string.h"

/* One byte written or read; a fault in it is its failure. */
bool poke(volatile char *at, char value);
int peek(volatile char *at);
extern char poke_at[], poke_failed[], peek_at[], peek_failed[];

__asm__(".pushsection .text\n"
	"poke:\n"
	"poke_at: movb %sil, (%rdi)\n\tmov $1, %eax\n\tret\n"
	"poke_failed: xor %eax, %eax\n\tret\n"
	"peek:\n"
	"peek_at: movzbl (%rdi), %eax\n\tret\n"
	"peek_failed: mov $-1, %eax\n\tret\n"
	".popsection");

static void on_page_fault(struct trap_frame *f)
{
	if (f->rip == (uint64_t)poke_at) {
		f->rip = (uint64_t)poke_failed;
	} else if (f->rip == (uint64_t)peek_at) {
		f->rip = (uint64_t)peek_failed;
	} else {
		print("VERDICT FAILURE page fault at %#lx\n", f->rip);
		guest_shutdown(SHUTDOWN_crash);
	}
}

static char *target;
static volatile bool poked;
static volatile int peeked;

static void job_poke(void)
{
	poked = poke(target, 0x5a);
}

static void job_peek(void)
{
	peeked = peek(target);
}

static inline bool it_writes(char *at)
{
	target = at;
	if (!worker_do(job_poke)) {
		CHECK(false, "the second vCPU answers");
	}
	return poked;
}

static inline int it_reads(char *at)
{
	target = at;
	if (!worker_do(job_peek)) {
		CHECK(false, "the second vCPU answers");
	}
	return peeked;
}

static inline void stale_init(void)
{
	trap_hook[14] = on_page_fault;
	CHECK_EQ(worker_start(1), 0, "a second vCPU");
}

/* ---- this one ---- */

/* Without a word about flushing. */
static inline long map_quietly(void *va, uint64_t mfn, uint64_t flags)
{
	return update_va_mapping((uint64_t)va, mfn << PAGE_SHIFT | flags, UVMF_NONE);
}

static inline long ext(unsigned int cmd, uint64_t mfn)
{
	struct mmuext_op op = { .cmd = cmd, .arg1.mfn = mfn };

	return mmuext_op(&op, 1, NULL, DOMID_SELF);
}

/* A page that the second vCPU has written, and so has in its TLB; read through another address by us. */
static inline uint64_t warm(char *va, char *alias)
{
	uint64_t mfn = virt_to_mfn(va);

	memset(va, 0, PAGE_SIZE);
	CHECK_EQ(update_va_mapping((uint64_t)alias, mfn << PAGE_SHIFT | PTE_P | PTE_US,
				   UVMF_INVLPG),
		 0, "another view of the page");
	CHECK(it_writes(va) && alias[0] == 0x5a, "the second vCPU writes the page");
	va[0] = 0;
	return mfn;
}

#define BATCH	512
#define BATCHES 200 /* more than the machine of the tests has */

/* Gives a domain memory until the frame is among it; how much does not matter. */
static inline bool is_given(domid_t id, uint64_t mfn)
{
	static xen_pfn_t list[BATCH];

	for (unsigned int batch = 0; batch < BATCHES; batch++) {
		long n;

		memset(list, 0, sizeof(list));
		n = domain_give(id, list, BATCH, 0);
		for (long i = 0; i < n; i++) {
			if (list[i] == mfn) {
				return true;
			}
		}
		if (n < BATCH) {
			break;
		}
	}
	return false;
}

#endif
