/* Domain control: what each operation asks of the core, what it answers, and what it refuses. */
#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

#include <xen/errno.h>
#include <xen/xen.h>
#include <xen/domctl.h>
#include <xen/sched.h>

#include "core/hypercall.h"
#include "tests/fake/guest_fake.h"
#include "tests/unit/hypervisor/core/memory_world.h"
#include "tests/unit/hypervisor/ctl/ctl_fake.h"

static struct domain *d0, *d1;
static struct xen_domctl op;

static void setup(void)
{
	world_start();
	memory_start();
	d0 = world.domain[0];
	d1 = memory_domain(1, 2, 1000);
	memset(&op, 0, sizeof(op));
}

static void teardown(void)
{
	cr_expect_eq(atomic_load(&d0->refs), 1);
	cr_expect_eq(atomic_load(&d1->refs), 1);
}

TestSuite(domctl, .init = setup, .fini = teardown);

static long call(uint32_t cmd, domid_t dom)
{
	world_enter(d0);
	op.cmd = cmd;
	op.domain = dom;
	op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	return do_domctl(WORLD_GVA(&op), 0, 0, 0, 0);
}

Test(domctl, the_interface_version_must_match)
{
	op.cmd = XEN_DOMCTL_getdomaininfo;
	op.interface_version = XEN_DOMCTL_INTERFACE_VERSION + 1;
	cr_expect_eq(do_domctl(WORLD_GVA(&op), 0, 0, 0, 0), -XEN_EACCES);
	cr_expect_eq(do_domctl(0, 0, 0, 0, 0), -XEN_EFAULT);
	cr_expect_eq(call(XEN_DOMCTL_pausedomain, 7), -XEN_ESRCH);
	cr_expect_eq(call(9999, 1), -XEN_ENOSYS);
	cr_expect_eq(call(XEN_DOMCTL_assign_device, 1), -XEN_ENOSYS);
	cr_expect_eq(call(XEN_DOMCTL_get_cpu_policy, 1), -XEN_EOPNOTSUPP);
	cr_expect_eq(call(XEN_DOMCTL_get_ext_vcpucontext, 1), -XEN_EOPNOTSUPP);
}

static void good_config(void)
{
	memset(&op.u, 0, sizeof(op.u));
	op.u.createdomain.max_vcpus = 2;
	op.u.createdomain.max_evtchn_port = 1023;
	op.u.createdomain.max_grant_frames = -1;
	op.u.createdomain.max_maptrack_frames = 17;
	op.u.createdomain.grant_opts = XEN_DOMCTL_GRANT_version(1);
	memset(op.u.createdomain.handle, 0x5a, sizeof(op.u.createdomain.handle));
}

Test(domctl, create_hands_limits_on_and_answers_the_id)
{
	good_config();
	cr_assert_eq(call(XEN_DOMCTL_createdomain, 0), 0);
	cr_expect_eq(op.domain, 5);
	cr_expect_eq(ctl.asked_id, DOMID_INVALID);
	cr_expect_eq(ctl.config.max_vcpus, 2);
	cr_expect_eq(ctl.config.max_evtchn_port, 1023);
	cr_expect_eq(ctl.config.max_grant_version, 1);
	cr_expect_eq(ctl.config.max_grant_frames, 64);
	cr_expect_eq(ctl.config.max_maptrack_frames, 17);
	cr_expect_eq(ctl.config.uuid[15], 0x5a);
	cr_expect_not(ctl.config.privileged);
	good_config();
	ctl.create_answer = -XEN_EEXIST;
	cr_expect_eq(call(XEN_DOMCTL_createdomain, 3), -XEN_EEXIST);
	cr_expect_eq(ctl.asked_id, 3);
}

