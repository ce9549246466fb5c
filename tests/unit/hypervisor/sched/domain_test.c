/* Hypercall dispatch and multicalls, the life of domains, and what vCPUs may ask for. */
#include "tests/unit/hypervisor/sched/machine.h"

#include <string.h>

#include <criterion/criterion.h>

#include <xen/errno.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

#include "core/time.h"

#define VA(p) ((uint64_t)(uintptr_t)(p))

static struct domain *control, *guest;

static void start(void)
{
	machine_start(2, "credit");
	control = machine_domain(0, 1);
	guest = machine_domain(1, 2);
	machine_up(control);
	machine_settle();
	machine_on(atomic_load(&control->vcpu[0]->cpu));
	cr_assert_eq(cpu_current(), control->vcpu[0]);
}

/* Makes guest's vCPU 0 the current one. */
static void enter_guest(void)
{
	machine_up(guest);
	machine_settle();
	machine_on(atomic_load(&guest->vcpu[0]->cpu));
	while (cpu_current() != guest->vcpu[0]) {
		machine_run_until(machine.now + 1000000, NULL);
		machine_on(atomic_load(&guest->vcpu[0]->cpu));
	}
}

/* --- hypercalls --- */

static unsigned int calls, restart_at;

long do_mmu_update(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	calls++;
	if (restart_at && calls == restart_at) {
		return hypercall_restart(__HYPERVISOR_mmu_update, a + 100, b, c, d, e);
	}
	return (long)(a + b + c + d);
}

Test(hypercall, unknown_numbers_are_refused)
{
	start();
	cr_assert_eq(hypercall_call(63, 0, 0, 0, 0, 0), -XEN_ENOSYS);
	cr_assert_eq(hypercall_call(11, 0, 0, 0, 0, 0), -XEN_ENOSYS);
	cr_assert_eq(hypercall_call(64, 0, 0, 0, 0, 0), -XEN_ENOSYS);
	cr_assert_eq(hypercall_call(~0u, 0, 0, 0, 0, 0), -XEN_ENOSYS);
}

Test(hypercall, what_only_the_control_domain_may_is_refused_to_others)
{
	start();
	cr_assert_eq(hypercall_call(__HYPERVISOR_domctl, 0, 0, 0, 0, 0), 0);
	enter_guest();
	cr_assert_eq(hypercall_call(__HYPERVISOR_domctl, 0, 0, 0, 0, 0), -XEN_EPERM);
	cr_assert_eq(hypercall_call(__HYPERVISOR_sysctl, 0, 0, 0, 0, 0), -XEN_EPERM);
	cr_assert_eq(hypercall_call(__HYPERVISOR_physdev_op, 0, 0, 0, 0, 0), 0);
}

static struct multicall_entry list[100];

static void fill_list(void)
{
	for (unsigned int i = 0; i < 100; i++) {
		list[i] = (struct multicall_entry){ .op = __HYPERVISOR_mmu_update,
						    .args = { i, 1000, 0, 0 } };
	}
}

Test(multicall, each_entry_gets_its_own_result)
{
	start();
	fill_list();
	list[3].op = 63;
	list[4].op = __HYPERVISOR_multicall;
	list[5].op = 1ULL << 32;
	cr_assert_eq(do_multicall(VA(list), 100, 0, 0, 0), 0);
	for (unsigned int i = 6; i < 100; i++) {
		cr_assert_eq(list[i].result, i + 1000);
	}
	cr_assert_eq((long)list[3].result, -XEN_ENOSYS);
	cr_assert_eq((long)list[4].result, -XEN_EINVAL, "no multicall within a multicall");
	cr_assert_eq((long)list[5].result, -XEN_ENOSYS, "the number is not cut to 32 bits");
	cr_assert_eq(list[7].args[0], 7, "arguments stay as they were");
}

