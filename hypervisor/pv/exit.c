/*
 * A guest's ways in by system call, and its way back out: hypercalls, its processes' system calls,
 * and the last look, before it runs again, at what is due to it.  Called by entry.S.
 */
#include "arch/guest.h"
#include "base/stretch.h"
#include "core/hypercall.h"
#include "core/softirq.h"
#include "lib/string.h"
#include "pv/guest.h"
#include "x86/cpu.h"
#include "x86/percpu.h"
#include "x86/trap.h"

#define TRAP_NMI 2

void guest_enter(void) __attribute__((noreturn));
void syscall_from_guest(struct regs *r);
void syscall32_from_guest(struct regs *r);
void sysenter_from_guest(struct regs *r);
bool guest_exit(struct regs *r);

void syscall_from_guest(struct regs *r)
{
	struct vcpu *v = cpu_info()->current;

	if (likely(v->pv->kernel_mode)) {
		/* The ABI's call number is 32 bits wide. */
		r->rax = (uint64_t)hypercall_call((uint32_t)r->rax, r->rdi, r->rsi, r->rdx, r->r10,
						  r->r8);
	} else {
		bounce_callback(v, r, &v->pv->syscall);
	}
}

void syscall32_from_guest(struct regs *r)
{
	struct vcpu *v = cpu_info()->current;

	if (v->pv->kernel_mode || !v->pv->syscall32.address) {
		r->rip -= 2;
		bounce_gp(v, r, 0);
	} else {
		bounce_callback(v, r, &v->pv->syscall32);
	}
}

void sysenter_from_guest(struct regs *r)
{
	struct vcpu *v = cpu_info()->current;

	if (v->pv->kernel_mode || !v->pv->sysenter.address) {
		bounce_gp(v, r, 0);
	} else {
		bounce_callback(v, r, &v->pv->sysenter);
	}
}

void guest_call_name(uint32_t *call, uint32_t *op)
{
	const struct multicall_state *mc = multicall_current();
	const struct regs *r = guest_regs();

	if (mc->active) {
		*call = (uint32_t)mc->op;
		*op = (uint32_t)mc->args[0];
	} else if ((r->vector & REGS_SYSCALL) && cpu_info()->current->pv->kernel_mode) {
		*call = (uint32_t)r->rax;
		*op = (uint32_t)r->rdi;
	} else {
		*call = PAVANE_NO_CALL;
		*op = 0;
	}
}

void guest_hypercall_restart(unsigned int nr, unsigned int nargs, const uint64_t *args)
{
	struct regs *r = guest_regs();

	r->rip -= 2; /* back to the SYSCALL instruction */
	r->rax = nr;
	switch (nargs) {
	default:
		r->r8 = args[4];
		__attribute__((fallthrough));
	case 4:
		r->r10 = args[3];
		__attribute__((fallthrough));
	case 3:
		r->rdx = args[2];
		__attribute__((fallthrough));
	case 2:
		r->rsi = args[1];
		__attribute__((fallthrough));
	case 1:
		r->rdi = args[0];
		__attribute__((fallthrough));
	case 0:
		break;
	}
}

/* mov $nr, %eax; syscall; ret - and for iret the stack layout that its callers rely on. */
void guest_fill_hypercall_page(void *page)
{
	uint8_t *code = page;

	memset(code, 0xcc, PAGE_SIZE);
	for (unsigned int nr = 0; nr < PAGE_SIZE / 32; nr++, code += 32) {
		if (nr == __HYPERVISOR_iret) {
			/* push %rcx; push %r11; push %rax; mov $iret, %eax; syscall */
			memcpy(code, "\x51\x41\x53\x50\xb8\x17\x00\x00\x00\x0f\x05", 11);
			continue;
		}
		memcpy(code, "\x51\x41\x53\xb8", 4); /* push %rcx; push %r11; mov $nr, %eax */
		memcpy(code + 4, &nr, 4);
		memcpy(code + 8, "\x0f\x05\x41\x5b\x59\xc3",
		       6); /* syscall; pop %r11; pop %rcx; ret */
	}
}

static inline bool sysret_fits(const struct regs *r)
{
	return (r->vector & REGS_SYSCALL) && (r->cs == GUEST_CS64 || r->cs == 0x33) &&
	       ((int64_t)(r->rip << 16) >> 16) == (int64_t)r->rip && !(r->rflags & 0x10100);
}

void guest_send_nmi(struct vcpu *v)
{
	atomic_store(&v->pv->nmi_pending, true);
	vcpu_wake(v);
	/* Pairs with load_state(): either it is seen to run here, or the loader sees what is pending. */
	if (atomic_load(&v->running)) {
		softirq_raise_on(atomic_load(&v->cpu), SOFTIRQ_NMI);
	}
}

/* Masked from one to the next iret, like the machine's own; without a handler it is lost. */
static void deliver_nmi(struct vcpu *v, struct regs *r)
{
	struct pv_vcpu *p = v->pv;

	if (likely(!atomic_load(&p->nmi_pending)) || p->nmi_masked) {
		return;
	}
	atomic_store(&p->nmi_pending, false);
	if (p->traps[TRAP_NMI].address) {
		p->nmi_masked = true;
		bounce_trap(v, r, TRAP_NMI, false, 0);
	}
}

/* Due work, then at most one event; softirqs may have put another vCPU in this one's place. */
static out_of_line bool finish_work(struct regs *r)
{
	do {
		struct vcpu *v;

		while (softirq_pending()) {
			softirq_run();
		}
		v = cpu_info()->current;
		deliver_nmi(v, r);
		if (vcpu_event_pending(v) && v->pv->event.address) {
			bounce_callback(v, r, &v->pv->event);
			v->info->evtchn_upcall_mask = 1;
		}
	} while (softirq_pending()); /* crashed on the way */
	return sysret_fits(r);
}

/* The last look before the guest runs. */
bool guest_exit(struct regs *r)
{
	bool fits;

	stretch_look(false);
	fits = unlikely(softirq_pending()) || unlikely(vcpu_event_pending(cpu_info()->current))
		       ? finish_work(r)
		       : sysret_fits(r);

	stretch_pause();
	return fits;
}

/*
 * IRETQ refused the frame a guest asked for.  The guest's GPRs are in the fault's frame,
 * which lies just below, and over, the guest's own: take a copy, put it right, and tell the guest
 * as if it had happened where it wanted to go.
 */
void trap_exit_failed(struct regs *fault)
{
	struct regs copy = *fault;
	struct regs *r = guest_regs();
	struct vcpu *v = cpu_info()->current;
	uint64_t rip = r->rip, cs = r->cs, rflags = r->rflags, rsp = r->rsp, ss = r->ss;

	*r = copy;
	r->rip = rip;
	r->cs = cs;
	r->rflags = rflags;
	r->rsp = rsp;
	r->ss = ss;
	r->vector = copy.vector;
	if (copy.vector != 14 || !segments_fault(v, r, read_cr2(), copy.error_code)) {
		bounce_trap(v, r, copy.vector & 0xff, true, copy.error_code);
	}
	guest_enter();
}
