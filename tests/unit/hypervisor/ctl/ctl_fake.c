/* See ctl_fake.h. */
#include "tests/unit/hypervisor/ctl/ctl_fake.h"

#include <string.h>

#include <xen/errno.h>

#include "arch/cpu.h"
#include "arch/guest.h"
#include "base/log.h"
#include "core/sched/sched.h"
#include "core/time.h"
#include "tests/fake/guest_fake.h"
#include "tests/unit/hypervisor/core/memory_world.h"
#include "x86/machine.h"

struct ctl_fake ctl;

int domain_create(domid_t *id, const struct domain_config *c, struct domain **out)
{
	ctl.asked_id = *id;
	ctl.config = *c;
	if (ctl.create_answer) {
		return ctl.create_answer;
	}
	*id = 5;
	*out = memory_domain(5, c->max_vcpus, c->max_pages);
	return 0;
}

int domain_kill(struct domain *d)
{
	(void)d;
	ctl.kills++;
	return ctl.kill_answer;
}

void domain_pause(struct domain *d)
{
	d->pause_count++;
	ctl.pauses++;
}

int domain_unpause(struct domain *d)
{
	ctl.unpauses++;
	if (!d->pause_count) {
		return -XEN_EINVAL;
	}
	d->pause_count--;
	return 0;
}

void domain_stop(struct domain *d)
{
	d->stop_count++;
	ctl.pauses++;
}

void domain_go_on(struct domain *d)
{
	d->stop_count--;
	ctl.unpauses++;
}

void domain_resume(struct domain *d)
{
	(void)d;
	ctl.resumes++;
}

uint64_t domain_count(void)
{
	uint64_t n = 0;
	unsigned int i;

	for (i = 0; i < WORLD_DOMAINS; i++) {
		n += world.domain[i] != NULL;
	}
	return n;
}

void time_update_domain(struct domain *d)
{
	(void)d;
	ctl.clock_updates++;
}

int sched_set_affinity(struct vcpu *v, cpumask_t mask)
{
	if (!ctl.affinity_answer) {
		v->affinity = mask;
	}
	return ctl.affinity_answer;
}

void sched_runstate_get(struct vcpu *v, struct vcpu_runstate_info *out)
{
	*out = v->runstate;
}

ns_t sched_cpu_idle_time(unsigned int cpu)
{
	return 1000 + cpu;
}

void vcpu_clear_flag(struct vcpu *v, uint32_t flag)
{
	atomic_fetch_and(&v->pause_flags, ~flag);
}

void vcpu_set_flag(struct vcpu *v, uint32_t flag)
{
	atomic_fetch_or(&v->pause_flags, flag);
}

int guest_vcpu_set_context(struct vcpu *v, const struct vcpu_guest_context *c)
{
	(void)v;
	ctl.context_rip = c->user_regs.rip;
	return ctl.context_answer;
}

void guest_vcpu_get_context(struct vcpu *v, struct vcpu_guest_context *c)
{
	(void)v;
	c->user_regs.rip = ctl.context_rip;
}

void guest_fill_hypercall_page(void *page)
{
	memset(page, 0xf4, PAGE_SIZE);
}

uint64_t clock_tsc_khz(void)
{
	return 2000000;
}

size_t log_read(char *buf, size_t size, uint32_t *index, bool incremental, bool clear)
{
	size_t from = incremental ? *index : 0, n = strlen(ctl.log + from);

	n = n < size ? n : size;
	memcpy(buf, ctl.log + from, n);
	*index = (uint32_t)(from + n);
	if (clear) {
		ctl.log = "";
	}
	return n;
}