Test(multicall, preempted_list_goes_on_where_it_stopped)
{
	unsigned int rounds = 1;

	start();
	fill_list();
	machine.preempt_every = 2;
	if (do_multicall(VA(list), 100, 0, 0, 0) == __HYPERVISOR_multicall) {
		for (;; rounds++) {
			cr_assert(machine.restarted);
			cr_assert_eq(machine.restart[0], __HYPERVISOR_multicall);
			machine.restarted = false;
			softirq_run();
			if (do_multicall(machine.restart[1], machine.restart[2], 0, 0, 0) !=
			    __HYPERVISOR_multicall) {
				break;
			}
		}
	}
	cr_assert_gt(rounds, 2);
	cr_assert_eq(calls, 100, "each entry once");
	for (unsigned int i = 0; i < 100; i++) {
		cr_assert_eq(list[i].result, i + 1000);
	}
}

Test(multicall, work_is_looked_for_after_each_entry)
{
	start();
	fill_list();
	machine.preempt_every = 1;
	cr_assert_eq(do_multicall(VA(list), 100, 0, 0, 0), __HYPERVISOR_multicall);
	cr_expect_eq(calls, 1, "it may have taken as long as a call may");
	cr_expect_eq(machine.restart[2], 99);
}

Test(multicall, restarted_entry_is_rewritten_and_called_again)
{
	start();
	fill_list();
	restart_at = 4;
	cr_assert_eq(do_multicall(VA(list), 10, 0, 0, 0), __HYPERVISOR_multicall);
	cr_assert_eq(machine.restart[1], VA(&list[3]));
	cr_assert_eq(machine.restart[2], 7);
	cr_assert_eq(list[3].args[0], 103);
	cr_assert(!multicall_current()->active);
	cr_assert_eq(do_multicall(machine.restart[1], machine.restart[2], 0, 0, 0), 0);
	cr_assert_eq(list[3].result, 1103);
	cr_assert_eq(list[9].result, 1009);
}

Test(multicall, unreadable_list_is_a_fault)
{
	start();
	cr_assert_eq(do_multicall(8, 1, 0, 0, 0), -XEN_EFAULT);
	cr_assert_eq(do_multicall(8, 0, 0, 0, 0), 0);
	cr_assert(!multicall_current()->active);
}

Test(hypercall, restart_outside_a_multicall_sets_the_guests_registers)
{
	start();
	cr_assert_eq(hypercall_restart(26, 1, 2, 3, 4, 5), 26);
	cr_assert(machine.restarted);
	cr_assert_eq(machine.restart[0], 26);
	cr_assert_eq(machine.restart[5], 5);
}

/* --- domains --- */

Test(domain, is_born_paused_with_events_masked)
{
	start();
	machine_run_until(machine.now + 50000000, NULL);
	cr_assert_eq(guest->pause_count, 1);
	for (unsigned int i = 0; i < XEN_LEGACY_MAX_VCPUS; i++) {
		cr_assert_eq(guest->shared->vcpu_info[i].evtchn_upcall_mask, 1);
	}
	cr_assert(!vcpu_runnable(guest->vcpu[0]));
	cr_assert_eq(domain_unpause(guest), 0);
	cr_assert(!vcpu_runnable(guest->vcpu[0]), "still down");
	cr_assert_eq(domain_unpause(guest), -XEN_EINVAL);
}

Test(domain, stopped_by_the_hypervisor_is_not_for_the_control_domain_to_start)
{
	start();
	enter_guest();
	machine_on(atomic_load(&control->vcpu[0]->cpu));
	domain_stop(guest);
	cr_assert_eq(domain_unpause(guest), -XEN_EINVAL);
	cr_assert(!vcpu_runnable(guest->vcpu[0]));
	domain_pause(guest);
	domain_go_on(guest);
	cr_assert(!vcpu_runnable(guest->vcpu[0]), "paused");
	domain_stop(guest);
	cr_assert_eq(domain_unpause(guest), 0);
	cr_assert(!vcpu_runnable(guest->vcpu[0]), "stopped");
	domain_go_on(guest);
	cr_assert(vcpu_runnable(guest->vcpu[0]));
}

