/*
 * Descriptor tables and segment bases.  A guest's GDT frames are checked and typed
 * FRAME_SEGDESC, then mapped in the vCPU's window of slot 260, where the CPU finds them in every
 * address space.  Pages 14 and 15 of the window are the hypervisor's.
 */
#include "arch/cpu.h"
#include "base/refuse.h"
#include "core/copy.h"
#include "core/hypercall.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/ptwalk.h"
#include "mm/segdesc.h"
#include "pv/guest.h"
#include "x86/cpu.h"
#include "x86/io.h"
#include "x86/percpu.h"
#include "x86/pte.h"
#include "x86/tlb.h"

int load_ds(unsigned int sel);
int load_es(unsigned int sel);
int load_fs(unsigned int sel);
int load_gs(unsigned int sel);
int load_user_gs(unsigned int sel);

#define WINDOW_FLAGS (PTE_P | PTE_RW | PTE_A | PTE_D | PTE_NX)

static void flush_window(struct vcpu *v)
{
	if (v == cpu_current()) {
		guest_load_cr3(v);
	}
}

void segments_drop_gdt(struct vcpu *v)
{
	struct pv_vcpu *p = v->pv;

	for (unsigned int i = 0; i < ARRAY_SIZE(p->gdt_frame); i++) {
		if (!mfn_eq(p->gdt_frame[i], MFN_NONE)) {
			guest_window_set(v, i, 0);
			frame_put_type(p->gdt_frame[i]);
			p->gdt_frame[i] = MFN_NONE;
		}
	}
	p->gdt_entries = 0;
}

int segments_set_gdt(struct vcpu *v, const uint64_t *frames, unsigned int entries)
{
	struct pv_vcpu *p = v->pv;
	unsigned int pages = (entries + 511) / 512, got;
	int rc = 0;

	if (pages > ARRAY_SIZE(p->gdt_frame)) {
		return refuse_at(-XEN_EINVAL, REASON_TABLE_SIZE, entries);
	}
	for (got = 0; got < pages; got++) {
		rc = frame_get_type(mfn(frames[got]), FRAME_SEGDESC, v->domain);
		if (rc) {
			while (got-- > 0) {
				frame_put_type(mfn(frames[got]));
			}
			return refuse_as(-XEN_EINVAL);
		}
	}
	segments_drop_gdt(v);
	for (unsigned int i = 0; i < pages; i++) {
		p->gdt_frame[i] = mfn(frames[i]);
		guest_window_set(v, i, mfn_to_paddr(mfn(frames[i])) | WINDOW_FLAGS);
	}
	p->gdt_entries = entries;
	flush_window(v);
	return 0;
}

long do_set_gdt(uint64_t list, uint64_t entries, uint64_t a3, uint64_t a4, uint64_t a5)
{
	uint64_t frames[14] = { 0 };

	(void)a3, (void)a4, (void)a5;
	if (entries > 14 * 512) {
		return refuse_at(-XEN_EINVAL, REASON_TABLE_SIZE, entries);
	}
	if (copy_bytes_in(frames, list, (entries + 511) / 512 * 8)) {
		return -XEN_EFAULT;
	}
	return segments_set_gdt(cpu_current(), frames, (unsigned int)entries);
}

/* ---- LDT ---- */

static void load_ldtr(struct vcpu *v)
{
	struct pv_vcpu *p = v->pv;
	uint64_t *slot = &percpu_gdt(cpu_id())[(LDT_SELECTOR - GDT_RESERVED_FIRST) / 8];
	uint64_t base = LDT_WINDOW(v), limit = (uint64_t)p->ldt_entries * 8 - 1;

	if (!p->ldt_entries) {
		__asm__ volatile("lldt %w0" ::"r"(0));
		return;
	}
	slot[0] = (limit & 0xffff) | (base & 0xffffff) << 16 | 0x82ULL << 40 |
		  (base >> 24 & 0xff) << 56;
	slot[1] = base >> 32;
	__asm__ volatile("lldt %w0" ::"r"(LDT_SELECTOR));
}

void segments_drop_ldt(struct vcpu *v)
{
	struct pv_vcpu *p = v->pv;

	for (unsigned int i = 0; i < ARRAY_SIZE(p->ldt_frame); i++) {
		if (!mfn_eq(p->ldt_frame[i], MFN_NONE)) {
			guest_window_set(v, 16 + i, 0);
			frame_put_type(p->ldt_frame[i]);
			p->ldt_frame[i] = MFN_NONE;
		}
	}
	p->ldt_entries = 0;
}

bool segments_ldt_valid(uint64_t base, uint64_t entries)
{
	return entries <= 8192 && !(base & ~PAGE_MASK) && va_canonical(base) &&
	       (base >= HV_END || base + entries * 8 <= HV_START || !entries);
}

