/*
 * The guest personality: creates and destroys what makes a domain paravirtual,
 * and switches a CPU from one vCPU to another.  The way back into a guest is guest_exit(),
 * called by entry.S; what guests may do to their tables is in mmu_update.c and mmuext.c.
 */
#include "pv/guest.h"

#include "arch/cpu.h"
#include "arch/guest.h"
#include "arch/upcall.h"
#include "base/bug.h"
#include "base/log.h"
#include "core/copy.h"
#include "core/hypercall.h"
#include "core/rights.h"
#include "core/sched/sched.h"
#include "core/softirq.h"
#include "core/time.h"
#include "lib/string.h"
#include "mm/alloc.h"
#include "mm/m2p.h"
#include "mm/pagetype.h"
#include "mm/pool.h"
#include "x86/cpu.h"
#include "x86/fpu.h"
#include "x86/io.h"
#include "x86/machine.h"
#include "x86/paging.h"
#include "x86/percpu.h"
#include "x86/pte.h"
#include "x86/tlb.h"
#include "x86/trap.h"
#include "pv/pirq.h"

#define TRAP_NMI 2

void stack_restart(void (*fn)(void)) __attribute__((noreturn));
void guest_enter(void) __attribute__((noreturn));
void syscall_from_guest(struct regs *r);
void syscall32_from_guest(struct regs *r);
void sysenter_from_guest(struct regs *r);
bool guest_exit(struct regs *r);

struct regs *guest_regs(void)
{
	return &cpu_info()->regs;
}

int guest_domain_create(struct domain *d)
{
	struct pv_domain *p = pool_alloc(sizeof(*p));

	if (!p) {
		return -XEN_ENOMEM;
	}
	d->pv = p;
	p->l3 = alloc_page();
	p->l2 = alloc_page();
	if (!p->l3 || !p->l2 || pirq_table_create(d)) {
		guest_domain_destroy(d);
		return -XEN_ENOMEM;
	}
	p->l3[0] = mfn_to_paddr(virt_to_frame(p->l2)) | PTE_P | PTE_RW | PTE_US | PTE_A;
	return 0;
}

void guest_domain_destroy(struct domain *d)
{
	struct pv_domain *p = d->pv;

	if (!p) {
		return;
	}
	pirq_table_destroy(d);
	for (unsigned int i = 0; i < ARRAY_SIZE(p->l1); i++) {
		if (p->l1[i]) {
			free_page(p->l1[i]);
		}
	}
	if (p->l2) {
		free_page(p->l2);
	}
	if (p->l3) {
		free_page(p->l3);
	}
	pool_free(p);
	d->pv = NULL;
}

static int window_create(struct vcpu *v)
{
	struct pv_domain *p = v->domain->pv;
	unsigned int i = v->id / 16;

	if (!p->l1[i]) {
		p->l1[i] = alloc_page();
		if (!p->l1[i]) {
			return -XEN_ENOMEM;
		}
		p->l2[i] = mfn_to_paddr(virt_to_frame(p->l1[i])) | PTE_P | PTE_RW | PTE_US | PTE_A;
	}
	return 0;
}

void guest_window_set(struct vcpu *v, unsigned int page, uint64_t pte)
{
	((struct pv_domain *)v->domain->pv)->l1[v->id / 16][(v->id % 16) * 32 + page] = pte;
}

int guest_vcpu_create(struct vcpu *v)
{
	struct pv_vcpu *p = pool_alloc(sizeof(*p));

	if (!p) {
		return -XEN_ENOMEM;
	}
	v->pv = p;
	for (unsigned int i = 0; i < ARRAY_SIZE(p->gdt_frame); i++) {
		p->gdt_frame[i] = MFN_NONE;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(p->ldt_frame); i++) {
		p->ldt_frame[i] = MFN_NONE;
	}
	p->traps = alloc_page();
	p->fpu = fpu_alloc();
	if (!p->traps || !p->fpu || window_create(v)) {
		guest_vcpu_destroy(v);
		return -XEN_ENOMEM;
	}
	p->kernel_mode = true;
	p->xcr0 = 1;
	p->dr[6] = 0xffff0ff0;
	p->dr[7] = 0x400;
	return 0;
}

void guest_vcpu_destroy(struct vcpu *v)
{
	struct pv_vcpu *p = v->pv;

	if (!p) {
		return;
	}
	if (p->traps) {
		free_page(p->traps);
	}
	fpu_free(p->fpu);
	pool_free(p);
	v->pv = NULL;
}