Test(domctl, create_refuses_what_we_do_not_have)
{
	static const uint32_t flags[] = { XEN_DOMCTL_CDF_hvm, XEN_DOMCTL_CDF_hap,
					  XEN_DOMCTL_CDF_iommu, XEN_DOMCTL_CDF_vpmu, 1u << 31 };
	unsigned int i;

	ctl.create_answer = -XEN_ENOMEM; /* reached only if nothing was wrong */
	for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		good_config();
		op.u.createdomain.flags = flags[i];
		cr_expect_eq(call(XEN_DOMCTL_createdomain, 0), -XEN_EINVAL);
	}
	good_config();
	op.u.createdomain.max_vcpus = 0;
	cr_expect_eq(call(XEN_DOMCTL_createdomain, 0), -XEN_EINVAL);
	op.u.createdomain.max_vcpus = MAX_VCPUS + 1;
	cr_expect_eq(call(XEN_DOMCTL_createdomain, 0), -XEN_EINVAL);
	good_config();
	for (unsigned int opts = 3; opts < 0x13; opts++) {
		op.u.createdomain.grant_opts = opts; /* no such version, or more than a version */
		cr_expect_eq(call(XEN_DOMCTL_createdomain, 0), -XEN_EINVAL);
	}
	op.u.createdomain.grant_opts = 0;
	cr_expect_eq(call(XEN_DOMCTL_createdomain, 0), -XEN_EINVAL);
	good_config();
	op.u.createdomain.max_grant_frames = 1 << 20;
	cr_expect_eq(call(XEN_DOMCTL_createdomain, 0), -XEN_EINVAL);
	good_config();
	op.u.createdomain.vmtrace_size = 4096;
	cr_expect_eq(call(XEN_DOMCTL_createdomain, 0), -XEN_EINVAL);
	good_config();
	op.u.createdomain.cpupool_id = 1;
	cr_expect_eq(call(XEN_DOMCTL_createdomain, 0), -XEN_ESRCH);
	good_config();
	cr_expect_eq(call(XEN_DOMCTL_createdomain, 0), -XEN_ENOMEM);
}

Test(domctl, destroy_comes_again_until_it_is_done)
{
	ctl.kill_answer = -XEN_ERESTART;
	call(XEN_DOMCTL_destroydomain, 1);
	cr_expect(world.restarted);
	cr_expect_eq(world.restart_nr, __HYPERVISOR_domctl);
	cr_expect_eq(world.restart_args[0], WORLD_GVA(&op));
	world.restarted = false;
	ctl.kill_answer = 0;
	cr_expect_eq(call(XEN_DOMCTL_destroydomain, 1), 0);
	cr_expect_not(world.restarted);
	cr_expect_eq(ctl.kills, 2);
	cr_expect_eq(call(XEN_DOMCTL_destroydomain, 0), -XEN_EINVAL, "not the caller");
}

Test(domctl, pause_unpause_resume)
{
	cr_expect_eq(call(XEN_DOMCTL_unpausedomain, 1), -XEN_EINVAL);
	cr_expect_eq(call(XEN_DOMCTL_pausedomain, 1), 0);
	cr_expect_eq(call(XEN_DOMCTL_unpausedomain, 1), 0);
	cr_expect_eq(call(XEN_DOMCTL_pausedomain, 0), -XEN_EINVAL);
	cr_expect_eq(call(XEN_DOMCTL_resumedomain, 0), -XEN_EINVAL);
	cr_expect_eq(call(XEN_DOMCTL_resumedomain, 1), 0);
	cr_expect_eq(ctl.resumes, 1);
}

Test(domctl, information_about_a_domain_and_the_next_one)
{
	const struct xen_domctl_getdomaininfo *i = &op.u.getdomaininfo;

	atomic_store(&d1->vcpu[0]->pause_flags, VPF_BLOCKED);
	atomic_store(&d1->vcpu[1]->pause_flags, VPF_DOWN);
	d1->vcpu[0]->runstate.time[RUNSTATE_running] = 30;
	d1->vcpu[1]->runstate.time[RUNSTATE_running] = 12;
	d1->pause_count = 1;
	memory_frame(d1, 0);
	cr_assert_eq(call(XEN_DOMCTL_getdomaininfo, 1), 0);
	cr_expect_eq(i->domain, 1);
	cr_expect_eq(i->flags, XEN_DOMINF_blocked | XEN_DOMINF_paused);
	cr_expect_eq(i->nr_online_vcpus, 1);
	cr_expect_eq(i->max_vcpu_id, 1);
	cr_expect_eq(i->cpu_time, 42);
	cr_expect_eq(i->tot_pages, 1);
	cr_expect_eq(i->max_pages, 1000);
	atomic_store(&d1->vcpu[0]->pause_flags, 0);
	atomic_store(&d1->vcpu[0]->running, true);
	d1->pause_count = 0;
	d1->shutdown = true;
	d1->shutdown_code = SHUTDOWN_crash;
	d1->dying = true;
	cr_assert_eq(call(XEN_DOMCTL_getdomaininfo, 1), 0);
	cr_expect_eq(i->flags, XEN_DOMINF_running | XEN_DOMINF_shutdown | XEN_DOMINF_dying |
				       SHUTDOWN_crash << XEN_DOMINF_shutdownshift);
	world_domain(4, 1);
	cr_assert_eq(call(XEN_DOMCTL_getdomaininfo, 2), 0);
	cr_expect_eq(op.domain, 4);
	cr_expect_eq(call(XEN_DOMCTL_getdomaininfo, 5), -XEN_ESRCH);
}

