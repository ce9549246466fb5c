/*
 * What makes a domain a paravirtual one: where its page tables and descriptor
 * tables are, where it wants its traps, and its registers while it does not run.
 *
 * Guest kernel and guest user both run in ring 3; kernel_mode says which, and each has its
 * own L4.  The inactive mode's GS base sits in the CPU's shadow GS, so changing mode is
 * one swapgs and one CR3 load.
 */
#ifndef PAVANE_PV_GUEST_H
#define PAVANE_PV_GUEST_H

#include "lib/types.h"

#include <xen/errno.h>
#include <xen/xen.h>

#include "core/domain.h"
#include "core/vcpu.h"
#include "lib/types.h"
#include "x86/regs.h"

struct pirq_table;

struct pv_domain {
	uint64_t *l3; /* slot 260: the windows below, for all vCPUs */
	uint64_t *l2;
	uint64_t *l1[MAX_VCPUS / 16]; /* 16 vCPUs' windows a table */
	struct pirq_table *pirqs;
	uint32_t pci_address; /* the domain's view of port 0xcf8 */
};

struct pv_callback {
	uint64_t address;
	bool mask_events;
};

struct selectors {
	uint16_t ds, es, fs, gs;
};

struct pv_vcpu {
	struct regs regs; /* while not running */
	bool kernel_mode;
	bool has_run;
	uint64_t kernel_cr3,
		user_cr3; /* machine addresses of L4s; each holds a type reference; 0: none */
	uint64_t kernel_sp, kernel_ss;
	struct pv_callback event, failsafe, syscall, syscall32, sysenter;
	struct trap_info *traps; /* 256; as the FPU area, had with the first context */
	_Atomic bool nmi_pending;
	bool nmi_masked; /* from its delivery until the next iret */

	uint64_t fs_base, gs_base,
		other_gs_base; /* while not running; "other" belongs to the inactive mode */
	struct selectors sel;
	unsigned int gdt_entries;
	mfn_t gdt_frame[14]; /* each holds a FRAME_SEGDESC reference; MFN_NONE */
	uint64_t ldt_base;
	unsigned int ldt_entries;
	mfn_t ldt_frame[16];

	uint64_t cr0_ts; /* CR0.TS as the guest set it */
	uint64_t cr2;
	uint64_t dr[8];
	bool dr_used;
	unsigned int iopl;
	uint64_t io_bitmap; /* in the guest kernel's memory: a 0 bit opens a port to who lacks IOPL */
	uint32_t io_bitmap_ports;
	uint64_t xcr0;
	uint32_t tsc_aux;
	void *fpu;
};

/* What a vCPU must have to run; many never get a context, and go without. 0, -ENOMEM. */
int guest_vcpu_equip(struct vcpu *v);

/* A vCPU's windows in slot 260. */
#define GDT_WINDOW(v) (PERDOMAIN_BASE + (uint64_t)(v)->id * 0x20000)
#define LDT_WINDOW(v) (GDT_WINDOW(v) + 0x10000)
void guest_window_set(struct vcpu *v, unsigned int page,
		      uint64_t pte); /* page 0..15 GDT, 16..31 LDT */

struct regs *guest_regs(void); /* of the current vCPU */
static inline struct pv_vcpu *pv_of(struct vcpu *v)
{
	return v->pv;
}

/*
 * The domain that a paging hypercall names: the current one (unreferenced), or another that it controls,
 * referenced.  NULL: none such, and guest_named_error() says whether there is one at all: -ESRCH or -EPERM.
 * done gives back what was taken; NULL is fine.
 */
struct domain *guest_named_domain(domid_t id);
int guest_named_error(domid_t id);
void guest_named_done(struct domain *d);
/* How many requests of a list are done, if the caller wants to know: what is done is done, even if 'to' is a bad place. */
void guest_report_done(gva_t to, uint32_t done);
/*
 * Goes on with what earlier requests left of d's tables, as each request about them does first.  False: pending
 * work comes before the rest.
 */