Test(domain, ids_are_found_and_not_reused_at_once)
{
	struct domain *d;
	domid_t id = DOMID_INVALID, second = DOMID_INVALID, taken = 1;
	struct domain_config c = { .max_vcpus = 1 };

	start();
	cr_assert_eq(domain_create(&taken, &c, &d), -XEN_EEXIST);
	cr_assert_eq(domain_create(&id, &c, &d), 0);
	cr_assert_neq(id, 1);
	cr_assert_eq(domain_kill(d), 0);
	machine_settle();
	cr_assert_null(domain_get(id));
	cr_assert_eq(domain_create(&second, &c, &d), 0);
	cr_assert_neq(second, id, "an id that has just gone means nothing else yet");
	c.max_vcpus = MAX_VCPUS + 1;
	cr_assert_eq(domain_create(&id, &c, &d), -XEN_EINVAL);
}

Test(domain, lookup_by_self_and_in_order)
{
	struct domain *d;

	start();
	machine_on(atomic_load(&control->vcpu[0]->cpu));
	d = domain_get(DOMID_SELF);
	cr_assert_eq(d, control);
	domain_put(d);
	d = domain_get_from(1);
	cr_assert_eq(d, guest);
	domain_put(d);
	cr_assert_null(domain_get_from(2));
	cr_assert_null(domain_get(DOMID_IO));
	cr_assert_eq(domain_count(), 2);
}

Test(domain, failing_creation_leaves_nothing)
{
	struct domain_config c = { .max_vcpus = 3 };
	unsigned int n;
	int rc = 1;

	start();
	for (n = 1; rc != 0; n++) {
		domid_t id = 77;
		unsigned int shared = machine.shared_pages;
		struct domain *d;

		machine.fail_after = n;
		machine.allocations = 0;
		rc = domain_create(&id, &c, &d);
		machine.fail_after = 0;
		if (rc) {
			cr_assert_eq(rc, -XEN_ENOMEM);
			cr_assert_eq(machine.shared_pages, shared);
			cr_assert_eq(domain_count(), 2);
			cr_assert_null(domain_get(77));
		}
	}
	cr_assert_gt(n, 6, "too few allocations were made to fail");
}

Test(domain, killing_goes_in_steps_and_ends_with_the_last_page)
{
	struct domain *other;

	start();
	enter_guest();
	machine_on(atomic_load(&control->vcpu[0]->cpu));
	other = domain_get(1);
	machine.relinquish_steps = 3;
	machine.abandon_steps = 2;
	machine.pages_left = 5;
	for (unsigned int i = 0; i < 5; i++) {
		cr_assert_eq(domain_kill(guest), -XEN_ERESTART);
		cr_assert(guest->dying && guest->evtchn.closed);
		/* Another caller's attempts in between wake nothing. */
		cr_assert_eq(domain_unpause(guest), -XEN_EINVAL);
		domain_pause(guest);
		cr_assert_eq(domain_unpause(guest), -XEN_EINVAL);
		domain_resume(guest);
		cr_assert(!vcpu_runnable(guest->vcpu[0]) && !vcpu_runnable(guest->vcpu[1]));
	}
	cr_assert_eq(domain_kill(guest), 0);
	machine_settle();
	cr_assert(!vcpu_runnable(guest->vcpu[0]));
	cr_assert_eq(machine.exc_virqs, 0);
	domain_put(other);
	machine_settle();
	cr_assert_eq(domain_count(), 2, "another domain still maps its pages");
	guest->pages.total = 0;
	domain_pages_gone(guest);
	domain_pages_gone(guest);
	machine_settle();
	cr_assert_eq(domain_count(), 1);
	cr_assert_eq(machine.exc_virqs, 1);
	cr_assert_null(domain_get(1));
	cr_assert_eq(machine.shared_pages, 1);
}

