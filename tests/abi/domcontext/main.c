/*
 * A vCPU's context as the control domain reads it (XEN_DOMCTL_getvcpucontext; arch-x86/xen.h, struct vcpu_guest_context).
 * What was set is what is read, in every field that a guest has; set again as it was read, nothing changes; without
 * floating-point state means the state after reset.  Of one that has run it is where it was stopped:
 * registers, floating point, callbacks, its virtual I/O privilege and its descriptor table; and set again with
 * changes, it goes on with those and otherwise as if nothing had been.
 */
#define __XEN_TOOLS__ 1
#include "frontends/rt/child.h"
#include "frontends/rt/test.h"

#include <xen/domctl.h>
#include <xen/physdev.h>
#include <xen/vcpu.h>

#include "hypervisor/lib/string.h"

#define PATTERN 0x1111111111111111UL
#define GO	0x7777
#define IOPL1	0x1000
#define ALWAYS	0x202 /* the flag that is always set, and interrupts */
#define STATUS	0x8d5 /* carry to overflow */
#define MXCSR	3     /* its place in an area of FXSAVE, in words of 64 bits */
#define XMM0	20
#define FCW	0x27f /* the x87's control word, not as after reset */
#define ENTRIES 4

static struct child child;
static struct vcpu_guest_context set, got;

static long context(uint32_t cmd, unsigned int vcpu, struct vcpu_guest_context *c)
{
	child_ctl.u.vcpucontext.vcpu = vcpu;
	set_xen_guest_handle_raw(child_ctl.u.vcpucontext.ctxt, (void *)c);
	return child_domctl(cmd, child.id);
}

static long get(unsigned int vcpu)
{
	memset(&got, 0x5a, sizeof(got));
	return context(XEN_DOMCTL_getvcpucontext, vcpu, &got);
}

static uint64_t *fpu_of(struct vcpu_guest_context *c)
{
	return (uint64_t *)&c->fpu_ctxt;
}

/* ---- what was set ---- */

static void fill(uint64_t top)
{
	struct cpu_user_regs *r = &set.user_regs;
	uint64_t *general[] = { &r->r15, &r->r14, &r->r13, &r->r12, &r->rbp,
				&r->rbx, &r->r11, &r->r10, &r->r9,  &r->r8,
				&r->rax, &r->rcx, &r->rdx, &r->rsi, &r->rdi };

	memset(&set, 0, sizeof(set));
	for (unsigned int i = 0; i < ARRAY_SIZE(general); i++) {
		*general[i] = PATTERN * (i + 1);
	}
	r->rip = 0x1234567;
	r->rsp = 0x7654320;
	r->cs = FLAT_KERNEL_CS;
	r->ss = FLAT_KERNEL_SS;
	r->rflags = IOPL1 | ALWAYS | STATUS;
	set.flags = VGCF_in_kernel | VGCF_online | VGCF_i387_valid | VGCF_failsafe_disables_events |
		    VGCF_syscall_disables_events;
	set.fs_base = 0x11000;
	set.gs_base_kernel = 0x22000;
	set.gs_base_user = 0x33000;
	set.kernel_ss = FLAT_KERNEL_SS;
	set.kernel_sp = 0x44000;
	set.ctrlreg[0] = 0x80050033;
	set.ctrlreg[3] = top << PAGE_SHIFT;
	set.event_callback_eip = 0x55000;
	set.failsafe_callback_eip = 0x66000;
	set.syscall_callback_eip = 0x77000;
	set.debugreg[0] = 0x88000;
	set.debugreg[3] = 0x99000;
	set.trap_ctxt[14] = (struct trap_info){ 14, 4, FLAT_KERNEL_CS, 0xaa000 };
	set.trap_ctxt[0x80] = (struct trap_info){ 0x80, 3, FLAT_KERNEL_CS, 0xbb000 };
	fpu_of(&set)[0] = FCW;
	fpu_of(&set)[MXCSR] = 0x1f80;
	fpu_of(&set)[XMM0] = PATTERN; /* and what only it can hold */
}