static void drop_base(struct domain *d, uint64_t *cr3)
{
	if (*cr3) {
		uint64_t old = *cr3;

		*cr3 = 0;
		pagetype_put(d, paddr_to_mfn(old));
	}
}

int guest_relinquish(struct domain *d)
{
	pirq_table_relinquish(d);
	for (unsigned int i = 0; i < d->max_vcpus; i++) {
		struct vcpu *v = d->vcpu[i];

		if (!v || !v->pv) {
			continue;
		}
		segments_drop_gdt(v);
		segments_drop_ldt(v);
		spin_lock(&d->pages.pt_lock);
		drop_base(d, &v->pv->kernel_cr3);
		drop_base(d, &v->pv->user_cr3);
		spin_unlock(&d->pages.pt_lock);
	}
	return 0;
}

void cpu_fill_l4(uint64_t *l4, const struct domain *d)
{
	memcpy(&l4[HV_FIRST_SLOT], &boot_l4_virt()[HV_FIRST_SLOT],
	       (HV_LAST_SLOT - HV_FIRST_SLOT + 1) * 8);
	l4[PERDOMAIN_SLOT] = mfn_to_paddr(virt_to_frame(d->pv->l3)) | PTE_P | PTE_RW | PTE_US |
			     PTE_A;
}

void guest_load_cr3(struct vcpu *v)
{
	struct pv_vcpu *p = v->pv;

	tlb_load_cr3(p->kernel_mode ? p->kernel_cr3 : p->user_cr3);
}

void guest_toggle_mode(struct vcpu *v)
{
	struct pv_vcpu *p = v->pv;

	p->kernel_mode = !p->kernel_mode;
	__asm__ volatile("swapgs" ::: "memory");
	guest_load_cr3(v);
}

cpumask_t guest_cpus(struct domain *d, uint64_t vcpus)
{
	cpumask_t cpus = 0;

	for (unsigned int i = 0; i < d->max_vcpus; i++) {
		struct vcpu *v = d->vcpu[i];

		if ((vcpus >> i & 1) && v && atomic_load(&v->running)) {
			cpus |= (cpumask_t)1 << atomic_load(&v->cpu);
		}
	}
	return cpus;
}

struct domain *guest_named_domain(domid_t id)
{
	struct domain *me = cpu_current()->domain, *d;

	if (id == DOMID_SELF || id == me->id) {
		return me;
	}
	d = domain_get(id);
	if (d && !rights_control(me, d)) {
		domain_put(d);
		return NULL;
	}
	return d;
}

int guest_named_error(domid_t id)
{
	struct domain *d = domain_get(id);

	if (!d) {
		return -XEN_ESRCH;
	}
	domain_put(d);
	return -XEN_EPERM;
}

void guest_named_done(struct domain *d)
{
	if (d && d != cpu_current()->domain) {
		domain_put(d);
	}
}

cpumask_t cpu_domain_cpus(uint16_t domid)
{
	struct dom_pages *p = dompages_find(domid);

	return p ? guest_cpus((struct domain *)p, ~0ULL) : CPUMASK_ALL;
}

void guest_tlb_flush(struct domain *d)
{
	tlb_flush_guest(guest_cpus(d, ~0ULL));
}

mfn_t guest_kernel_table(const struct vcpu *v)
{
	return paddr_to_mfn(v->pv->kernel_cr3);
}

/* ---- context switch ---- */

static void save_state(struct vcpu *v)
{
	struct pv_vcpu *p = v->pv;

	p->regs = cpu_info()->regs;
	segments_save(v);
	__asm__ volatile("clts");
	fpu_save(p->fpu, p->xcr0);
	debugreg_save(v);
}

static void load_state(struct vcpu *v)
{
	struct pv_vcpu *p = v->pv;
	unsigned int cpu = cpu_id();
	bool segments_ok;

	cpu_info()->regs = p->regs;
	tlb_leave_idle();
	guest_window_set(v, GDT_RESERVED_PAGE,
			 mfn_to_paddr(percpu_gdt_frame(cpu)) | PTE_P | PTE_RW | PTE_A | PTE_D);
	guest_load_cr3(v);
	percpu_load_gdt(GDT_WINDOW(v));
	segments_ok = segments_load(v);
	fpu_load(p->fpu, p->xcr0);
	if (p->cr0_ts) {
		__asm__ volatile("mov %0, %%cr0" ::"r"(0x80050033UL | p->cr0_ts));
	}
	debugreg_load(v);
	if (cpu_features.rdtscp) {
		wrmsr(MSR_TSC_AUX, p->tsc_aux);
	}
	/* The descriptors that its selectors name may have changed while it was away. */
	if (unlikely(!segments_ok) && p->failsafe.address) {
		bounce_failsafe(v, guest_regs(), &p->sel);
	}
	if (unlikely(atomic_load(&p->nmi_pending))) {
		softirq_raise(SOFTIRQ_NMI);
	}
}

