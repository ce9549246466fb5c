/*
 * A vCPU's context as the ABI has it (struct vcpu_guest_context): all of it is taken, or nothing
 * is changed; and told back.
 */
#include "arch/guest.h"
#include "base/bug.h"
#include "base/refuse.h"
#include "core/version.h"
#include "lib/string.h"
#include "mm/pagetype.h"
#include "pv/guest.h"
#include "x86/fpu.h"
#include "x86/pte.h"

#define IOPL_SHIFT 12
#define IOPL_MASK  (3UL << IOPL_SHIFT)

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

/*
 * Whichever mode it starts in must have page tables.  The assists are the domain's: they come with the first context
 * of its first vCPU.
 */
static bool context_valid(const struct vcpu *v, const struct vcpu_guest_context *c)
{
	return addresses_canonical(c) && (v->id != 0 || version_assists_valid(c->vm_assist)) &&
	       c->gdt_ents <= 14 * 512 &&
	       (!c->ldt_ents || segments_ldt_valid(c->ldt_base, c->ldt_ents)) &&
	       c->ctrlreg[3] >> PAGE_SHIFT &&
	       ((c->flags & VGCF_in_kernel) || c->ctrlreg[1] >> PAGE_SHIFT);
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
	int rc = guest_hold_bases(d, kernel, user);

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
	guest_drop_base(d, &kernel);
	guest_drop_base(d, &user);
	spin_unlock(&d->pages.pt_lock);
	return rc;
}

static void set_registers(struct pv_vcpu *p, const struct cpu_user_regs *u)
{
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
	p->iopl = (u->rflags & IOPL_MASK) >> IOPL_SHIFT;
	p->sel = (struct selectors){ u->ds, u->es, u->fs, u->gs };
}

/* Which mode it starts in, its segments' bases, and the stack of its kernel. */
static void set_mode(struct pv_vcpu *p, const struct vcpu_guest_context *c)
{
	p->kernel_mode = c->flags & VGCF_in_kernel;
	p->fs_base = c->fs_base;
	p->gs_base = p->kernel_mode ? c->gs_base_kernel : c->gs_base_user;
	p->other_gs_base = p->kernel_mode ? c->gs_base_user : c->gs_base_kernel;
	p->kernel_ss = c->kernel_ss | 3;
	p->kernel_sp = c->kernel_sp;
	p->cr0_ts = c->ctrlreg[0] & 8;
}

static void set_callbacks(struct vcpu *v, const struct vcpu_guest_context *c)
{
	struct pv_vcpu *p = v->pv;

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
}

static void set_debug_registers(struct vcpu *v, const struct vcpu_guest_context *c)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(c->debugreg); i++) {
		if (i != 4 && i != 5) {
			debugreg_set(v, i, c->debugreg[i]); /* a bad one stays as it is */
		}
	}
}

int guest_vcpu_set_context(struct vcpu *v, const struct vcpu_guest_context *c)
{
	int rc = context_valid(v, c) ? guest_vcpu_equip(v)
				     : refuse_at(-XEN_EINVAL, REASON_BAD_CONTEXT, v->id);

	rc = rc ? rc : set_tables(v, c);
	if (rc) {
		return rc;
	}
	set_registers(v->pv, &c->user_regs);
	set_mode(v->pv, c);
	set_callbacks(v, c);
	if (c->flags & VGCF_I387_VALID) {
		fpu_set_legacy(v->pv->fpu, &c->fpu_ctxt);
	} else {
		fpu_reset(v->pv->fpu);
	}
	rc = segments_set_ldt(v, c->ldt_ents ? c->ldt_base : 0, (unsigned int)c->ldt_ents);
	BUG_ON(rc); /* looked at first */
	set_debug_registers(v, c);
	if (v->id == 0 && !v->initialised) {
		__atomic_store_n(&v->domain->vm_assist, (uint32_t)c->vm_assist, __ATOMIC_RELAXED);
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
	u->rflags = (r->rflags & ~IOPL_MASK) | (uint64_t)p->iopl << IOPL_SHIFT;
	u->saved_upcall_mask = v->info->evtchn_upcall_mask;
	u->ds = p->sel.ds, u->es = p->sel.es, u->fs = p->sel.fs, u->gs = p->sel.gs;
	c->flags = (p->kernel_mode ? VGCF_in_kernel : 0) | VGCF_I387_VALID |
		   (atomic_load(&v->pause_flags) & VPF_DOWN ? 0 : VGCF_online) |
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
	c->vm_assist = v->domain->vm_assist;
	c->ldt_base = p->ldt_entries ? p->ldt_base : 0;
	c->ldt_ents = p->ldt_entries;
	c->gdt_ents = p->gdt_entries;
	for (unsigned int i = 0; i < ARRAY_SIZE(p->gdt_frame); i++) {
		c->gdt_frames[i] = mfn_eq(p->gdt_frame[i], MFN_NONE) ? 0 : p->gdt_frame[i].n;
	}
	memcpy(c->trap_ctxt, p->traps, sizeof(c->trap_ctxt));
	memcpy(c->debugreg, p->dr, sizeof(c->debugreg));
	fpu_get_legacy(p->fpu, &c->fpu_ctxt);
}