static void is_as_set(const char *how)
{
	const struct cpu_user_regs *s = &set.user_regs, *g = &got.user_regs;

	CHECK(memcmp(s, g, 11 * sizeof(uint64_t)) == 0, "%s: R15 to RAX", how);
	CHECK(g->rcx == s->rcx && g->rdx == s->rdx && g->rsi == s->rsi && g->rdi == s->rdi,
	      "RCX, RDX, RSI, RDI");
	CHECK(g->rip == s->rip && g->rsp == s->rsp, "RIP, RSP");
	CHECK(g->cs == (s->cs | 3) && g->ss == (s->ss | 3), "CS, SS");
	CHECK_EQ(g->rflags, s->rflags, "flags, and the virtual I/O privilege among them");
	CHECK_EQ(got.fs_base, set.fs_base, "base of FS");
	CHECK_EQ(got.gs_base_kernel, set.gs_base_kernel, "base of GS");
	CHECK_EQ(got.gs_base_user, set.gs_base_user, "base of GS in user mode");
	CHECK(got.kernel_ss == (set.kernel_ss | 3) && got.kernel_sp == set.kernel_sp,
	      "kernel stack");
	CHECK(got.event_callback_eip == set.event_callback_eip &&
		      got.failsafe_callback_eip == set.failsafe_callback_eip &&
		      got.syscall_callback_eip == set.syscall_callback_eip,
	      "callbacks");
	CHECK_EQ(got.flags & ~VGCF_online, set.flags & ~VGCF_online, "flags of the context");
	CHECK_EQ(got.ctrlreg[3], set.ctrlreg[3], "page tables");
	CHECK_EQ(got.ctrlreg[1], 0, "none for user mode");
	CHECK_EQ(got.ctrlreg[0] & 0x80000009, 0x80000001, "CR0: paging, protection, no TS");
	CHECK(got.debugreg[0] == set.debugreg[0] && got.debugreg[3] == set.debugreg[3],
	      "breakpoints");
	CHECK(got.gdt_ents == 0 && got.ldt_ents == 0, "no descriptor tables");
	CHECK_EQ(fpu_of(&got)[0] & 0xffff, FCW, "the x87's control word");
	CHECK_EQ(fpu_of(&got)[XMM0], PATTERN, "floating point");
}

static unsigned int traps_that_differ(void)
{
	unsigned int differ = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(set.trap_ctxt); i++) {
		const struct trap_info *s = &set.trap_ctxt[i], *g = &got.trap_ctxt[i];

		/* Between the fields is nothing of anybody's. */
		differ += ((const uint32_t *)g)[1] != 0;
		differ += g->address != s->address ||
			  (s->address && (g->flags != s->flags || (g->cs | 3) != (s->cs | 3)));
	}
	return differ;
}

static void what_was_set(void)
{
	struct vcpu_guest_context before;

	CHECK_EQ(get(0), 0, "the context of one that has not run");
	before = got;
	CHECK_EQ(got.flags & VGCF_online, VGCF_online, "which is there");
	CHECK_EQ(get(1), -XEN_ENODATA, "another has none");
	fill(child.top);
	CHECK_EQ(context(XEN_DOMCTL_setvcpucontext, 0, &set), 0, "another context");
	CHECK_EQ(get(0), 0, "is read");
	is_as_set("of all");
	CHECK_EQ(traps_that_differ(), 0, "256 traps");
	set.flags &= ~(VGCF_failsafe_disables_events | VGCF_syscall_disables_events);
	set.ctrlreg[0] |= 8;
	set.user_regs.rflags = ALWAYS;
	CHECK_EQ(context(XEN_DOMCTL_setvcpucontext, 0, &set), 0, "with the others");
	CHECK_EQ(get(0), 0, "is read");
	CHECK_EQ(got.flags & (VGCF_failsafe_disables_events | VGCF_syscall_disables_events), 0,
		 "callbacks with events open");
	CHECK_EQ(got.user_regs.rflags, ALWAYS, "no privilege");
	CHECK_EQ(context(XEN_DOMCTL_getvcpucontext, 0, (void *)16), -XEN_EFAULT,
		 "to a bad address");
	CHECK_EQ(context(XEN_DOMCTL_setvcpucontext, 0, &before), 0, "the first one");
}