static void load_idle(void)
{
	tlb_load_idle(boot_cr3);
	percpu_load_gdt(percpu_own_gdt_base(cpu_id()));
	__asm__ volatile("lldt %w0" ::"r"(0));
}

static __attribute__((noreturn)) void idle_loop(void)
{
	for (;;) {
		softirq_run();
		if (softirq_pending()) {
			continue;
		}
		if (alloc_scrub_step()) {
			cpu_preempt_point();
		} else {
			__asm__ volatile("sti; hlt; cli" ::: "memory");
		}
	}
}

/* The caller's stack is abandoned: what it needs from prev is in prev by now. */
void guest_switch(struct vcpu *prev, struct vcpu *next)
{
	if (prev->domain) {
		save_state(prev);
	}
	cpu_info()->current = next;
	if (!next->domain) {
		load_idle();
		sched_context_saved(prev);
		stack_restart(idle_loop);
	}
	load_state(next);
	sched_context_saved(prev);
	guest_enter();
}

void guest_start_idle(void)
{
	load_idle();
	stack_restart(idle_loop);
}

/* ---- hypercalls and system calls ---- */

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
	if (unlikely(softirq_pending()) || unlikely(vcpu_event_pending(cpu_info()->current))) {
		return finish_work(r);
	}
	return sysret_fits(r);
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

/* ---- contexts given and taken ---- */

/* Every address in it that the processor or we would go to. */
static bool addresses_canonical(const struct vcpu_guest_context *c)
{
	bool ok = va_canonical(c->user_regs.rip) && va_canonical(c->user_regs.rsp) &&
		  va_canonical(c->kernel_sp) && va_canonical(c->event_callback_eip) &&
		  va_canonical(c->failsafe_callback_eip) && va_canonical(c->syscall_callback_eip) &&
		  va_canonical(c->fs_base) && va_canonical(c->gs_base_kernel) &&
		  va_canonical(c->gs_base_user);

	for (unsigned int i = 0; ok && i < ARRAY_SIZE(c->trap_ctxt); i++) {
		ok = va_canonical(c->trap_ctxt[i].address);
	}
	return ok;
}

/* Whichever mode it starts in must have page tables. */
static bool context_valid(const struct vcpu_guest_context *c)
{
	return addresses_canonical(c) && c->gdt_ents <= 14 * 512 &&
	       (!c->ldt_ents || segments_ldt_valid(c->ldt_base, c->ldt_ents)) &&
	       c->ctrlreg[3] >> PAGE_SHIFT &&
	       ((c->flags & VGCF_in_kernel) || c->ctrlreg[1] >> PAGE_SHIFT);
}

void guest_report_done(gva_t to, uint32_t done)
{
	if (to) {
		(void)copy_out(to, &done);
	}
}

bool guest_settle_tables(struct domain *d)
{
	bool settled;

	if (likely(pagetype_settled(d))) {
		return true;
	}
	do {
		spin_lock(&d->pages.pt_lock);
		settled = pagetype_settle(d);
		spin_unlock(&d->pages.pt_lock);
	} while (!settled && !hypercall_preempt());
	return settled;
}

/* In use as something else is no other answer than being none. */
static int get_top_table(struct domain *d, mfn_t l4)
{
	int rc = pagetype_get(d, l4, FRAME_L4);

	return rc && rc != -XEN_ERESTART ? -XEN_EINVAL : rc;
}