bool guest_settle_tables(struct domain *d);

/* Changes between guest kernel and user mode of the current vCPU (CR3, GS). */
void guest_toggle_mode(struct vcpu *v);
/* CPUs on which the vCPUs of a mask (or all of d) are loaded. */
cpumask_t guest_cpus(struct domain *d, uint64_t vcpus);

/* bases.c */
/* Loads the L4 of the mode the current vCPU is in. */
void guest_load_cr3(struct vcpu *v);
/* A new base, with its references. 0, -errno, -ERESTART: ask again when pending work is done. */
int guest_set_base(struct vcpu *v, mfn_t l4, bool user);
/*
 * References for the bases (machine addresses) of a context that may yet be refused; user may be none.  -ERESTART: one of
 * them is not checked to its end yet, and the whole is to be asked again.
 */
int guest_hold_bases(struct domain *d, uint64_t kernel, uint64_t user);
void guest_drop_base(struct domain *d,
		     uint64_t *cr3); /* if there is one; the caller holds pt_lock */

/* Starts a CPU that has no vCPU yet: its idle loop. */
void guest_start_idle(void) __attribute__((noreturn));

/* bounce.c: traps and events into the current guest. */
void bounce_trap(struct vcpu *v, struct regs *r, unsigned int vector, bool has_error,
		 uint32_t error);
void bounce_gp(struct vcpu *v, struct regs *r, uint32_t error);
void bounce_page_fault(struct vcpu *v, struct regs *r, uint64_t cr2, uint32_t error);
bool bounce_callback(struct vcpu *v, struct regs *r, const struct pv_callback *cb);
bool bounce_failsafe(struct vcpu *v, struct regs *r, const struct selectors *sel);

/* segments.c */
int segments_set_gdt(struct vcpu *v, const uint64_t *frames, unsigned int entries);
void segments_drop_gdt(struct vcpu *v);
bool segments_ldt_valid(uint64_t base, uint64_t entries);
int segments_set_ldt(struct vcpu *v, uint64_t base, unsigned int entries);
void segments_drop_ldt(struct vcpu *v);
void segments_save(struct vcpu *v);
bool segments_load(struct vcpu *v); /* false: not all selectors could be loaded */
/* A page fault at a part of a descriptor table that is not mapped: true if it was, and is mended or passed on. */
bool segments_fault(struct vcpu *v, struct regs *r, uint64_t cr2, uint32_t error);

/* trapreg.c */
void trapreg_set(struct vcpu *v, const struct trap_info *t);

/* ptemul.c: a write by the guest to a page table it may only read. True if done. */
bool ptemul_write(struct vcpu *v, struct regs *r, uint64_t va);

/* privop.c: a #GP in guest-kernel mode. True if the instruction was emulated. */
bool privop_emulate(struct vcpu *v, struct regs *r);
/* ud2; "xen"; cpuid: True if it was that. */
bool privop_forced_cpuid(struct vcpu *v, struct regs *r);

/* cpuid.c, msr.c, ports.c */
void guest_cpuid(struct vcpu *v, uint32_t leaf, uint32_t sub, uint32_t *a, uint32_t *b, uint32_t *c,
		 uint32_t *d);
bool guest_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *value); /* false: #GP */
bool guest_wrmsr(struct vcpu *v, uint32_t msr, uint64_t value);
uint32_t guest_port_in(struct domain *d, unsigned int port, unsigned int bytes);
void guest_port_out(struct domain *d, unsigned int port, unsigned int bytes, uint32_t value);

/* debugreg.c */
bool debugreg_set(struct vcpu *v, unsigned int reg, uint64_t value);
uint64_t debugreg_get(struct vcpu *v, unsigned int reg);
void debugreg_save(struct vcpu *v);
void debugreg_load(struct vcpu *v);

/* dom0_build.c: makes and starts the control domain from the first module; panics with one sentence if it can't. */
struct bootinfo;
void dom0_build(uint64_t mem_bytes, uint64_t most_bytes, unsigned int vcpus);

#endif