Test(domain, one_with_much_to_free_is_freed_in_steps)
{
	start();
	enter_guest();
	machine_on(atomic_load(&control->vcpu[0]->cpu));
	machine.shrink_steps = 3;
	cr_assert_eq(domain_kill(guest), 0);
	machine_settle();
	cr_assert_null(domain_get(1), "nobody finds it any more");
	for (unsigned int i = 0; i < 3; i++) {
		cr_assert_eq(domain_count(), 2);
		cr_assert(domain_half_freed());
		cr_assert_eq(machine.exc_virqs, 0);
		machine_run_until(machine.now + 10000, NULL);
	}
	cr_expect_eq(machine.shrink_steps, 0);
	cr_expect_eq(domain_count(), 1);
	cr_expect_not(domain_half_freed());
	cr_expect_eq(machine.exc_virqs, 1);
}

Test(domain, reference_keeps_a_killed_domain)
{
	struct domain *held;

	start();
	held = domain_get(1);
	cr_assert_eq(domain_kill(guest), 0);
	machine_settle();
	cr_assert_eq(domain_count(), 2);
	cr_assert(domain_get_again(held));
	domain_put(held);
	domain_put(held);
	machine_settle();
	cr_assert_eq(domain_count(), 1);
	cr_assert(!domain_get_again(held), "a stale pointer gives no reference");
}

Test(domain, nobody_kills_itself_or_the_control_domain)
{
	start();
	cr_assert_eq(domain_kill(control), -XEN_EINVAL);
	cr_assert(!control->dying);
}

Test(domain, shutdown_stops_all_vcpus_and_tells_once)
{
	struct sched_shutdown req = { .reason = SHUTDOWN_suspend };

	start();
	enter_guest();
	cr_assert_eq(do_sched_op(SCHEDOP_shutdown, VA(&req), 0, 0, 0), 0);
	machine_settle();
	cr_assert(guest->shutdown);
	cr_assert_eq(guest->shutdown_code, SHUTDOWN_suspend);
	cr_assert(!atomic_load(&guest->vcpu[0]->running) && !atomic_load(&guest->vcpu[1]->running));
	domain_shutdown(guest, SHUTDOWN_crash);
	cr_assert_eq(guest->shutdown_code, SHUTDOWN_suspend);
	cr_assert_eq(machine.exc_virqs, 1);
	domain_resume(guest);
	machine_settle();
	cr_assert(vcpu_runnable(guest->vcpu[0]) && !guest->shutdown);
	req.reason = SHUTDOWN_MAX + 1;
	machine_on(atomic_load(&control->vcpu[0]->cpu));
	cr_assert_eq(do_sched_op(SCHEDOP_shutdown, VA(&req), 0, 0, 0), -XEN_EINVAL);
}

Test(domain, crash_is_put_off_until_no_lock_is_held)
{
	start();
	enter_guest();
	spin_lock(&guest->lock);
	domain_crash(guest, "stack at %d", 42);
	spin_unlock(&guest->lock);
	cr_assert(!guest->shutdown);
	machine_settle();
	cr_assert(guest->shutdown);
	cr_assert_eq(guest->shutdown_code, SHUTDOWN_crash);
	cr_assert_not_null(strstr(machine.log, "stack at 42"));
	cr_assert(!atomic_load(&guest->vcpu[0]->running));
}

Test(domain, machine_follows_the_control_domain)
{
	start();
	domain_crash(control, "test");
	domain_noreboot = true;
	machine_settle();
	cr_assert_eq(machine.halts, 1);
	domain_noreboot = false;
	domain_crash(control, "test");
	machine_settle();
	cr_assert_eq(machine.reboots, 1);
}

/* --- vcpu_op --- */