int guest_set_base(struct vcpu *v, mfn_t l4, bool user)
{
	struct domain *d = v->domain;
	struct pv_vcpu *p = v->pv;
	uint64_t *cr3 = user ? &p->user_cr3 : &p->kernel_cr3, old;
	int rc = 0;

	if (!l4.n && !user) {
		return -XEN_EINVAL; /* a guest kernel always has tables */
	}
	spin_lock(&d->pages.pt_lock);
	if (d->pages.dying) {
		rc = -XEN_EINVAL; /* guest_relinquish() may have been here already */
	} else if (!pagetype_settled(d) && !pagetype_settle(d)) {
		rc = -XEN_ERESTART;
	} else if (l4.n) {
		rc = get_top_table(d, l4);
	}
	if (rc == 0) {
		old = *cr3;
		*cr3 = mfn_to_paddr(l4);
		if (v == cpu_current() && (l4.n || !user)) {
			guest_load_cr3(v);
		}
		if (old) {
			pagetype_put(d, paddr_to_mfn(old));
		}
	}
	spin_unlock(&d->pages.pt_lock);
	return rc;
}

/*
 * References for the bases of a context that may yet be refused; user may be none.  -ERESTART: one of them is not
 * checked to its end yet, and the whole is to be asked again.
 */
static int hold_bases(struct domain *d, uint64_t kernel, uint64_t user)
{
	int rc;

	spin_lock(&d->pages.pt_lock);
	if (d->pages.dying) {
		rc = -XEN_EINVAL;
	} else if (!pagetype_settled(d) && !pagetype_settle(d)) {
		rc = -XEN_ERESTART;
	} else {
		rc = get_top_table(d, paddr_to_mfn(kernel));
	}
	if (rc == 0 && user) {
		rc = get_top_table(d, paddr_to_mfn(user));
		if (rc) {
			pagetype_put(d, paddr_to_mfn(kernel));
		}
	}
	spin_unlock(&d->pages.pt_lock);
	return rc;
}

static void swap_bases(struct pv_vcpu *p, uint64_t *kernel, uint64_t *user)
{
	uint64_t k = p->kernel_cr3, u = p->user_cr3;

	p->kernel_cr3 = *kernel;
	p->user_cr3 = *user;
	*kernel = k;
	*user = u;
}

/* Page tables and descriptor table: all of them, or none. */
static int set_tables(struct vcpu *v, const struct vcpu_guest_context *c)
{
	uint64_t kernel = c->ctrlreg[3] & PAGE_MASK, user = c->ctrlreg[1] & PAGE_MASK, frames[14];
	struct domain *d = v->domain;
	int rc = hold_bases(d, kernel, user);

	if (rc) {
		return rc;
	}
	memcpy(frames, c->gdt_frames, sizeof(frames));
	rc = segments_set_gdt(v, frames, (unsigned int)c->gdt_ents);
	spin_lock(&d->pages.pt_lock);
	if (rc == 0) {
		swap_bases(v->pv, &kernel, &user);
	}
	/* The new ones that were refused, or the old ones that went. */
	drop_base(d, &kernel);
	drop_base(d, &user);
	spin_unlock(&d->pages.pt_lock);
	return rc;
}

int guest_vcpu_set_context(struct vcpu *v, const struct vcpu_guest_context *c)
{
	struct pv_vcpu *p = v->pv;
	const struct cpu_user_regs *u = &c->user_regs;
	int rc = context_valid(c) ? set_tables(v, c) : -XEN_EINVAL;

	if (rc) {
		return rc;
	}
	p->regs = (struct regs){
		.r15 = u->r15,
		.r14 = u->r14,
		.r13 = u->r13,
		.r12 = u->r12,
		.rbp = u->rbp,
		.rbx = u->rbx,
		.r11 = u->r11,
		.r10 = u->r10,
		.r9 = u->r9,
		.r8 = u->r8,
		.rax = u->rax,
		.rcx = u->rcx,
		.rdx = u->rdx,
		.rsi = u->rsi,
		.rdi = u->rdi,
		.rip = u->rip,
		.cs = u->cs | 3,
		.rsp = u->rsp,
		.ss = u->ss | 3,
		.rflags = (u->rflags & 0x44dd5) | 0x202,
	};
	/* Other vCPUs than the first never call set_iopl: their virtual I/O privilege comes with their flags. */
	p->iopl = (u->rflags >> 12) & 3;
	p->kernel_mode = c->flags & VGCF_in_kernel;
	p->sel = (struct selectors){ u->ds, u->es, u->fs, u->gs };
	p->fs_base = c->fs_base;
	p->gs_base = c->gs_base_kernel;
	p->other_gs_base = c->gs_base_user;
	if (!p->kernel_mode) {
		uint64_t t = p->gs_base;

		p->gs_base = p->other_gs_base;
		p->other_gs_base = t;
	}
	p->kernel_ss = c->kernel_ss | 3;
	p->kernel_sp = c->kernel_sp;
	p->cr0_ts = c->ctrlreg[0] & 8;
	p->event = (struct pv_callback){ c->event_callback_eip, true };
	p->failsafe = (struct pv_callback){ c->failsafe_callback_eip,
					    c->flags & VGCF_failsafe_disables_events };
	p->syscall = (struct pv_callback){ c->syscall_callback_eip,
					   c->flags & VGCF_syscall_disables_events };
	for (unsigned int i = 0; i < 256; i++) {
		trapreg_set(v, &(struct trap_info){ .vector = (uint8_t)i,
						    .flags = c->trap_ctxt[i].flags,
						    .cs = c->trap_ctxt[i].cs,
						    .address = c->trap_ctxt[i].address });
	}
	if (c->flags & VGCF_I387_VALID) {
		fpu_set_legacy(p->fpu, &c->fpu_ctxt);
	}
	rc = segments_set_ldt(v, c->ldt_ents ? c->ldt_base : 0, (unsigned int)c->ldt_ents);
	BUG_ON(rc); /* looked at first */
	for (unsigned int i = 0; i < ARRAY_SIZE(c->debugreg); i++) {
		if (i != 4 && i != 5) {
			debugreg_set(v, i, c->debugreg[i]); /* a bad one stays as it is */
		}
	}
	v->initialised = true;
	return 0;
}

