/*
 * The C side of entry.S: sorts what came in.  From a guest: an upcall or an interrupt.
 * From the hypervisor itself: an interrupt in one of its two windows, a mended fault, or our own
 * mistake, which is reported with registers, stack and the names of the functions.
 */
#include "x86/trap.h"

#include <stdatomic.h>

#include "arch/cpu.h"
#include "arch/upcall.h"
#include "base/bug.h"
#include "base/log.h"
#include "base/stretch.h"
#include "lib/symbols.h"
#include "x86/cpu.h"
#include "x86/machine.h"
#include "x86/percpu.h"
#include "x86/pte.h"
#include "x86/ucopy.h"

struct extable_entry {
	uint64_t fault, fixup;
};
extern const struct extable_entry extable_start[], extable_end[];
extern char text_start[], text_end[], image_start[], exit_iretq[];
extern const struct symbols symbol_table;

size_t copy_bytes(void *to, const void *from, size_t n);
size_t clear_bytes(void *to, size_t n);

static const char *const trap_names[32] = {
	"divide error",
	"debug",
	"NMI",
	"breakpoint",
	"overflow",
	"bounds",
	"invalid opcode",
	"no device",
	"double fault",
	"coprocessor",
	"invalid TSS",
	"segment not present",
	"stack fault",
	"general protection",
	"page fault",
	"spurious",
	"x87",
	"alignment check",
	"machine check",
	"SIMD",
	"virtualization",
	"control protection",
};

static const struct extable_entry *find_fixup(uint64_t rip)
{
	for (const struct extable_entry *e = extable_start; e < extable_end; e++) {
		if (e->fault == rip) {
			return e;
		}
	}
	return NULL;
}

/* ---- the last words ---- */

#define MAX_CALLS   24
#define STACK_WORDS 32

static const struct regs *fault_of[MAX_CPUS]; /* why each CPU panics, if by a trap of its own */

static const char *trap_name(const struct regs *r)
{
	const char *name = trap_names[r->vector & 31];

	return name ? name : "trap";
}

static bool in_text(uint64_t a)
{
	return a >= (uint64_t)image_start && a < (uint64_t)text_end;
}

/* Behind a call that does not return stands the next function: hence 'back', 1 for a return address. */
static void print_place(uint64_t a, unsigned int back)
{
	uint32_t offset;
	const char *name = in_text(a) ? symbols_find(&symbol_table, (uint32_t)a - back, &offset)
				      : NULL;

	if (name) {
		log_err("    %016lx %s+%#x", a, name, offset + back);
	} else {
		log_err("    %016lx", a);
	}
}

/* Whatever the registers of a broken hypervisor point to: read with the copy that survives faults. */
static bool peek(void *to, uint64_t from, size_t n)
{
	return from >= HV_START && from <= HV_END - n && copy_bytes(to, (const void *)from, n) == 0;
}

static void print_chain(uint64_t rbp)
{
	uint64_t base = rbp & ~(STACK_SIZE - 1), frame[2];

	for (unsigned int i = 0; i < MAX_CALLS && rbp >= base && rbp + 16 <= base + STACK_SIZE &&
				 peek(frame, rbp, sizeof(frame)) && in_text(frame[1]);
	     i++) {
		print_place(frame[1], 1);
		rbp = frame[0];
	}
}

static void print_stack(uint64_t rsp)
{
	uint64_t end = (rsp & ~(STACK_SIZE - 1)) + STACK_SIZE, w[4];

	log_err("stack from %016lx:", rsp);
	for (unsigned int i = 0; i < STACK_WORDS / 4; i++, rsp += sizeof(w)) {
		if (rsp + sizeof(w) > end || !peek(w, rsp, sizeof(w))) {
			break;
		}
		log_err("    %016lx %016lx %016lx %016lx", w[0], w[1], w[2], w[3]);
	}
}

static void print_regs(const struct regs *r)
{
	log_err("vector %u (%s) error %#x", r->vector & 0xff, trap_name(r), r->error_code);
	log_err("RIP %04lx:%016lx  RSP %04lx:%016lx  RFLAGS %08lx", r->cs, r->rip, r->ss, r->rsp,
		r->rflags);
	log_err("RAX %016lx RBX %016lx RCX %016lx RDX %016lx", r->rax, r->rbx, r->rcx, r->rdx);
	log_err("RSI %016lx RDI %016lx RBP %016lx R8  %016lx", r->rsi, r->rdi, r->rbp, r->r8);
	log_err("R9  %016lx R10 %016lx R11 %016lx R12 %016lx", r->r9, r->r10, r->r11, r->r12);
	log_err("R13 %016lx R14 %016lx R15 %016lx CR2 %016lx", r->r13, r->r14, r->r15, read_cr2());
}