Test(vcpu_op, is_up_tells_which_exist)
{
	start();
	machine_on(atomic_load(&control->vcpu[0]->cpu));
	cr_assert_eq(do_vcpu_op(VCPUOP_is_up, 0, 0, 0, 0), 1);
	for (unsigned int i = 1; i < 8192; i++) {
		cr_assert_eq(do_vcpu_op(VCPUOP_is_up, i, 0, 0, 0), -XEN_ENOENT);
	}
}

Test(vcpu_op, moved_info_keeps_its_content_and_shows_all_pending)
{
	struct vcpu_register_vcpu_info req = { .offset = 0x3c0 };
	struct vcpu *v;
	char *page;

	start();
	enter_guest();
	v = guest->vcpu[0];
	page = machine_guest_page(guest);
	req.mfn = VA(page) >> PAGE_SHIFT;
	req.offset = PAGE_SIZE - sizeof(struct vcpu_info) + 8;
	cr_assert_eq(do_vcpu_op(VCPUOP_register_vcpu_info, 0, VA(&req), 0, 0), -XEN_ENXIO,
		     "off the end");
	req.offset = 0x3c4;
	cr_assert_eq(do_vcpu_op(VCPUOP_register_vcpu_info, 0, VA(&req), 0, 0), -XEN_ENXIO,
		     "not aligned");
	req.offset = 0x3c0;
	req.mfn++;
	cr_assert_eq(do_vcpu_op(VCPUOP_register_vcpu_info, 0, VA(&req), 0, 0), -XEN_EINVAL,
		     "not its frame");
	req.mfn--;
	cr_assert_eq(do_vcpu_op(VCPUOP_register_vcpu_info, 1, VA(&req), 0, 0), -XEN_EINVAL,
		     "of one that is up");
	cr_assert_eq(machine.type_refs, 0);
	cr_assert_eq(v->info, &guest->shared->vcpu_info[0]);

	v->info->arch.cr2 = 0x1234;
	cr_assert_eq(do_vcpu_op(VCPUOP_register_vcpu_info, 0, VA(&req), 0, 0), 0);
	cr_assert_eq((char *)v->info, page + 0x3c0);
	cr_assert_eq(v->info->arch.cr2, 0x1234);
	cr_assert_eq(v->info->evtchn_pending_sel, ~0ULL);
	cr_assert_eq(v->info->evtchn_upcall_pending, 1);
	cr_assert_eq(do_vcpu_op(VCPUOP_register_vcpu_info, 0, VA(&req), 0, 0), -XEN_EINVAL,
		     "only once");
	cr_assert_eq(machine.type_refs, 1);

	machine_on(atomic_load(&control->vcpu[0]->cpu));
	cr_assert_eq(domain_kill(guest), 0);
	cr_assert_eq(machine.type_refs, 0);
}

Test(vcpu_op, run_state_area_may_straddle_pages_and_is_kept_up_to_date)
{
	struct vcpu_register_runstate_memory_area req;
	struct vcpu_runstate_info seen, now;
	char *page;

	start();
	enter_guest();
	page = machine_guest_page(guest);
	req.addr.p = VA(page) + 0x100;
	cr_assert_eq(do_vcpu_op(VCPUOP_register_runstate_memory_area, 0, VA(&req), 0, 0), 0);
	machine_run_until(machine.now + 100000000, NULL);
	sched_runstate_get(guest->vcpu[0], &now);
	memcpy(&seen, page + 0x100, sizeof(seen));
	cr_assert_eq(seen.state, now.state);
	cr_assert_leq(seen.state_entry_time, (uint64_t)machine.now);
	cr_assert_eq(machine.type_refs, 1);
	machine_on(atomic_load(&guest->vcpu[0]->cpu));
	req.addr.p = 0x5000;
	cr_assert_eq(do_vcpu_op(VCPUOP_register_runstate_memory_area, 0, VA(&req), 0, 0),
		     -XEN_EFAULT);
	cr_assert_eq(machine.type_refs, 1, "the old one stays");
	req.addr.p = 0;
	cr_assert_eq(do_vcpu_op(VCPUOP_register_runstate_memory_area, 0, VA(&req), 0, 0), 0);
	cr_assert_eq(machine.type_refs, 0);
}

