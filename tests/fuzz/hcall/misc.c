/* Events, time, vCPUs, traps and the rest: what any guest may ask, and calls of nothing but odd numbers. */
#include <stdint.h>

#include <xen/callback.h>
#include <xen/event_channel.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

#include "hypervisor/lib/string.h"
#include "tests/fuzz/hcall/fuzz.h"

/* ---- events ---- */

static uint32_t some_port(struct worker *w)
{
	return chance(w, 96) ? rnd(w, PORTS) : (uint32_t)odd_number(w);
}

static uint32_t some_vcpu(struct worker *w)
{
	return chance(w, 90) ? rnd(w, 3) : (uint32_t)odd_number(w);
}

/*
 * Pages in which we are shown our events: mostly our own, which are nothing else, so that they can be scribbled over; now and
 * then one of the playground, which may then be anything but a table until the next reset.
 */
static char shown[4][PAGE_SIZE] __attribute__((aligned(4096)));

static uint64_t some_shown_page(struct worker *w)
{
	return chance(w, 80) ? virt_to_mfn(shown[rnd(w, ARRAY_SIZE(shown))]) : some_mfn(w);
}

/* Words and control blocks as no kernel leaves them, but often nearly so. */
static void scribble(struct worker *w)
{
	uint32_t *words = (uint32_t *)shown[rnd(w, ARRAY_SIZE(shown))];

	for (unsigned int i = rnd(w, 16); i > 0; i--) {
		uint32_t bits = rnd(w, 16) << 28;

		words[rnd(w, chance(w, 80) ? PORTS : PAGE_SIZE / 4)] =
			chance(w, 80) ? bits | rnd(w, PORTS) : (uint32_t)rnd64(w);
	}
}

static void events(struct worker *w)
{
	static const unsigned int cmds[] = { EVTCHNOP_bind_interdomain,
					     EVTCHNOP_bind_virq,
					     EVTCHNOP_bind_pirq,
					     EVTCHNOP_close,
					     EVTCHNOP_close,
					     EVTCHNOP_send,
					     EVTCHNOP_send,
					     EVTCHNOP_status,
					     EVTCHNOP_alloc_unbound,
					     EVTCHNOP_alloc_unbound,
					     EVTCHNOP_bind_ipi,
					     EVTCHNOP_bind_vcpu,
					     EVTCHNOP_unmask,
					     EVTCHNOP_unmask,
					     EVTCHNOP_init_control,
					     EVTCHNOP_expand_array,
					     EVTCHNOP_set_priority,
					     EVTCHNOP_set_priority,
					     EVTCHNOP_reset };
	unsigned int cmd = chance(w, 96) ? cmds[rnd(w, ARRAY_SIZE(cmds))] : rnd(w, 20);
	union {
		struct evtchn_bind_interdomain inter;
		struct evtchn_alloc_unbound unbound;
		struct evtchn_bind_virq virq;
		struct evtchn_bind_vcpu vcpu;
		struct evtchn_close port; /* as close, send, unmask and more begin */
		struct evtchn_status status;
		struct evtchn_reset reset;
		struct evtchn_init_control control;
		struct evtchn_expand_array array;
		struct evtchn_set_priority priority;
		uint64_t words[8];
	} *e = arg_room(w, sizeof(*e));

	switch (cmd) {
	case EVTCHNOP_bind_interdomain:
		e->inter.remote_dom = some_domid(w);
		e->inter.remote_port = some_port(w);
		break;
	case EVTCHNOP_alloc_unbound:
		e->unbound.dom = chance(w, 90) ? DOMID_SELF : some_domid(w);
		e->unbound.remote_dom = some_domid(w);
		break;
	case EVTCHNOP_bind_virq:
		e->virq.virq = rnd(w, 26);
		e->virq.vcpu = some_vcpu(w);
		break;
	case EVTCHNOP_bind_vcpu:
		e->vcpu.port = some_port(w);
		e->vcpu.vcpu = some_vcpu(w);
		break;
	case EVTCHNOP_status:
		e->status.dom = some_domid(w);
		e->status.port = some_port(w);
		break;
	case EVTCHNOP_reset:
		e->reset.dom = chance(w, 5) ? DOMID_SELF : 1234;
		break;
	case EVTCHNOP_bind_ipi:
		e->words[0] = some_vcpu(w);
		break;
	case EVTCHNOP_init_control:
		e->control.control_gfn = some_shown_page(w);
		e->control.offset = chance(w, 80) ? rnd(w, 504) * 8 : (uint32_t)odd_number(w);
		e->control.vcpu = some_vcpu(w);
		break;
	case EVTCHNOP_expand_array:
		e->array.array_gfn = some_shown_page(w);
		break;
	case EVTCHNOP_set_priority:
		e->priority.port = some_port(w);
		e->priority.priority = chance(w, 90) ? rnd(w, 16) : (uint32_t)odd_number(w);
		break;
	default:
		e->port.port = some_port(w);
		break;
	}
	call(w, __HYPERVISOR_event_channel_op, cmd, arg(w, e), 0, 0, 0);
}

