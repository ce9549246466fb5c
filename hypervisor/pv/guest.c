/*
 * The guest personality: creates and destroys what makes a domain paravirtual, and says which page
 * tables its vCPUs run on.  What guests may do to their tables is in mmu_update.c and mmuext.c.
 */
#include "pv/guest.h"

#include "arch/cpu.h"
#include "arch/guest.h"
#include "base/refuse.h"
#include "core/copy.h"
#include "core/hypercall.h"
#include "core/rights.h"
#include "lib/string.h"
#include "mm/alloc.h"
#include "mm/pagetype.h"
#include "mm/pool.h"
#include "x86/cpu.h"
#include "x86/fpu.h"
#include "x86/machine.h"
#include "x86/paging.h"
#include "x86/percpu.h"
#include "x86/pte.h"
#include "x86/tlb.h"
#include "pv/pirq.h"

struct regs *guest_regs(void)
{
	return &cpu_info()->regs;
}

int guest_domain_create(struct domain *d)
{
	struct pv_domain *p = pool_alloc(sizeof(*p));

	if (!p) {
		return refuse(-XEN_ENOMEM, REASON_NO_HEAP);
	}
	d->pv = p;
	p->l3 = alloc_page();
	p->l2 = alloc_page();
	if (!p->l3 || !p->l2 || pirq_table_create(d)) {
		guest_domain_destroy(d);
		return refuse(-XEN_ENOMEM, REASON_NO_HEAP);
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
			return refuse(-XEN_ENOMEM, REASON_NO_HEAP);
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
		return refuse(-XEN_ENOMEM, REASON_NO_HEAP);
	}
	v->pv = p;
	for (unsigned int i = 0; i < ARRAY_SIZE(p->gdt_frame); i++) {
		p->gdt_frame[i] = MFN_NONE;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(p->ldt_frame); i++) {
		p->ldt_frame[i] = MFN_NONE;
	}
	if (window_create(v)) {
		guest_vcpu_destroy(v);
		return -XEN_ENOMEM;
	}
	p->kernel_mode = true;
	p->xcr0 = 1;
	p->dr[6] = 0xffff0ff0;
	p->dr[7] = 0x400;
	return 0;
}

int guest_vcpu_equip(struct vcpu *v)
{
	struct pv_vcpu *p = v->pv;

	p->traps = p->traps ? p->traps : alloc_page();
	p->fpu = p->fpu ? p->fpu : fpu_alloc();
	return p->traps && p->fpu ? 0 : refuse(-XEN_ENOMEM, REASON_NO_HEAP);
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
		guest_drop_base(d, &v->pv->kernel_cr3);
		guest_drop_base(d, &v->pv->user_cr3);
		spin_unlock(&d->pages.pt_lock);
		/* What they let go may be all of its tables. */
		if (!guest_settle_tables(d)) {
			return -XEN_ERESTART;
		}
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
		return refuse_at(-XEN_ESRCH, REASON_NO_SUCH_DOMAIN, id);
	}
	domain_put(d);
	return refuse_at(-XEN_EPERM, REASON_NOT_CONTROLLED, id);
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

void guest_report_done(gva_t to, uint32_t done)
{
	if (to) {
		(void)cpu_copy_to_guest(to, &done, sizeof(done));
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