Test(domctl, information_about_a_vcpu)
{
	struct xen_domctl_getvcpuinfo *i = &op.u.getvcpuinfo;

	atomic_store(&d1->vcpu[1]->pause_flags, VPF_BLOCKED);
	d1->vcpu[1]->runstate.time[RUNSTATE_running] = 12;
	i->vcpu = 1;
	cr_assert_eq(call(XEN_DOMCTL_getvcpuinfo, 1), 0);
	cr_expect(i->online && i->blocked && !i->running);
	cr_expect_eq(i->cpu_time, 12);
	i->vcpu = 2;
	cr_expect_eq(call(XEN_DOMCTL_getvcpuinfo, 1), -XEN_EINVAL);
}

Test(domctl, limits_and_properties)
{
	op.u.max_mem.max_memkb = 4096;
	cr_expect_eq(call(XEN_DOMCTL_max_mem, 1), 0);
	cr_expect_eq(d1->pages.max, 1024);
	op.u.max_vcpus.max = 2;
	cr_expect_eq(call(XEN_DOMCTL_max_vcpus, 1), 0);
	op.u.max_vcpus.max = 3;
	cr_expect_eq(call(XEN_DOMCTL_max_vcpus, 1), -XEN_EINVAL);
	memset(op.u.setdomainhandle.handle, 7, 16);
	cr_expect_eq(call(XEN_DOMCTL_setdomainhandle, 1), 0);
	cr_expect_eq(d1->uuid[3], 7);
	op.u.settimeoffset.time_offset_seconds = -60;
	cr_expect_eq(call(XEN_DOMCTL_settimeoffset, 1), 0);
	cr_expect_eq(d1->time_offset, -60);
	cr_expect_eq(ctl.clock_updates, 1);
}

Test(domctl, affinity_goes_in_and_comes_back_cut_to_size)
{
	struct xen_domctl_vcpuaffinity *a = &op.u.vcpuaffinity;
	uint8_t hard[16], soft[16];

	memset(hard, 0xff, sizeof(hard));
	memset(soft, 0xff, sizeof(soft));
	a->flags = XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT;
	set_xen_guest_handle(a->cpumap_hard.bitmap, hard);
	set_xen_guest_handle(a->cpumap_soft.bitmap, soft);
	a->cpumap_hard.nr_bits = 9;
	a->cpumap_soft.nr_bits = 80;
	cr_expect_eq(call(XEN_DOMCTL_setvcpuaffinity, 1), 0);
	cr_expect_eq(d1->vcpu[0]->affinity, 0x1ff);
	cr_expect_eq(hard[0], 1, "what it comes to on one CPU");
	cr_expect_eq(hard[1], 0);
	cr_expect_eq(hard[2], 0xff, "no more than was asked for");
	cr_expect_eq(soft[0], 1);
	cr_expect_eq(soft[9], 0);
	cr_expect_eq(soft[10], 0xff);
	a->cpumap_soft.nr_bits = ~0u;
	cr_expect_eq(call(XEN_DOMCTL_setvcpuaffinity, 1), -XEN_E2BIG);
	cr_expect_eq(call(XEN_DOMCTL_getvcpuaffinity, 1), -XEN_E2BIG,
		     "to clear it would take long");
	a->cpumap_soft.nr_bits = 80;
	cr_expect_eq(call(XEN_DOMCTL_getvcpuaffinity, 1), 0);
	cr_expect_eq(hard[1], 1);
	ctl.affinity_answer = -XEN_EINVAL;
	cr_expect_eq(call(XEN_DOMCTL_setvcpuaffinity, 1), -XEN_EINVAL);
	a->flags = 0;
	cr_expect_eq(call(XEN_DOMCTL_setvcpuaffinity, 1), -XEN_EINVAL);
	a->flags = XEN_VCPUAFFINITY_HARD;
	a->vcpu = 9;
	cr_expect_eq(call(XEN_DOMCTL_setvcpuaffinity, 1), -XEN_EINVAL);
	a->vcpu = 0;
	a->cpumap_hard.bitmap.p = NULL;
	cr_expect_eq(call(XEN_DOMCTL_setvcpuaffinity, 1), -XEN_EFAULT);
}