/* False for a page that is not mapped, not the guest's own, or holds a bad descriptor. */
static bool map_ldt_page(struct vcpu *v, unsigned int i)
{
	struct pv_vcpu *p = v->pv;
	uint64_t e;

	if (!mfn_eq(p->ldt_frame[i], MFN_NONE)) {
		return false;
	}
	spin_lock(&v->domain->pages.pt_lock);
	e = ptwalk_l1e(paddr_to_mfn(p->kernel_cr3), p->ldt_base + i * PAGE_SIZE);
	spin_unlock(&v->domain->pages.pt_lock);
	if (!(e & PTE_P) || frame_get_type(PTE_MFN(e), FRAME_SEGDESC, v->domain)) {
		return false;
	}
	p->ldt_frame[i] = PTE_MFN(e);
	guest_window_set(v, 16 + i, (e & PTE_ADDR) | WINDOW_FLAGS);
	return true;
}

/* A page that is no table yet may become one before it is used: segments_fault(). */
int segments_set_ldt(struct vcpu *v, uint64_t base, unsigned int entries)
{
	struct pv_vcpu *p = v->pv;

	if (!segments_ldt_valid(base, entries)) {
		return refuse_at(-XEN_EINVAL, REASON_TABLE_SIZE, entries);
	}
	segments_drop_ldt(v);
	p->ldt_base = base;
	p->ldt_entries = entries;
	for (unsigned int i = 0; i * 512 < entries; i++) {
		map_ldt_page(v, i);
	}
	flush_window(v);
	if (v == cpu_current()) {
		load_ldtr(v);
	}
	return 0;
}

/*
 * In the LDT it is the guest's page that is missing, and the fault tells where; in the GDT there is no address.
 * The processor reads descriptors in its own right: a user's access is the guest's own attempt to look in here.
 */
bool segments_fault(struct vcpu *v, struct regs *r, uint64_t cr2, uint32_t error)
{
	unsigned int offset = (unsigned int)(cr2 & 0xffff);

	if (cr2 < PERDOMAIN_BASE || cr2 >= PERDOMAIN_BASE + (1ULL << 39) || (error & PF_USER)) {
		return false;
	}
	if (!(cr2 & 0x10000)) {
		bounce_gp(v, r, offset & 0xfff8);
	} else if (!map_ldt_page(v, offset / PAGE_SIZE)) {
		bounce_page_fault(v, r, v->pv->ldt_base + offset, error);
	}
	return true;
}

/* ---- descriptors ---- */

long do_update_descriptor(uint64_t maddr, uint64_t desc, uint64_t a3, uint64_t a4, uint64_t a5)
{
	struct domain *d = cpu_current()->domain;
	mfn_t m = paddr_to_mfn(maddr);
	enum frame_type t;

	(void)a3, (void)a4, (void)a5;
	if ((maddr & 7) || !frame_valid(m) || !segdesc_fix(&desc)) {
		return refuse_at(-XEN_EINVAL, REASON_BAD_DESCRIPTOR, maddr);
	}
	t = frame_type_of(frame_of(m)) == FRAME_SEGDESC ? FRAME_SEGDESC : FRAME_WRITABLE;
	if (frame_get_type(m, t, d)) {
		return refuse_as(-XEN_EINVAL);
	}
	*(volatile uint64_t *)((char *)frame_to_virt(m) + (maddr & ~PAGE_MASK)) = desc;
	frame_put_type(m);
	return 0;
}

/* ---- bases and selectors ---- */

long do_set_segment_base(uint64_t which, uint64_t base, uint64_t a3, uint64_t a4, uint64_t a5)
{
	(void)a3, (void)a4, (void)a5;
	which = (uint32_t)which; /* an int in the ABI */
	if (which == SEGBASE_GS_USER_SEL) {
		load_user_gs(base & 0xffff);
		return 0;
	}
	if (!va_canonical(base)) {
		return refuse_at(-XEN_EINVAL, REASON_NOT_CANONICAL, base);
	}
	switch (which) {
	case SEGBASE_FS:
		wrmsr(MSR_FS_BASE, base);
		return 0;
	case SEGBASE_GS_USER:
		wrmsr(MSR_SHADOW_GS_BASE, base);
		return 0;
	case SEGBASE_GS_KERNEL:
		wrmsr(MSR_GS_BASE, base);
		return 0;
	default:
		return refuse_at(-XEN_EINVAL, REASON_BAD_ARGUMENT, which);
	}
}

static struct selectors loaded_selectors(void)
{
	struct selectors s;

	__asm__ volatile("mov %%ds, %0; mov %%es, %1; mov %%fs, %2; mov %%gs, %3"
			 : "=rm"(s.ds), "=rm"(s.es), "=rm"(s.fs), "=rm"(s.gs));
	return s;
}

void segments_save(struct vcpu *v)
{
	struct pv_vcpu *p = v->pv;

	p->sel = loaded_selectors();
	p->fs_base = rdmsr(MSR_FS_BASE);
	p->gs_base = rdmsr(MSR_GS_BASE);
	p->other_gs_base = rdmsr(MSR_SHADOW_GS_BASE);
}

bool segments_load(struct vcpu *v)
{
	struct pv_vcpu *p = v->pv;
	int bad;

	load_ldtr(v);
	bad = load_ds(p->sel.ds) | load_es(p->sel.es) | load_fs(p->sel.fs) | load_gs(p->sel.gs);
	wrmsr(MSR_FS_BASE, p->fs_base);
	wrmsr(MSR_GS_BASE, p->gs_base);
	wrmsr(MSR_SHADOW_GS_BASE, p->other_gs_base);
	return bad == 0;
}