static bool is_up(unsigned int vcpu)
{
	memset(&child_ctl.u, 0, sizeof(child_ctl.u));
	child_ctl.u.getvcpuinfo.vcpu = vcpu;
	return child_domctl(XEN_DOMCTL_getvcpuinfo, child.id) == 0 &&
	       child_ctl.u.getvcpuinfo.online;
}

/* A vCPU may be given a context without being there, and come and go with a second. */
static void there_or_not(void)
{
	fill(child.top);
	set.flags &= ~VGCF_online;
	CHECK_EQ(context(XEN_DOMCTL_setvcpucontext, 1, &set), 0, "a vCPU that is down");
	CHECK_EQ(get(1), 0, "has a context");
	CHECK(!(got.flags & VGCF_online) && !is_up(1), "and is not there");
	set.flags |= VGCF_online;
	CHECK_EQ(context(XEN_DOMCTL_setvcpucontext, 1, &set), 0, "up");
	CHECK_EQ(get(1), 0, "again");
	CHECK((got.flags & VGCF_online) && is_up(1), "and is there");
	set.flags &= ~VGCF_online;
	CHECK_EQ(context(XEN_DOMCTL_setvcpucontext, 1, &set), 0, "down again");
	CHECK_EQ(get(1), 0, "and");
	CHECK(!(got.flags & VGCF_online) && !is_up(1), "not there, so it will not run");
}

/* The tables of one that has a context already may be for its kernel alone to change. */
static void descriptor_table(void)
{
	uint64_t base = (uint64_t)child_spare(0);
	long rc;

	set = got;
	set.ldt_base = base;
	set.ldt_ents = 24;
	rc = context(XEN_DOMCTL_setvcpucontext, 1, &set);
	CHECK(rc == 0 || rc == -XEN_EOPNOTSUPP, "an LDT: %ld", rc);
	CHECK_EQ(get(1), 0, "is read");
	CHECK(got.ldt_base == (rc ? 0 : base) && got.ldt_ents == (rc ? 0 : 24UL),
	      "if it was taken");
}

static void as_it_was_read(void)
{
	set = got;
	CHECK_EQ(context(XEN_DOMCTL_setvcpucontext, 1, &set), 0, "set as it was read");
	CHECK_EQ(get(1), 0, "read again");
	CHECK_EQ(memcmp(&set, &got, sizeof(set)), 0, "the same");
}

static void no_floating_point(void)
{
	set.flags &= ~(unsigned long)VGCF_i387_valid;
	CHECK_EQ(context(XEN_DOMCTL_setvcpucontext, 1, &set), 0, "without floating-point state");
	CHECK_EQ(get(1), 0, "is read");
	CHECK(!(got.flags & VGCF_i387_valid) ||
		      ((fpu_of(&got)[0] & 0xffff) == 0x37f &&
		       (uint32_t)fpu_of(&got)[MXCSR] == 0x1f80 && !fpu_of(&got)[XMM0]),
	      "it has none, or that of a reset");
}

/* ---- of one that has run ---- */

extern char spin[], spin_end[];
/* Registers with what nobody else has in them, until RAX says to go on; then some of them back. */
__asm__(".pushsection .text\n"
	"spin: push %rbp; push %rbx; mov %rdi, %r15\n"
	"mov $0x2222, %rbx; mov $0x3333, %rcx; mov $0x4444, %r12; movq %rcx, %xmm0\n"
	"1: pause; cmp $0x7777, %rax; jne 1b\n"
	"mov %rbx, (%r15); mov %r12, 8(%r15); movq %xmm0, 16(%r15)\n"
	"spin_end: pop %rbx; pop %rbp; ret\n.popsection");

static void put_ldt(void)
{
	struct mmuext_op op = { .cmd = MMUEXT_SET_LDT };

	update_va_mapping((uint64_t)child_spare(0),
			  virt_to_mfn(child_spare(0)) << PAGE_SHIFT | (PTE_USUAL & ~PTE_RW),
			  UVMF_INVLPG);
	op.arg1.linear_addr = (uint64_t)child_spare(0);
	op.arg2.nr_ents = ENTRIES;
	child_mail.word[1] = mmuext_op(&op, 1, NULL, DOMID_SELF);
}