/* ---- scheduling and time ---- */

static void schedule(struct worker *w)
{
	struct sched_poll *p = arg_room(w, sizeof(*p));
	evtchn_port_t *ports = arg_room(w, 8 * sizeof(*ports));

	if (chance(w, 60)) {
		call(w, __HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0, 0, 0);
		return;
	}
	for (unsigned int i = 0; i < 8; i++) {
		ports[i] = some_port(w);
	}
	set_xen_guest_handle_raw(p->ports, (void *)arg(w, ports));
	p->nr_ports = chance(w, 95) ? rnd(w, 4) : (uint32_t)odd_number(w);
	p->timeout = system_time() + rnd(w, 100000);
	/* At its own address: zeros there would mean to wait for ever. */
	call(w, __HYPERVISOR_sched_op, SCHEDOP_poll, ptr_arg(p), 0, 0, 0);
}

static void timers(struct worker *w)
{
	struct vcpu_set_singleshot_timer *s = arg_room(w, sizeof(*s));

	switch (rnd(w, 4)) {
	case 0:
		call(w, __HYPERVISOR_set_timer_op,
		     chance(w, 80) ? system_time() + rnd(w, 10000000) : odd_number(w), 0, 0, 0, 0);
		break;
	case 1:
		s->timeout_abs_ns = chance(w, 80) ? system_time() + rnd(w, 10000000)
						  : odd_number(w);
		s->flags = rnd(w, 3);
		call(w, __HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, some_vcpu(w), arg(w, s),
		     0, 0);
		break;
	case 2:
		s->timeout_abs_ns = chance(w, 60) ? 1000000 + rnd(w, 100000000) : odd_number(w);
		call(w, __HYPERVISOR_vcpu_op, VCPUOP_set_periodic_timer, some_vcpu(w), arg(w, s), 0,
		     0);
		break;
	default:
		call(w, __HYPERVISOR_vcpu_op,
		     chance(w, 50) ? VCPUOP_stop_periodic_timer : VCPUOP_stop_singleshot_timer,
		     some_vcpu(w), 0, 0, 0);
		break;
	}
}

/* ---- vCPUs ---- */

/* Of a vCPU that never runs: its context may be anything. */
static void initialise(struct worker *w)
{
	struct vcpu_guest_context *c = arg_room(w, sizeof(*c));

	for (unsigned int i = 0; i < sizeof(*c) / 8; i++) {
		((uint64_t *)c)[i] = chance(w, 10) ? odd_number(w) : 0;
	}
	c->ctrlreg[3] = some_mfn(w) << PAGE_SHIFT;
	c->ctrlreg[1] = chance(w, 80) ? 0 : some_mfn(w) << PAGE_SHIFT;
	c->flags = VGCF_in_kernel;
	c->gdt_ents = chance(w, 90) ? rnd(w, 1024) : odd_number(w);
	c->gdt_frames[0] = some_mfn(w);
	c->gdt_frames[1] = some_mfn(w);
	c->ldt_base = some_window(w);
	c->ldt_ents = chance(w, 80) ? rnd(w, 600) : odd_number(w);
	call(w, __HYPERVISOR_vcpu_op, VCPUOP_initialise, 2 + rnd(w, 3), arg(w, c), 0, 0);
}

