/*
 * What the control domain reads of a vCPU's context is all that it may set: set again, here or in a domain restored from
 * it, it makes the same vCPU.  So it has the virtual I/O privilege among the flags, the LDT, and whether the vCPU is up;
 * and a context without floating-point state means the state after reset (public/domctl.h, xen_domctl_vcpucontext;
 * arch-x86/xen.h, struct vcpu_guest_context).
 */
#define __XEN_TOOLS__ 1
#include "frontends/rt/child.h"
#include "frontends/rt/test.h"

#include <xen/domctl.h>

#include "hypervisor/lib/string.h"

#define IOPL	  0x3000UL
#define FCW_RESET 0x37f
#define FCW_OTHER 0x27f
#define MXCSR_AT  24
#define XMM_AT	  160

static struct child child;
static struct vcpu_guest_context c, again;

static void never(void)
{
}

static long context(uint32_t cmd, struct vcpu_guest_context *at)
{
	memset(&child_ctl.u, 0, sizeof(child_ctl.u));
	set_xen_guest_handle_raw(child_ctl.u.vcpucontext.ctxt, (void *)at);
	return child_domctl(cmd, child.id);
}

static bool is_online(void)
{
	memset(&child_ctl.u, 0, sizeof(child_ctl.u));
	return child_domctl(XEN_DOMCTL_getvcpuinfo, child.id) == 0 &&
	       child_ctl.u.getvcpuinfo.online;
}

static uint16_t control_word(const struct vcpu_guest_context *from)
{
	uint16_t word;

	memcpy(&word, from->fpu_ctxt.x, sizeof(word));
	return word;
}

static void fill(void)
{
	uint16_t word = FCW_OTHER;

	c.user_regs.rflags |= IOPL | 0x45;
	c.user_regs.rbx = 0x1234;
	c.user_regs.fs = 3;
	c.debugreg[1] = 0x5678;
	c.trap_ctxt[3] = (struct trap_info){ 3, 3, FLAT_KERNEL_CS, 0x1000 };
	memcpy(c.fpu_ctxt.x, &word, sizeof(word));
	memset(c.fpu_ctxt.x + XMM_AT, 0x5a, 16);
	c.flags |= VGCF_I387_VALID;
	c.flags &= ~(unsigned long)VGCF_online;
}

static void reads_what_was_set(void)
{
	fill();
	CHECK_EQ(context(XEN_DOMCTL_setvcpucontext, &c), 0, "a context");
	memset(&again, 0xff, sizeof(again));
	CHECK_EQ(context(XEN_DOMCTL_getvcpucontext, &again), 0, "read");
	CHECK_EQ(again.user_regs.rflags & IOPL, IOPL, "its I/O privilege");
	CHECK_EQ(again.user_regs.rflags & 0x45, 0x45, "its other flags");
	CHECK(!is_online() && !(again.flags & VGCF_online), "it is down");
	CHECK_EQ(again.debugreg[1], 0x5678, "DR1");
	CHECK_EQ(again.trap_ctxt[3].address, 0x1000, "a trap");
	CHECK_EQ(control_word(&again), FCW_OTHER, "the x87's control word");
	CHECK_EQ(again.fpu_ctxt.x[XMM_AT + 15], 0x5a, "XMM0");
}

/* The tables of one that has a context already may be for its kernel alone to change. */
static void reads_the_ldt(void)
{
	uint64_t base = (uint64_t)child_spare(0);
	long rc;

	c = again;
	c.ldt_base = base;
	c.ldt_ents = 24;
	rc = context(XEN_DOMCTL_setvcpucontext, &c);
	CHECK(rc == 0 || rc == -XEN_EOPNOTSUPP, "an LDT: %ld", rc);
	CHECK_EQ(context(XEN_DOMCTL_getvcpucontext, &again), 0, "read");
	CHECK(again.ldt_base == (rc ? 0 : base) && again.ldt_ents == (rc ? 0 : 24UL),
	      "it is there if it was taken");
}

static void sets_what_was_read(void)
{
	c = again;
	CHECK_EQ(context(XEN_DOMCTL_setvcpucontext, &c), 0, "set as it was read");
	CHECK_EQ(context(XEN_DOMCTL_getvcpucontext, &again), 0, "read again");
	CHECK_EQ(memcmp(&c, &again, sizeof(c)), 0, "the same");
	c.flags |= VGCF_online;
	CHECK_EQ(context(XEN_DOMCTL_setvcpucontext, &c), 0, "up");
	CHECK_EQ(context(XEN_DOMCTL_getvcpucontext, &again), 0, "read");
	CHECK(is_online() && (again.flags & VGCF_online), "it is up");
}

static void no_floating_point(void)
{
	uint32_t mxcsr;

	c.flags &= ~(unsigned long)VGCF_I387_VALID;
	CHECK_EQ(context(XEN_DOMCTL_setvcpucontext, &c), 0, "without floating-point state");
	CHECK_EQ(context(XEN_DOMCTL_getvcpucontext, &again), 0, "read");
	memcpy(&mxcsr, again.fpu_ctxt.x + MXCSR_AT, sizeof(mxcsr));
	CHECK(!(again.flags & VGCF_I387_VALID) ||
		      (control_word(&again) == FCW_RESET && mxcsr == 0x1f80 &&
		       !again.fpu_ctxt.x[XMM_AT + 15]),
	      "it has none, or that of a reset");
}

enum verdict guest_main(void)
{
	static char *window;

	if (!is_control_domain()) {
		return SKIP;
	}
	window = page_alloc();
	CHECK_EQ(child_make(&child, window, never), 0, "a domain");
	CHECK_EQ(context(XEN_DOMCTL_getvcpucontext, &c), 0, "its context");
	reads_what_was_set();
	reads_the_ldt();
	sets_what_was_read();
	no_floating_point();
	CHECK(child_end(&child), "gone");
	return SUCCESS;
}