void guest_vcpu_get_context(struct vcpu *v, struct vcpu_guest_context *c)
{
	const struct pv_vcpu *p = v->pv;
	const struct regs *r = &p->regs;
	struct cpu_user_regs *u = &c->user_regs;

	memset(c, 0, sizeof(*c));
	u->r15 = r->r15, u->r14 = r->r14, u->r13 = r->r13, u->r12 = r->r12;
	u->rbp = r->rbp, u->rbx = r->rbx, u->r11 = r->r11, u->r10 = r->r10;
	u->r9 = r->r9, u->r8 = r->r8, u->rax = r->rax, u->rcx = r->rcx;
	u->rdx = r->rdx, u->rsi = r->rsi, u->rdi = r->rdi;
	u->rip = r->rip, u->cs = (uint16_t)r->cs, u->rsp = r->rsp, u->ss = (uint16_t)r->ss;
	u->rflags = r->rflags;
	u->saved_upcall_mask = v->info->evtchn_upcall_mask;
	u->ds = p->sel.ds, u->es = p->sel.es, u->fs = p->sel.fs, u->gs = p->sel.gs;
	c->flags = (p->kernel_mode ? VGCF_in_kernel : 0) | VGCF_I387_VALID | VGCF_online |
		   (p->failsafe.mask_events ? VGCF_failsafe_disables_events : 0) |
		   (p->syscall.mask_events ? VGCF_syscall_disables_events : 0);
	c->fs_base = p->fs_base;
	c->gs_base_kernel = p->kernel_mode ? p->gs_base : p->other_gs_base;
	c->gs_base_user = p->kernel_mode ? p->other_gs_base : p->gs_base;
	c->kernel_ss = p->kernel_ss;
	c->kernel_sp = p->kernel_sp;
	c->ctrlreg[0] = 0x80050033 | p->cr0_ts;
	c->ctrlreg[1] = p->user_cr3;
	c->ctrlreg[2] = p->cr2;
	c->ctrlreg[3] = p->kernel_cr3;
	c->event_callback_eip = p->event.address;
	c->failsafe_callback_eip = p->failsafe.address;
	c->syscall_callback_eip = p->syscall.address;
	c->gdt_ents = p->gdt_entries;
	for (unsigned int i = 0; i < ARRAY_SIZE(p->gdt_frame); i++) {
		c->gdt_frames[i] = mfn_eq(p->gdt_frame[i], MFN_NONE) ? 0 : p->gdt_frame[i].n;
	}
	memcpy(c->trap_ctxt, p->traps, sizeof(c->trap_ctxt));
	memcpy(c->debugreg, p->dr, sizeof(c->debugreg));
	fpu_get_legacy(p->fpu, &c->fpu_ctxt);
}

void guest_time_scale(struct vcpu_time_info *t)
{
	uint64_t tsc;
	ns_t now;

	clock_read(&tsc, &now);
	t->tsc_timestamp = tsc;
	t->system_time = (uint64_t)now;
	clock_scale(&t->tsc_to_system_mul, &t->tsc_shift);
	t->flags = clock_tsc_stable() ? XEN_PVCLOCK_TSC_STABLE_BIT : 0;
}