static void vcpus(struct worker *w)
{
	static const unsigned int cmds[] = { VCPUOP_is_up,
					     VCPUOP_get_runstate_info,
					     VCPUOP_register_runstate_memory_area,
					     VCPUOP_register_vcpu_time_memory_area,
					     VCPUOP_get_physid,
					     VCPUOP_send_nmi };
	uint64_t *words = arg_room(w, 64);
	unsigned int cmd = cmds[rnd(w, ARRAY_SIZE(cmds))];

	if (chance(w, 10)) {
		initialise(w);
		return;
	}
	if (chance(w, 10)) {
		struct vcpu_register_vcpu_info *r = (void *)words;

		r->mfn = some_mfn(w);
		r->offset = chance(w, 90) ? rnd(w, 64) * 64 : (uint32_t)odd_number(w);
		call(w, __HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 2 + rnd(w, 3), arg(w, r),
		     0, 0);
		return;
	}
	/* An area: in the window, across its pages, nowhere. */
	words[0] = chance(w, 70)   ? some_window(w) + (chance(w, 50) ? 0 : rnd(w, 512) * 8)
		   : chance(w, 50) ? 0
				   : odd_number(w);
	call(w, __HYPERVISOR_vcpu_op, cmd, some_vcpu(w), arg(w, words), 0, 0);
}

/* ---- traps, registers, the rest ---- */

static void debug_registers(struct worker *w)
{
	unsigned int reg = chance(w, 95) ? rnd(w, 8) : (unsigned int)odd_number(w);
	uint64_t value = chance(w, 70) ? some_window(w) : odd_number(w);

	/* Watched addresses are the window's, which nobody touches. */
	if (reg < 4) {
		value = some_window(w);
	}
	if (chance(w, 50)) {
		call(w, __HYPERVISOR_get_debugreg, reg, 0, 0, 0, 0);
	} else {
		call(w, __HYPERVISOR_set_debugreg, reg, value & ~0x2000UL, 0, 0, 0);
	}
}

static void callbacks(struct worker *w)
{
	struct callback_register *c = arg_room(w, sizeof(*c));
	static const uint16_t types[] = { CALLBACKTYPE_sysenter, CALLBACKTYPE_syscall32,
					  CALLBACKTYPE_nmi, 77 };

	c->type = types[rnd(w, ARRAY_SIZE(types))];
	c->flags = (uint16_t)rnd(w, 3);
	c->address = odd_number(w);
	/* At its own address: read elsewhere it might name a callback that we need. */
	call(w, __HYPERVISOR_callback_op,
	     chance(w, 70) ? CALLBACKOP_register : CALLBACKOP_unregister, ptr_arg(c), 0, 0, 0);
}

static void trap_table(struct worker *w)
{
	struct trap_info *t = arg_room(w, 8 * sizeof(*t));
	unsigned int n = rnd(w, 7);

	for (unsigned int i = 0; i < n; i++) {
		t[i].vector = (uint8_t)(130 + rnd(w, 120));
		t[i].flags = (uint8_t)rnd(w, 8);
		t[i].cs = (uint16_t)odd_number(w);
		t[i].address = 1 + odd_number(w);
	}
	/* At its own address: none would mean to forget all. */
	call(w, __HYPERVISOR_set_trap_table, ptr_arg(t), 0, 0, 0, 0);
}

static void small(struct worker *w)
{
	char *room = arg_room(w, 4096);

	switch (rnd(w, 9)) {
	case 0:
		call(w, __HYPERVISOR_xen_version, chance(w, 90) ? rnd(w, 13) : odd_number(w),
		     arg(w, room), 0, 0, 0);
		break;
	case 1:
		call(w, __HYPERVISOR_fpu_taskswitch, rnd(w, 2), 0, 0, 0, 0);
		break;
	case 2:
		call(w, __HYPERVISOR_vm_assist, rnd(w, 3), rnd(w, 8), 0, 0, 0);
		break;
	case 3:
		call(w, __HYPERVISOR_set_segment_base, chance(w, 70) ? 0 : 1, odd_number(w), 0, 0,
		     0);
		break;
	case 4:
		call(w, __HYPERVISOR_console_io, 1 /* read */, rnd(w, 100), arg(w, room), 0, 0);
		break;
	case 5:
		callbacks(w);
		break;
	case 6:
		trap_table(w);
		break;
	case 7:
		call(w, __HYPERVISOR_nmi_op, rnd(w, 4), arg(w, room), 0, 0, 0);
		break;
	default:
		debug_registers(w);
		break;
	}
}