Test(domctl, scheduling_weights)
{
	struct xen_domctl_scheduler_op *s = &op.u.scheduler_op;

	s->sched_id = XEN_SCHEDULER_CREDIT;
	s->cmd = XEN_DOMCTL_SCHEDOP_putinfo;
	s->u.credit.weight = 512;
	cr_expect_eq(call(XEN_DOMCTL_scheduler_op, 1), 0);
	s->u.credit.cap = 50;
	cr_expect_eq(call(XEN_DOMCTL_scheduler_op, 1), -XEN_EOPNOTSUPP);
	s->cmd = XEN_DOMCTL_SCHEDOP_getinfo;
	cr_expect_eq(call(XEN_DOMCTL_scheduler_op, 1), 0);
	cr_expect_eq(s->u.credit.weight, 512);
	cr_expect_eq(s->u.credit.cap, 0);
	s->sched_id = XEN_SCHEDULER_CREDIT2;
	cr_expect_eq(call(XEN_DOMCTL_scheduler_op, 1), -XEN_EINVAL);
}

Test(domctl, a_context_is_set_while_the_domain_stands_still)
{
	static struct vcpu_guest_context c, got;

	c.user_regs.rip = 0x1234;
	c.flags = VGCF_online;
	set_xen_guest_handle(op.u.vcpucontext.ctxt, &c);
	op.u.vcpucontext.vcpu = 1;
	atomic_store(&d1->vcpu[1]->pause_flags, VPF_DOWN);
	cr_expect_eq(call(XEN_DOMCTL_setvcpucontext, 1), 0);
	cr_expect_eq(ctl.context_rip, 0x1234);
	cr_expect(d1->vcpu[1]->initialised);
	cr_expect_eq(atomic_load(&d1->vcpu[1]->pause_flags), 0);
	cr_expect_eq(ctl.pauses, 1);
	cr_expect_eq(ctl.unpauses, 1);
	cr_expect_eq(ctl.clock_updates, 0);
	set_xen_guest_handle(op.u.vcpucontext.ctxt, &got);
	cr_expect_eq(call(XEN_DOMCTL_getvcpucontext, 1), 0);
	cr_expect_eq(got.user_regs.rip, 0x1234);
	op.u.vcpucontext.vcpu = 0;
	cr_expect_eq(call(XEN_DOMCTL_getvcpucontext, 1), -XEN_ENODATA);
	set_xen_guest_handle(op.u.vcpucontext.ctxt, &c);
	cr_expect_eq(call(XEN_DOMCTL_setvcpucontext, 1), 0);
	cr_expect_eq(ctl.clock_updates, 1, "its builder may have cleared the shared page");
	d1->vcpu[0]->initialised = false;
	ctl.context_answer = -XEN_EINVAL;
	cr_expect_eq(call(XEN_DOMCTL_setvcpucontext, 1), -XEN_EINVAL);
	cr_expect_not(d1->vcpu[0]->initialised);
	cr_expect_eq(call(XEN_DOMCTL_setvcpucontext, 0), -XEN_EINVAL);
	op.u.vcpucontext.vcpu = 2;
	cr_expect_eq(call(XEN_DOMCTL_setvcpucontext, 1), -XEN_EINVAL);
	op.u.vcpucontext.ctxt.p = NULL;
	cr_expect_eq(call(XEN_DOMCTL_setvcpucontext, 1), -XEN_EOPNOTSUPP);
	cr_expect_eq(ctl.pauses, ctl.unpauses);
	cr_expect_eq(d1->stop_count, 0);
}

Test(domctl, a_dying_domain_gets_no_new_context)
{
	static struct vcpu_guest_context c;

	c.user_regs.rip = 0x4321;
	set_xen_guest_handle(op.u.vcpucontext.ctxt, &c);
	d1->dying = true;
	cr_expect_eq(call(XEN_DOMCTL_setvcpucontext, 1), -XEN_EINVAL);
	cr_expect_neq(ctl.context_rip, 0x4321);
	cr_expect_eq(call(XEN_DOMCTL_getvcpucontext, 1), -XEN_EINVAL);
	cr_expect_eq(ctl.pauses, 0);
	d1->dying = false;
}