static void runs(void)
{
	struct physdev_set_iopl level = { .iopl = 1 };

	put_ldt();
	hcall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, ptr_arg(&level));
	hcall2(__HYPERVISOR_set_debugreg, 1, 0x123450);
	upcalls_off();
	hcall2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_writable_pagetables);
	child_mail.word[0] = 1;
	((void (*)(long *))spin)(&child_mail.word[2]);
	child_mail.word[0] = hcall1(__HYPERVISOR_get_debugreg, 1) == 0x123450 ? 2 : 3;
	for (;;) {
		barrier();
	}
}

static void of_one_that_runs(void)
{
	const struct cpu_user_regs *r = &got.user_regs;

	CHECK_EQ(child_go(&child), 0, "it runs");
	CHECK(child_says(&child, 0, 1), "for a while");
	CHECK_EQ(child.mail[1], 0, "with a descriptor table");
	CHECK_EQ(child_domctl(XEN_DOMCTL_pausedomain, child.id), 0, "is stopped");
	CHECK_EQ(get(0), 0, "and read");
	CHECK(r->rip >= (uint64_t)spin && r->rip < (uint64_t)spin_end, "in the midst of its work");
	CHECK(r->rbx == 0x2222 && r->rcx == 0x3333 && r->r12 == 0x4444, "with its registers");
	CHECK_EQ(fpu_of(&got)[XMM0], 0x3333, "and floating point");
	CHECK_EQ(r->rflags & 0x3000, IOPL1, "I/O privilege");
	CHECK_EQ(got.debugreg[1], 0x123450, "breakpoint");
	CHECK(got.ldt_base == (uint64_t)child_spare(0) && got.ldt_ents == ENTRIES,
	      "descriptor table (%lu entries at %#lx)", got.ldt_ents, got.ldt_base);
	CHECK_EQ(got.trap_ctxt[14].address, trap_stubs[14], "traps");
	CHECK(got.event_callback_eip != 0, "and callbacks");
	CHECK_EQ(got.ctrlreg[3], child.top << PAGE_SHIFT, "tables");
	CHECK_EQ(got.vm_assist, 1UL << VMASST_TYPE_writable_pagetables,
		 "what assists it asked for");
	got.vm_assist |= 1UL << 63;
	CHECK_EQ(context(XEN_DOMCTL_setvcpucontext, 0, &got), -XEN_EINVAL, "one that is none");
	got.vm_assist = 1UL << VMASST_TYPE_4gb_segments;
}

static void goes_on(void)
{
	got.user_regs.rax = GO;
	got.user_regs.r12 = 0x4445;
	fpu_of(&got)[XMM0] = 0x3334;
	CHECK_EQ(context(XEN_DOMCTL_setvcpucontext, 0, &got), 0, "it is given back with changes");
	got.user_regs.rax = 0;
	CHECK(get(0) == 0 && got.user_regs.rax == GO, "as can be read");
	CHECK_EQ(got.vm_assist, 1UL << VMASST_TYPE_writable_pagetables,
		 "but for the assists, which are the domain's by now");
	CHECK_EQ(child_domctl(XEN_DOMCTL_unpausedomain, child.id), 0, "goes on");
	CHECK(child_says(&child, 0, 2), "with its breakpoint");
	CHECK_EQ(child.mail[2], 0x2222, "with what it had in RBX");
	CHECK_EQ(child.mail[3], 0x4445, "what is now in R12");
	CHECK_EQ(child.mail[4], 0x3334, "and in XMM0");
}

enum verdict guest_main(void)
{
	if (!is_control_domain()) {
		return SKIP;
	}
	CHECK_EQ(child_make(&child, page_alloc(), runs), 0, "a domain");
	what_was_set();
	there_or_not();
	descriptor_table();
	as_it_was_read();
	no_floating_point();
	of_one_that_runs();
	goes_on();
	CHECK(child_end(&child), "gone");
	return SUCCESS;
}