/* Several at once: entries of tables, and calls that are refused inside. */
static void multicall(struct worker *w)
{
	unsigned int n = 1 + rnd(w, chance(w, 90) ? 6 : 60);
	struct multicall_entry *m = arg_room(w, n * sizeof(*m));
	struct mmuext_op *flush = arg_room(w, sizeof(*flush));

	flush->cmd = MMUEXT_TLB_FLUSH_ALL;
	for (unsigned int i = 0; i < n; i++) {
		switch (rnd(w, 6)) {
		case 0:
			m[i].op = __HYPERVISOR_multicall;
			break;
		case 1:
			m[i].op = __HYPERVISOR_mmuext_op;
			m[i].args[0] = arg(w, flush);
			m[i].args[1] = 1;
			m[i].args[3] = DOMID_SELF;
			break;
		case 2:
			m[i].op = 40 + rnd(w, 60);
			break;
		default:
			m[i].op = __HYPERVISOR_update_va_mapping;
			m[i].args[0] = some_window(w);
			m[i].args[1] = some_entry(w);
			m[i].args[2] = rnd(w, 7);
			break;
		}
	}
	for (unsigned int i = 0; i < n; i++) {
		/* The numbers just drawn must not be ones that end us: only above the table, or unused. */
		if (m[i].op >= 40 && m[i].op < 64) {
			m[i].op = 63;
		}
	}
	/* No more than were written: a row of zeros would be a call too, and forget our trap handlers. */
	call(w, __HYPERVISOR_multicall, chance(w, 98) ? ptr_arg(m) : odd_number(w), n, 0, 0, 0);
}

/* Odd numbers for calls that cannot end us, whatever the numbers are. */
static void nonsense(struct worker *w)
{
	static const unsigned int calls[] = { __HYPERVISOR_mmu_update,
					      __HYPERVISOR_set_gdt,
					      __HYPERVISOR_get_debugreg,
					      __HYPERVISOR_update_descriptor,
					      __HYPERVISOR_multicall,
					      __HYPERVISOR_set_timer_op,
					      __HYPERVISOR_event_channel_op_compat,
					      __HYPERVISOR_xen_version,
					      __HYPERVISOR_grant_table_op,
					      __HYPERVISOR_vm_assist,
					      __HYPERVISOR_mmuext_op,
					      __HYPERVISOR_nmi_op,
					      __HYPERVISOR_event_channel_op,
					      __HYPERVISOR_xenpmu_op,
					      __HYPERVISOR_sched_op,
					      __HYPERVISOR_memory_op,
					      38,
					      63,
					      64,
					      1000 };
	unsigned int nr = calls[rnd(w, ARRAY_SIZE(calls))];
	uint64_t cmd = odd_number(w);

	if (nr == __HYPERVISOR_sched_op && cmd <= 7) {
		cmd += 8; /* not shutdown, block, watchdog */
	}
	if (nr == __HYPERVISOR_memory_op && (cmd & 63) == 1) {
		return;
	}
	call(w, nr, cmd, odd_number(w), odd_number(w), odd_number(w), odd_number(w));
}

const struct op misc_ops[] = {
	{ "events", events, 12, false },
	{ "event words", scribble, 3, false },
	{ "schedule", schedule, 2, false },
	{ "timers", timers, 2, false },
	{ "vcpus", vcpus, 4, false },
	{ "small", small, 4, false },
	{ "multicall", multicall, 4, false },
	{ "nonsense", nonsense, 3, false },
	{ NULL, NULL, 0, false },
};