Test(domctl, the_hypercall_page_is_a_writable_frame_of_the_domain)
{
	mfn_t m = memory_frame(d1, 0), other = memory_frame(d0, 0);

	op.u.hypercall_init.gmfn = m.n;
	cr_expect_eq(call(XEN_DOMCTL_hypercall_init, 1), 0);
	cr_expect_eq(memory_bytes(m)[4095], 0xf4);
	cr_expect_eq(memory_refs(m), 1);
	op.u.hypercall_init.gmfn = other.n;
	cr_expect_eq(call(XEN_DOMCTL_hypercall_init, 1), -XEN_EINVAL);
	op.u.hypercall_init.gmfn = ~0ULL;
	cr_expect_eq(call(XEN_DOMCTL_hypercall_init, 1), -XEN_EINVAL);
	memory_as_table(m, true);
	op.u.hypercall_init.gmfn = m.n;
	cr_expect_eq(call(XEN_DOMCTL_hypercall_init, 1), -XEN_EPERM);
	memory_as_table(m, false);
}

Test(domctl, what_frames_are)
{
	mfn_t plain = memory_frame(d1, 0), table = memory_frame(d1, 0), other = memory_frame(d0, 0);
	xen_pfn_t list[4] = { plain.n, table.n, other.n, ~0UL };

	memory_as_table(table, true);
	atomic_fetch_or(&frame_of(table)->type, FT_PINNED);
	op.u.getpageframeinfo3.num = 4;
	set_xen_guest_handle(op.u.getpageframeinfo3.array, list);
	cr_expect_eq(call(XEN_DOMCTL_getpageframeinfo3, 1), 0);
	cr_expect_eq(list[0], XEN_DOMCTL_PFINFO_NOTAB);
	cr_expect_eq(list[1], XEN_DOMCTL_PFINFO_L1TAB | XEN_DOMCTL_PFINFO_LPINTAB);
	cr_expect_eq(list[2], XEN_DOMCTL_PFINFO_XTAB);
	cr_expect_eq(list[3], XEN_DOMCTL_PFINFO_XTAB);
	op.u.getpageframeinfo3.num = 1025;
	cr_expect_eq(call(XEN_DOMCTL_getpageframeinfo3, 1), -XEN_E2BIG);
	memory_as_table(table, false);
}

Test(domctl, small_paravirtual_answers)
{
	op.u.address_size.size = 64;
	cr_expect_eq(call(XEN_DOMCTL_set_address_size, 1), 0);
	op.u.address_size.size = 32;
	cr_expect_eq(call(XEN_DOMCTL_set_address_size, 1), -XEN_EINVAL);
	cr_expect_eq(call(XEN_DOMCTL_get_address_size, 1), 0);
	cr_expect_eq(op.u.address_size.size, 64);
	cr_expect_eq(call(XEN_DOMCTL_gettscinfo, 1), 0);
	cr_expect_eq(op.u.tsc_info.gtsc_khz, 2000000);
	op.u.tsc_info.tsc_mode = 0;
	cr_expect_eq(call(XEN_DOMCTL_settscinfo, 1), 0);
	op.u.tsc_info.tsc_mode = 3;
	cr_expect_eq(call(XEN_DOMCTL_settscinfo, 1), -XEN_EINVAL);
	op.u.shadow_op.op = XEN_DOMCTL_SHADOW_OP_OFF;
	cr_expect_eq(call(XEN_DOMCTL_shadow_op, 1), 0);
	op.u.shadow_op.op = XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY;
	cr_expect_eq(call(XEN_DOMCTL_shadow_op, 1), -XEN_EOPNOTSUPP);
	memset(&op.u, 0, sizeof(op.u));
	op.u.vcpu_msrs.msr_count = 9;
	cr_expect_eq(call(XEN_DOMCTL_get_vcpu_msrs, 1), 0);
	cr_expect_eq(op.u.vcpu_msrs.msr_count, 0);
}

Test(domctl, a_guest_gets_no_devices)
{
	op.u.ioport_permission = (struct xen_domctl_ioport_permission){ .first_port = 0x3f8,
									.nr_ports = 8 };
	cr_expect_eq(call(XEN_DOMCTL_ioport_permission, 1), 0, "taking away what it never had");
	op.u.ioport_permission.allow_access = 1;
	cr_expect_eq(call(XEN_DOMCTL_ioport_permission, 1), -XEN_EOPNOTSUPP);
	op.u.ioport_permission.nr_ports = 0x10000;
	cr_expect_eq(call(XEN_DOMCTL_ioport_permission, 1), -XEN_EINVAL);
	op.u.iomem_permission = (struct xen_domctl_iomem_permission){ .first_mfn = 1,
								      .nr_mfns = ~0ULL };
	cr_expect_eq(call(XEN_DOMCTL_iomem_permission, 1), -XEN_EINVAL);
}