/* addr2line -e build/hv/pavane.elf (or build/hv-debug) turns the numbers into lines. */
void cpu_panic_details(void)
{
	const struct regs *r = fault_of[cpu_id()];
	uint64_t caller;

	if (r) {
		print_regs(r);
		print_stack(r->rsp);
		log_err("call chain:");
		print_place(r->rip, 0);
		if (!in_text(r->rip) && peek(&caller, r->rsp, sizeof(caller)) && in_text(caller)) {
			print_place(caller,
				    1); /* a call through a wild pointer: nothing else was pushed */
		}
		print_chain(r->rbp);
	} else {
		log_err("call chain:");
		print_chain((uint64_t)__builtin_frame_address(0));
	}
}

static __attribute__((noreturn)) void die(const struct regs *r)
{
	fault_of[cpu_id()] = r;
	panic("unexpected %s in the hypervisor", trap_name(r));
}

/* ---- sorting ---- */

static _Atomic uint32_t nmis, nmi_cpu; /* not yet told, and where the last one was */

void trap_tell_nmis(void)
{
	uint32_t n;

	if (likely(!atomic_load_explicit(&nmis, memory_order_relaxed))) {
		return;
	}
	n = atomic_exchange(&nmis, 0);
	if (n) {
		log_warn("%u NMI%s ignored, the last on CPU %u", n, n == 1 ? "" : "s",
			 atomic_load_explicit(&nmi_cpu, memory_order_relaxed));
	}
}

void trap_from_guest(struct regs *r)
{
	stretch_begin((r->vector & 0xff) < 32 ? STRETCH_TRAP : STRETCH_INTERRUPT, r->vector & 0xff);
	if (likely((r->vector & 0xff) < 32) || (r->vector & 0xff) == 0x80) {
		upcall_guest_trap(r);
	} else {
		irq_dispatch(r, (uint8_t)r->vector);
	}
}

void trap_from_hypervisor(struct regs *r)
{
	const struct extable_entry *fix;

	if (r->vector >= 32) {
		stretch_begin(STRETCH_INTERRUPT, r->vector);
		irq_dispatch(r, (uint8_t)r->vector);
		stretch_pause();
		return;
	}
	if (r->vector == 2) {
		/* It may have come while this very CPU holds the log's lock. */
		atomic_store_explicit(&nmi_cpu, cpu_id(), memory_order_relaxed);
		atomic_fetch_add(&nmis, 1);
		return;
	}
	if (r->vector == 1) {
		/*
		 * A guest's watchpoint on memory that we copy, or a trap it held back over its way in.  It sees
		 * neither; TF (SYSENTER keeps it) must not step through us.
		 */
		__asm__ volatile("mov %0, %%dr6" ::"r"(0xffff0ff0UL));
		r->rflags &= ~0x100ULL;
		return;
	}
	if (r->rip == (uint64_t)exit_iretq && r->vector >= 10 && r->vector <= 14) {
		trap_exit_failed(r); /* the guest's own frame is bad: does not return */
	}
	fix = find_fixup(r->rip);
	/* #NP too: a selector may name a descriptor that is not present. */
	if (fix && r->vector >= 11 && r->vector <= 14) {
		r->rip = fix->fixup;
		return;
	}
	die(r);
}

size_t cpu_copy_from_guest(void *to, gva_t from, size_t n)
{
	return guest_range(from, n) ? copy_bytes(to, (const void *)from, n) : n;
}

size_t cpu_copy_to_guest(gva_t to, const void *from, size_t n)
{
	return guest_range(to, n) ? copy_bytes((void *)to, from, n) : n;
}

size_t cpu_clear_guest(gva_t to, size_t n)
{
	return guest_range(to, n) ? clear_bytes((void *)to, n) : n;
}

/*
 * May interrupts in for an instant.  The handlers only raise softirqs, deliver
 * events and acknowledge, so one instruction's window is enough.
 */
void cpu_preempt_point(void)
{
	stretch_pause();
	__asm__ volatile("sti; nop; nop; cli" ::: "memory");
	stretch_resume();
}

unsigned int cpu_id(void)
{
	return cpu_info()->cpu;
}

struct vcpu *cpu_current(void)
{
	return cpu_info()->current;
}