Test(vcpu_op, single_shot_timer_fires_once_and_past_means_now)
{
	struct vcpu_set_singleshot_timer req = { .flags = VCPU_SSHOTTMR_future };

	start();
	enter_guest();
	req.timeout_abs_ns = (uint64_t)machine.now - 1;
	cr_assert_eq(do_vcpu_op(VCPUOP_set_singleshot_timer, 0, VA(&req), 0, 0), -XEN_ETIME);
	cr_assert_eq(do_vcpu_op(VCPUOP_set_singleshot_timer, 1, VA(&req), 0, 0), -XEN_EINVAL,
		     "only its own");
	req.flags = 0;
	cr_assert_eq(do_vcpu_op(VCPUOP_set_singleshot_timer, 0, VA(&req), 0, 0), 0);
	machine_run_until(machine.now + 1000, NULL);
	cr_assert_eq(machine.virqs, 1);
	machine_run_until(machine.now + 100000000, NULL);
	cr_assert_eq(machine.virqs, 1);
}

Test(vcpu_op, nothing_new_for_a_vcpu_of_a_dying_domain)
{
	static struct vcpu_guest_context c;

	start();
	enter_guest();
	guest->vcpu[1]->initialised = false;
	guest->dying = true;
	cr_assert_eq(do_vcpu_op(VCPUOP_initialise, 1, VA(&c), 0, 0), -XEN_EINVAL);
	cr_assert(!guest->vcpu[1]->initialised);
	guest->dying = false;
	cr_assert_eq(do_vcpu_op(VCPUOP_initialise, 1, VA(&c), 0, 0), 0);
}

Test(vcpu_op, going_down_and_up_again_keeps_the_context)
{
	start();
	enter_guest();
	cr_assert_eq(do_vcpu_op(VCPUOP_down, 1, 0, 0, 0), 0);
	machine_settle();
	cr_assert_eq(do_vcpu_op(VCPUOP_is_up, 1, 0, 0, 0), 0);
	cr_assert(guest->vcpu[1]->initialised);
	machine_on(atomic_load(&guest->vcpu[0]->cpu));
	cr_assert_eq(do_vcpu_op(VCPUOP_up, 1, 0, 0, 0), 0);
	machine_settle();
	cr_assert(vcpu_runnable(guest->vcpu[1]));
	machine_on(atomic_load(&guest->vcpu[0]->cpu));
	do_vcpu_op(VCPUOP_down, 1, 0, 0, 0);
	do_vcpu_op(VCPUOP_down, 0, 0, 0, 0);
	machine_settle();
	cr_assert(guest->shutdown, "the last one down ends the domain");
}

/* --- time --- */

Test(time, wall_clock_is_the_time_at_system_time_zero)
{
	struct shared_info *s;

	start();
	s = guest->shared;
	guest->time_offset = 3600;
	machine.now = 7500000000;
	time_set_wallclock(1000000, 250000000, 7500000000);
	cr_assert_eq(s->wc_sec, 1000000 - 8 + 3600);
	cr_assert_eq(s->wc_nsec, 750000000);
	cr_assert_eq(s->wc_version % 2, 0);
	cr_assert_eq(control->shared->wc_sec, 1000000 - 8);
	cr_assert_eq(time_wallclock_sec(), 1000000);
}

Test(time, page_is_rewritten_under_an_even_version)
{
	struct vcpu_time_info *t;
	uint32_t version;

	start();
	enter_guest();
	t = &guest->vcpu[0]->info->time;
	version = t->version;
	machine.now += 5;
	time_update_vcpu(guest->vcpu[0]);
	cr_assert_eq(t->version, version + 2);
	cr_assert_eq(t->system_time, (uint64_t)machine.now);
}
