/*
 * Event channels: every operation and refusal, closing from every state, and random sequences after each step
 * of which the tables of all domains must agree with one another and with the references held.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include <xen/errno.h>

#include "core/evtchn_port.h"
#include "core/hypercall.h"
#include "tests/fake/guest_fake.h"

static struct domain *d0, *d1, *d2;

static void setup(void)
{
	world_start();
	d0 = world.domain[0];
	d1 = world_domain(1, 2);
	d2 = world_domain(2, 1);
}

TestSuite(evtchn, .init = setup, .fini = world_stop);

static long op(struct domain *as, unsigned int cmd, void *arg)
{
	world_enter(as);
	return do_event_channel_op(cmd, WORLD_GVA(arg), 0, 0, 0);
}

static long alloc(struct domain *as, domid_t dom, domid_t remote, evtchn_port_t *port)
{
	struct evtchn_alloc_unbound r = { .dom = dom, .remote_dom = remote };
	long rc = op(as, EVTCHNOP_alloc_unbound, &r);

	*port = r.port;
	return rc;
}

static long bind(struct domain *as, domid_t remote, evtchn_port_t rport, evtchn_port_t *port)
{
	struct evtchn_bind_interdomain r = { .remote_dom = remote, .remote_port = rport };
	long rc = op(as, EVTCHNOP_bind_interdomain, &r);

	*port = r.local_port;
	return rc;
}

static long bind_virq(struct domain *as, uint32_t virq, uint32_t vcpu, evtchn_port_t *port)
{
	struct evtchn_bind_virq r = { .virq = virq, .vcpu = vcpu };
	long rc = op(as, EVTCHNOP_bind_virq, &r);

	*port = r.port;
	return rc;
}

static long bind_ipi(struct domain *as, uint32_t vcpu, evtchn_port_t *port)
{
	struct evtchn_bind_ipi r = { .vcpu = vcpu };
	long rc = op(as, EVTCHNOP_bind_ipi, &r);

	*port = r.port;
	return rc;
}

static long bind_pirq(struct domain *as, uint32_t pirq, evtchn_port_t *port)
{
	struct evtchn_bind_pirq r = { .pirq = pirq };
	long rc = op(as, EVTCHNOP_bind_pirq, &r);

	*port = r.port;
	return rc;
}

static long one(struct domain *as, unsigned int cmd, evtchn_port_t port)
{
	struct evtchn_close r = { .port = port }; /* close, send and unmask look alike */

	return op(as, cmd, &r);
}

static long bind_vcpu(struct domain *as, evtchn_port_t port, uint32_t vcpu)
{
	struct evtchn_bind_vcpu r = { .port = port, .vcpu = vcpu };

	return op(as, EVTCHNOP_bind_vcpu, &r);
}

static struct evtchn_status status(struct domain *as, domid_t dom, evtchn_port_t port)
{
	struct evtchn_status r = { .dom = dom, .port = port };

	cr_assert_eq(op(as, EVTCHNOP_status, &r), 0);
	return r;
}

/* A pair between d0 (port *a) and d1 (port *b), with nothing pending. */
static void pair(evtchn_port_t *a, evtchn_port_t *b)
{
	cr_assert_eq(alloc(d0, DOMID_SELF, 1, a), 0);
	cr_assert_eq(bind(d1, 0, *a, b), 0);
	world_clear_pending(d1, *b);
}

static unsigned int refs(const struct domain *d)
{
	return atomic_load(&d->refs);
}

Test(evtchn, alloc_unbound_starts_at_port_one)
{
	evtchn_port_t p, q;

	cr_assert_eq(alloc(d1, DOMID_SELF, 2, &p), 0);
	cr_assert_eq(alloc(d1, 1, DOMID_SELF, &q), 0);
	cr_expect_eq(p, 1);
	cr_expect_eq(q, 2);
	cr_expect_eq(status(d1, DOMID_SELF, p).status, EVTCHNSTAT_unbound);
	cr_expect_eq(status(d1, DOMID_SELF, p).u.unbound.dom, 2);
	cr_expect_eq(status(d1, DOMID_SELF, q).u.unbound.dom, 1, "DOMID_SELF is the caller");
}

Test(evtchn, alloc_for_others_is_the_control_domains)
{
	evtchn_port_t p;

	cr_expect_eq(alloc(d1, 2, 0, &p), -XEN_EPERM);
	cr_expect_eq(alloc(d0, 7, 0, &p), -XEN_ESRCH);
	cr_expect_eq(alloc(d0, 2, 0, &p), 0);
	cr_expect_eq(status(d0, 2, p).status, EVTCHNSTAT_unbound);
	cr_expect_eq(refs(d2), 1);
	cr_expect_eq(d1->evtchn.active, 0);
}

Test(evtchn, alloc_stops_at_the_limit_and_reuses_the_lowest)
{
	evtchn_port_t p;
	unsigned int i;

	d1->evtchn.max_port = 200;
	for (i = 1; i <= 200; i++) {
		cr_assert_eq(alloc(d1, DOMID_SELF, 0, &p), 0);
		cr_assert_eq(p, i);
	}
	cr_expect_eq(alloc(d1, DOMID_SELF, 0, &p), -XEN_ENOSPC);
	cr_expect_eq(one(d1, EVTCHNOP_close, 137), 0);
	cr_expect_eq(one(d1, EVTCHNOP_close, 42), 0);
	cr_expect_eq(alloc(d1, DOMID_SELF, 0, &p), 0);
	cr_expect_eq(p, 42);
	cr_expect_eq(alloc(d1, DOMID_SELF, 0, &p), 0);
	cr_expect_eq(p, 137);
	cr_expect_eq(alloc(d1, DOMID_SELF, 0, &p), -XEN_ENOSPC);
}

Test(evtchn, bind_interdomain_joins_both_ends_and_raises_the_local_one)
{
	evtchn_port_t a, b;

	cr_assert_eq(alloc(d0, DOMID_SELF, 1, &a), 0);
	cr_assert_eq(bind(d1, 0, a, &b), 0);
	cr_expect(world_pending(d1, b));
	cr_expect_eq(d1->vcpu[0]->info->evtchn_pending_sel, 1);
	cr_expect_eq(world_vcpu(d1, 0)->marked, 1);
	cr_expect_not(world_pending(d0, a));
	cr_expect_eq(status(d0, DOMID_SELF, a).u.interdomain.dom, 1);
	cr_expect_eq(status(d0, DOMID_SELF, a).u.interdomain.port, b);
	cr_expect_eq(status(d1, DOMID_SELF, b).u.interdomain.dom, 0);
	cr_expect_eq(status(d1, DOMID_SELF, b).u.interdomain.port, a);
	cr_expect_eq(refs(d0), 2);
	cr_expect_eq(refs(d1), 2);
}

Test(evtchn, bind_interdomain_refusals_change_nothing)
{
	evtchn_port_t a, b;

	cr_assert_eq(alloc(d0, DOMID_SELF, 1, &a), 0);
	cr_expect_eq(bind(d2, 0, a, &b), -XEN_EINVAL, "meant for another domain");
	cr_expect_eq(bind(d1, 5, a, &b), -XEN_ESRCH);
	cr_expect_eq(bind(d1, 0, a + 1, &b), -XEN_EINVAL, "closed port");
	cr_expect_eq(bind(d1, 0, 0, &b), -XEN_EINVAL);
	cr_expect_eq(bind(d1, 0, ~0u, &b), -XEN_EINVAL);
	cr_expect_eq(bind(d1, 0, EVTCHN_2LEVEL_PORTS, &b), -XEN_EINVAL);
	cr_expect_eq(bind(d1, 0, EVTCHN_PORTS, &b), -XEN_EINVAL);
	d1->evtchn.max_port = 0;
	cr_expect_eq(bind(d1, 0, a, &b), -XEN_ENOSPC);
	d1->evtchn.max_port = 100;
	cr_expect_eq(bind(d1, 0, a, &b), 0);
	cr_expect_eq(bind(d1, 0, a, &b), -XEN_EINVAL, "already bound");
	cr_expect_eq(refs(d0), 2);
	cr_expect_eq(refs(d1), 2);
	cr_expect_eq(refs(d2), 1);
	cr_expect_eq(d2->evtchn.active, 0);
}

Test(evtchn, a_domain_may_talk_to_itself)
{
	evtchn_port_t a, b;

	cr_assert_eq(alloc(d1, DOMID_SELF, DOMID_SELF, &a), 0);
	cr_assert_eq(bind(d1, DOMID_SELF, a, &b), 0);
	cr_expect_neq(a, b);
	world_clear_pending(d1, b);
	cr_expect_eq(one(d1, EVTCHNOP_send, b), 0);
	cr_expect(world_pending(d1, a));
	cr_expect_eq(refs(d1), 3);
	cr_expect_eq(one(d1, EVTCHNOP_close, a), 0);
	cr_expect_eq(status(d1, DOMID_SELF, b).status, EVTCHNSTAT_unbound);
	cr_expect_eq(one(d1, EVTCHNOP_close, b), 0);
	cr_expect_eq(refs(d1), 1);
}

Test(evtchn, send_sets_pending_and_marks_once)
{
	evtchn_port_t a, b;
	unsigned int before;

	pair(&a, &b);
	before = world_vcpu(d1, 0)->marked;
	cr_expect_eq(one(d0, EVTCHNOP_send, a), 0);
	cr_expect(world_pending(d1, b));
	cr_expect_eq(world_vcpu(d1, 0)->marked, before + 1);
	cr_expect_eq(d1->vcpu[0]->info->evtchn_upcall_pending, 1);
	cr_expect_eq(one(d0, EVTCHNOP_send, a), 0);
	cr_expect_eq(world_vcpu(d1, 0)->marked, before + 1, "already pending");
	cr_expect_eq(one(d1, EVTCHNOP_send, b), 0);
	cr_expect(world_pending(d0, a));
}

Test(evtchn, a_masked_port_becomes_pending_silently_until_unmasked)
{
	evtchn_port_t a, b;
	unsigned int before;

	pair(&a, &b);
	world_mask(d1, b, true);
	before = world_vcpu(d1, 0)->marked;
	cr_expect_eq(one(d0, EVTCHNOP_send, a), 0);
	cr_expect(world_pending(d1, b));
	cr_expect_eq(world_vcpu(d1, 0)->marked, before);
	cr_expect_eq(one(d1, EVTCHNOP_unmask, b), 0);
	cr_expect_eq(world_vcpu(d1, 0)->marked, before + 1);
	cr_expect_eq(d1->vcpu[0]->info->evtchn_pending_sel, 1);
	cr_expect_eq(one(d1, EVTCHNOP_unmask, b), 0);
	cr_expect_eq(world_vcpu(d1, 0)->marked, before + 1, "it was not masked");
}

Test(evtchn, unmask_with_nothing_pending_is_quiet)
{
	evtchn_port_t a, b;
	unsigned int before;

	pair(&a, &b);
	world_mask(d1, b, true);
	before = world_vcpu(d1, 0)->marked;
	cr_expect_eq(one(d1, EVTCHNOP_unmask, b), 0);
	cr_expect_eq(world_vcpu(d1, 0)->marked, before);
	cr_expect_eq(one(d1, EVTCHNOP_unmask, EVTCHN_PORTS), -XEN_EINVAL);
}

Test(evtchn, send_refuses_what_is_not_an_outlet)
{
	evtchn_port_t p;

	cr_expect_eq(one(d1, EVTCHNOP_send, 0), -XEN_EINVAL);
	cr_expect_eq(one(d1, EVTCHNOP_send, 1), -XEN_EINVAL);
	cr_expect_eq(one(d1, EVTCHNOP_send, ~0u), -XEN_EINVAL);
	cr_assert_eq(bind_virq(d1, VIRQ_TIMER, 0, &p), 0);
	cr_expect_eq(one(d1, EVTCHNOP_send, p), -XEN_EINVAL);
	cr_assert_eq(alloc(d1, DOMID_SELF, 0, &p), 0);
	cr_expect_eq(one(d1, EVTCHNOP_send, p), 0, "dropped, as nobody is there yet");
	cr_expect_not(world_pending(d1, p));
}

Test(evtchn, ipi_goes_to_its_vcpu)
{
	evtchn_port_t p;

	cr_expect_eq(bind_ipi(d1, 2, &p), -XEN_ENOENT);
	cr_expect_eq(bind_ipi(d1, ~0u, &p), -XEN_ENOENT);
	cr_assert_eq(bind_ipi(d1, 1, &p), 0);
	cr_expect_eq(one(d1, EVTCHNOP_send, p), 0);
	cr_expect(world_pending(d1, p));
	cr_expect_eq(world_vcpu(d1, 1)->marked, 1);
	cr_expect_eq(world_vcpu(d1, 0)->marked, 0);
	cr_expect_eq(bind_vcpu(d1, p, 0), -XEN_EINVAL);
}

Test(evtchn, virq_is_bound_once_per_vcpu)
{
	evtchn_port_t p, q;

	cr_assert_eq(bind_virq(d1, VIRQ_TIMER, 0, &p), 0);
	cr_expect_eq(bind_virq(d1, VIRQ_TIMER, 0, &q), -XEN_EEXIST);
	cr_assert_eq(bind_virq(d1, VIRQ_TIMER, 1, &q), 0);
	cr_expect_eq(bind_virq(d1, VIRQ_TIMER, 2, &q), -XEN_ENOENT);
	cr_expect_eq(bind_virq(d1, NR_VIRQS, 0, &q), -XEN_EINVAL);
	evtchn_send_virq(d1->vcpu[1], VIRQ_TIMER);
	cr_expect_eq(world_vcpu(d1, 1)->marked, 1);
	cr_expect_eq(world_vcpu(d1, 0)->marked, 0);
	cr_expect_eq(one(d1, EVTCHNOP_close, p), 0);
	evtchn_send_virq(d1->vcpu[0], VIRQ_TIMER);
	cr_expect_eq(world_vcpu(d1, 0)->marked, 0, "unbound VIRQs are dropped");
	cr_expect_eq(bind_virq(d1, VIRQ_TIMER, 0, &q), 0, "closing forgets the binding");
}

Test(evtchn, every_virq_can_be_bound_and_global_ones_only_on_vcpu_0)
{
	evtchn_port_t p;
	unsigned int virq;

	for (virq = 0; virq < NR_VIRQS; virq++) {
		bool per_vcpu = virq == VIRQ_TIMER || virq == VIRQ_DEBUG || virq == VIRQ_XENOPROF ||
				virq == VIRQ_XENPMU;

		cr_expect_eq(bind_virq(d0, virq, 0, &p), 0);
		cr_expect_eq(status(d0, DOMID_SELF, p).u.virq, virq);
		cr_expect_eq(bind_virq(d0, virq, 1, &p), per_vcpu ? 0 : -XEN_EINVAL);
	}
}

Test(evtchn, global_virqs_go_to_the_control_domain_and_follow_bind_vcpu)
{
	evtchn_port_t p;

	evtchn_send_global_virq(VIRQ_DOM_EXC); /* nobody listens: no harm */
	cr_assert_eq(bind_virq(d0, VIRQ_DOM_EXC, 0, &p), 0);
	evtchn_send_global_virq(VIRQ_DOM_EXC);
	cr_expect(world_pending(d0, p));
	cr_expect_eq(world_vcpu(d0, 0)->marked, 1);
	world_clear_pending(d0, p);
	cr_expect_eq(bind_vcpu(d0, p, 1), 0);
	evtchn_send_global_virq(VIRQ_DOM_EXC);
	cr_expect_eq(world_vcpu(d0, 1)->marked, 1);
	dom0 = NULL;
	evtchn_send_global_virq(VIRQ_DOM_EXC); /* early in boot */
	dom0 = d0;
}

Test(evtchn, bind_vcpu_moves_what_can_be_moved)
{
	evtchn_port_t a, b, t;

	pair(&a, &b);
	cr_expect_eq(bind_vcpu(d1, b, 1), 0);
	cr_expect_eq(status(d1, DOMID_SELF, b).vcpu, 1);
	cr_expect_eq(one(d0, EVTCHNOP_send, a), 0);
	cr_expect_eq(world_vcpu(d1, 1)->marked, 1);
	cr_expect_eq(bind_vcpu(d1, b, 2), -XEN_ENOENT);
	cr_expect_eq(bind_vcpu(d1, 77, 0), -XEN_EINVAL);
	cr_assert_eq(bind_virq(d1, VIRQ_TIMER, 0, &t), 0);
	cr_expect_eq(bind_vcpu(d1, t, 1), -XEN_EINVAL);
}

Test(evtchn, close_leaves_the_peer_waiting_for_the_one_who_left)
{
	evtchn_port_t a, b, again;

	pair(&a, &b);
	cr_expect_eq(bind_vcpu(d1, b, 1), 0);
	cr_expect_eq(one(d0, EVTCHNOP_send, a), 0);
	cr_expect_eq(one(d1, EVTCHNOP_close, b), 0);
	cr_expect_not(world_pending(d1, b), "no stale event for the port's next user");
	cr_expect_eq(status(d1, DOMID_SELF, b).status, EVTCHNSTAT_closed);
	cr_expect_eq(status(d0, DOMID_SELF, a).status, EVTCHNSTAT_unbound);
	cr_expect_eq(status(d0, DOMID_SELF, a).u.unbound.dom, 1);
	cr_expect_eq(refs(d0), 1);
	cr_expect_eq(refs(d1), 1);
	cr_expect_eq(one(d1, EVTCHNOP_close, b), -XEN_EINVAL);
	cr_expect_eq(bind(d1, 0, a, &again), 0, "and may bind again");
	cr_expect_eq(status(d1, DOMID_SELF, again).vcpu, 0);
	cr_expect_eq(one(d0, EVTCHNOP_close, 0), -XEN_EINVAL);
	cr_expect_eq(one(d0, EVTCHNOP_close, ~0u), -XEN_EINVAL);
}

Test(evtchn, pirq_is_bound_once_and_unbound_on_close)
{
	evtchn_port_t p, q;

	cr_expect_eq(bind_pirq(d0, EVTCHN_PIRQS, &p), -XEN_EINVAL);
	cr_assert_eq(bind_pirq(d0, 9, &p), 0);
	cr_expect(world.pirq_bound[9]);
	cr_expect_eq(bind_pirq(d0, 9, &q), -XEN_EEXIST);
	cr_expect(evtchn_send_pirq(d0, 9));
	cr_expect(world_pending(d0, p));
	cr_expect_not(evtchn_send_pirq(d0, 10));
	cr_expect_not(evtchn_send_pirq(d0, EVTCHN_PIRQS));
	cr_expect_not(evtchn_send_pirq(d1, 9), "a domain that never had one");
	cr_expect_eq(status(d0, DOMID_SELF, p).u.pirq, 9);
	cr_expect_eq(one(d0, EVTCHNOP_send, p), -XEN_EINVAL);
	cr_expect_eq(one(d0, EVTCHNOP_unmask, p), 0);
	cr_expect_eq(world.pirq_unmasked, 10);
	cr_expect_eq(one(d0, EVTCHNOP_close, p), 0);
	cr_expect_not(world.pirq_bound[9]);
	cr_expect_not(evtchn_send_pirq(d0, 9));
}

Test(evtchn, a_pirq_that_cannot_be_bound_leaves_no_port)
{
	evtchn_port_t p;

	world.pirq_bind_answer = -XEN_EBUSY;
	cr_expect_eq(bind_pirq(d0, 9, &p), -XEN_EBUSY);
	cr_expect_eq(d0->evtchn.active, 0);
	world.pirq_bind_answer = 0;
	cr_expect_eq(bind_pirq(d0, 9, &p), 0);
	cr_expect_eq(p, 1);
}

static void close_port_1(unsigned int pirq)
{
	(void)pirq;
	cr_assert_eq(one(d0, EVTCHNOP_close, 1), 0);
}

static void fire(unsigned int pirq)
{
	cr_assert(evtchn_send_pirq(d0, pirq));
}

Test(evtchn, closing_a_pirq_port_while_it_is_being_bound_takes_the_binding_back)
{
	evtchn_port_t p;

	world.during_pirq_bind = close_port_1;
	cr_expect_eq(bind_pirq(d0, 9, &p), -XEN_EINVAL);
	cr_expect_not(world.pirq_bound[9]);
	cr_expect_eq(d0->evtchn.active, 0);
}

Test(evtchn, an_interrupt_that_comes_while_its_pirq_is_being_bound_is_kept)
{
	evtchn_port_t p;

	world.during_pirq_bind = fire;
	cr_expect_eq(bind_pirq(d0, 9, &p), 0);
	cr_expect(world_pending(d0, p));
}

Test(evtchn, status_knows_ports_up_to_the_end_of_the_table)
{
	struct evtchn_status r = { .dom = DOMID_SELF, .port = 1 };
	evtchn_port_t p;

	cr_expect_eq(op(d1, EVTCHNOP_status, &r), -XEN_EINVAL, "no table yet");
	cr_assert_eq(alloc(d1, DOMID_SELF, 0, &p), 0);
	cr_expect_eq(status(d1, DOMID_SELF, 0).status, EVTCHNSTAT_closed);
	cr_expect_eq(status(d1, DOMID_SELF, EVTCHN_BUCKET - 1).status, EVTCHNSTAT_closed);
	r.port = EVTCHN_BUCKET;
	cr_expect_eq(op(d1, EVTCHNOP_status, &r), -XEN_EINVAL);
	r.dom = 0;
	r.port = 1;
	cr_expect_eq(op(d1, EVTCHNOP_status, &r), -XEN_EPERM);
	r.dom = 6;
	cr_expect_eq(op(d0, EVTCHNOP_status, &r), -XEN_ESRCH);
}

Test(evtchn, polling_vcpus_wake_for_their_port_only)
{
	evtchn_port_t a, b;
	struct world_vcpu *v = world_vcpu(d1, 1);

	pair(&a, &b);
	world_mask(d1, b, true); /* pollers mask what they poll for */
	v->v.poll_port = b + 1;
	atomic_store(&v->v.pause_flags, VPF_POLLING);
	cr_expect_eq(one(d0, EVTCHNOP_send, a), 0);
	cr_expect_eq(v->woken, 0);
	world_clear_pending(d1, b);
	v->v.poll_port = b;
	cr_expect_eq(one(d0, EVTCHNOP_send, a), 0);
	cr_expect_eq(v->woken, 1);
	world_clear_pending(d1, b);
	v->v.poll_port = 0; /* several */
	atomic_store(&v->v.pause_flags, VPF_POLLING);
	cr_expect_eq(one(d0, EVTCHNOP_send, a), 0);
	cr_expect_eq(v->woken, 2);
	cr_expect_eq(evtchn_port_pending(d1, b), 1);
	world_clear_pending(d1, b);
	cr_expect_eq(evtchn_port_pending(d1, b), 0);
	cr_expect_eq(evtchn_port_pending(d1, EVTCHN_PORTS), -XEN_EINVAL);
}

Test(evtchn, reset_closes_everything_of_one_domain)
{
	struct evtchn_reset r = { .dom = 0 };
	evtchn_port_t a, b, p;

	pair(&a, &b);
	cr_assert_eq(bind_virq(d1, VIRQ_TIMER, 0, &p), 0);
	cr_assert_eq(bind_ipi(d1, 0, &p), 0);
	cr_expect_eq(op(d1, EVTCHNOP_reset, &r), -XEN_EPERM);
	r.dom = DOMID_SELF;
	cr_expect_eq(op(d1, EVTCHNOP_reset, &r), 0);
	cr_expect_eq(d1->evtchn.active, 0);
	cr_expect_eq(d1->vcpu[0]->evtchn_virq[VIRQ_TIMER], 0);
	cr_expect_eq(status(d0, DOMID_SELF, a).status, EVTCHNSTAT_unbound);
	cr_expect_eq(alloc(d1, DOMID_SELF, 0, &p), 0, "it goes on living");
	r.dom = 1;
	cr_expect_eq(op(d0, EVTCHNOP_reset, &r), 0);
	cr_expect_eq(d1->evtchn.active, 0);
}

Test(evtchn, a_dying_domain_closes_all_and_opens_none)
{
	evtchn_port_t a, b, p;

	pair(&a, &b);
	cr_assert_eq(alloc(d1, DOMID_SELF, 2, &p), 0);
	evtchn_close_all(&d1->evtchn);
	cr_expect_eq(d1->evtchn.active, 0);
	cr_expect_eq(refs(d0), 1);
	cr_expect_eq(refs(d1), 1);
	cr_expect_eq(status(d0, DOMID_SELF, a).status, EVTCHNSTAT_unbound);
	cr_expect_eq(alloc(d0, 1, 0, &b), -XEN_EINVAL);
	cr_expect_eq(bind(d2, 1, p, &b), -XEN_EINVAL);
}

Test(evtchn, faulting_arguments_are_refused_and_leave_no_port)
{
	static const unsigned int cmds[] = { EVTCHNOP_alloc_unbound, EVTCHNOP_bind_virq,
					     EVTCHNOP_bind_ipi,	     EVTCHNOP_bind_interdomain,
					     EVTCHNOP_bind_pirq,     EVTCHNOP_close,
					     EVTCHNOP_send,	     EVTCHNOP_status,
					     EVTCHNOP_bind_vcpu,     EVTCHNOP_unmask,
					     EVTCHNOP_reset };
	evtchn_port_t a, p;
	unsigned int i;

	for (i = 0; i < sizeof(cmds) / sizeof(cmds[0]); i++) {
		cr_expect_eq(op(d0, cmds[i], NULL), -XEN_EFAULT);
	}
	cr_assert_eq(alloc(d0, DOMID_SELF, 1, &a), 0);
	world.fault_writes = true;
	cr_expect_eq(alloc(d0, 1, 0, &p), -XEN_EFAULT);
	cr_expect_eq(bind(d1, 0, a, &p), -XEN_EFAULT);
	cr_expect_eq(bind_virq(d1, VIRQ_TIMER, 0, &p), -XEN_EFAULT);
	cr_expect_eq(bind_ipi(d1, 0, &p), -XEN_EFAULT);
	cr_expect_eq(bind_pirq(d1, 3, &p), -XEN_EFAULT);
	cr_expect_eq(d1->evtchn.active, 0);
	cr_expect_eq(d1->vcpu[0]->evtchn_virq[VIRQ_TIMER], 0);
	cr_expect_not(world.pirq_bound[3]);
	cr_expect_eq(refs(d0), 1);
	cr_expect_eq(d0->evtchn.active, 1);
}

Test(evtchn, there_is_no_array_before_there_is_a_control_block)
{
	struct evtchn_expand_array array = { 1 };
	struct evtchn_set_priority priority = { .port = 1 };
	evtchn_port_t p;

	cr_expect_eq(op(d1, EVTCHNOP_expand_array, &array), -XEN_EOPNOTSUPP);
	cr_expect_eq(op(d1, EVTCHNOP_set_priority, &priority), -XEN_EINVAL);
	cr_assert_eq(alloc(d1, DOMID_SELF, 0, &p), 0);
	cr_expect_eq(op(d1, EVTCHNOP_set_priority, &priority), -XEN_ENOSYS);
	cr_expect_eq(op(d1, 99, &priority), -XEN_ENOSYS);
}

/* Says no to what is still to do, until it is done; how often it stopped. */
static unsigned int steps(int (*f)(struct domain *d), struct domain *d)
{
	unsigned int n = 0;
	int rc;

	while ((rc = f(d)) == -XEN_ERESTART) {
		n++;
	}
	cr_assert_eq(rc, 0);
	return n;
}

static int close_all_of(struct domain *d)
{
	return evtchn_close_all(&d->evtchn);
}

Test(evtchn, many_ports_are_closed_in_steps)
{
	struct evtchn_reset r = { .dom = DOMID_SELF };
	evtchn_port_t p;
	unsigned int i;

	for (i = 0; i < 1000; i++) {
		cr_assert_eq(bind_ipi(d1, 0, &p), 0);
	}
	world.preempt_every = 1;
	cr_expect_eq(op(d1, EVTCHNOP_reset, &r), -XEN_ERESTART);
	cr_expect(world.restarted);
	cr_expect_eq(world.restart_nr, __HYPERVISOR_event_channel_op);
	cr_expect_eq(world.restart_args[0], EVTCHNOP_reset);
	cr_expect_eq(world.restart_args[1], WORLD_GVA(&r));
	cr_expect(d1->evtchn.active > 0 && d1->evtchn.active < 1000);
	cr_expect_eq(bind_ipi(d1, 0, &p), -XEN_EBUSY, "until it is done");
	cr_expect_geq(steps(evtchn_reset, d1), 1000 / 64 - 1);
	cr_expect_eq(d1->evtchn.active, 0);
	cr_expect_eq(bind_ipi(d1, 0, &p), 0);
	cr_expect_eq(p, 1);
	for (i = 0; i < 999; i++) {
		cr_assert_eq(bind_ipi(d1, 0, &p), 0);
	}
	cr_expect_geq(steps(close_all_of, d1), 1000 / 64);
	cr_expect_eq(d1->evtchn.active, 0);
	cr_expect_eq(bind_ipi(d1, 0, &p), -XEN_EINVAL);
}

Test(evtchn, a_domain_that_dies_during_its_reset_has_all_closed)
{
	evtchn_port_t p;
	unsigned int i;

	for (i = 0; i < 300; i++) {
		cr_assert_eq(bind_ipi(d1, 0, &p), 0);
	}
	world.preempt_every = 1;
	cr_expect_eq(evtchn_reset(d1), -XEN_ERESTART);
	steps(close_all_of, d1);
	cr_expect_eq(d1->evtchn.active, 0);
	steps(evtchn_reset, d1);
	cr_expect_eq(bind_ipi(d1, 0, &p), -XEN_EINVAL, "dead all the same");
}

Test(evtchn, the_old_calling_convention_does_the_same)
{
	struct evtchn_op r = { .cmd = EVTCHNOP_alloc_unbound,
			       .u.alloc_unbound = { .dom = DOMID_SELF, .remote_dom = 0 } };

	world_enter(d1);
	cr_expect_eq(do_event_channel_op_compat(WORLD_GVA(&r), 0, 0, 0, 0), 0);
	cr_expect_eq(r.u.alloc_unbound.port, 1);
	r.cmd = EVTCHNOP_reset;
	cr_expect_eq(do_event_channel_op_compat(WORLD_GVA(&r), 0, 0, 0, 0), -XEN_ENOSYS);
	cr_expect_eq(do_event_channel_op_compat(0, 0, 0, 0, 0), -XEN_EFAULT);
}

Test(evtchn, a_scribbling_guest_only_confuses_itself)
{
	evtchn_port_t a, b;

	pair(&a, &b);
	memset(d1->shared, 0xff, PAGE_SIZE);
	cr_expect_eq(one(d0, EVTCHNOP_send, a), 0);
	cr_expect_eq(one(d1, EVTCHNOP_unmask, b), 0);
	memset(d1->shared, 0, PAGE_SIZE);
	cr_expect_eq(one(d0, EVTCHNOP_send, a), 0);
	cr_expect(world_pending(d1, b));
	cr_expect_eq(one(d1, EVTCHNOP_close, b), 0);
}

/* --- random sequences --- */

static const struct evtchn *channel(const struct domain *d, unsigned int port)
{
	return evtchn_channel(&d->evtchn, port);
}

/* One domain's table against the others'; adds the references its ports hold. */
static void check_table(const struct domain *d, unsigned int held[])
{
	unsigned int port, open = 0, virqs = 0, bound = 0, i, j;

	for (port = 0; port <= d->evtchn.max_port; port++) {
		const struct evtchn *c = channel(d, port), *r;

		if (!c || c->state == EVTCHNSTAT_closed) {
			continue;
		}
		open++;
		cr_assert_neq(port, 0);
		cr_assert_eq(c->port, port);
		cr_assert_lt(c->vcpu, d->max_vcpus);
		switch (c->state) {
		case EVTCHNSTAT_interdomain:
			r = channel(c->remote.dom, c->remote.port);
			cr_assert_eq(r->state, EVTCHNSTAT_interdomain);
			cr_assert_eq(r->remote.dom, d);
			cr_assert_eq(r->remote.port, port);
			held[c->remote.dom->id]++;
			break;
		case EVTCHNSTAT_virq:
			virqs++;
			break;
		case EVTCHNSTAT_pirq:
			cr_assert_eq(d->evtchn.pirq_port[c->pirq], port);
			break;
		default:
			break;
		}
	}
	cr_assert_eq(d->evtchn.active, open);
	for (port = 1; port < d->evtchn.first_free; port++) {
		cr_assert_neq(channel(d, port)->state, EVTCHNSTAT_closed);
	}
	for (i = 0; i < d->max_vcpus; i++) {
		for (j = 0; j < NR_VIRQS; j++) {
			unsigned int p = (unsigned int)d->vcpu[i]->evtchn_virq[j];

			if (p) {
				cr_assert_eq(channel(d, p)->state, EVTCHNSTAT_virq);
				cr_assert_eq(channel(d, p)->virq, j);
				bound++;
			}
		}
	}
	cr_assert_eq(bound, virqs);
}

static void check_all(void)
{
	unsigned int held[WORLD_DOMAINS] = { 0 }, id;

	for (id = 0; id < 3; id++) {
		check_table(world.domain[id], held);
	}
	for (id = 0; id < 3; id++) {
		cr_assert_eq(refs(world.domain[id]), 1 + held[id]);
	}
}

static void random_step(unsigned int r)
{
	struct domain *d = world.domain[r % 3];
	domid_t other = (r >> 4) % 4;
	evtchn_port_t p = 1 + (r >> 8) % 24, out;

	switch ((r >> 16) % 11) {
	case 0:
	case 1:
		alloc(d, DOMID_SELF, other, &out);
		break;
	case 2:
	case 3:
		bind(d, other, p, &out);
		break;
	case 4:
		bind_virq(d, (r >> 20) % 26, (r >> 6) % 3, &out);
		break;
	case 5:
		bind_ipi(d, (r >> 6) % 3, &out);
		break;
	case 6:
		bind_pirq(d, (r >> 20) % 8, &out);
		break;
	case 7:
		one(d, EVTCHNOP_send, p);
		break;
	case 8:
		bind_vcpu(d, p, (r >> 6) % 3);
		break;
	case 9:
		one(d, EVTCHNOP_unmask, p);
		break;
	default:
		one(d, EVTCHNOP_close, p);
		break;
	}
}

Test(evtchn, random_sequences_keep_all_tables_in_agreement)
{
	unsigned int seed, i;

	for (seed = 1; seed <= 20; seed++) {
		unsigned int state = seed * 2654435761u;

		d1->evtchn.max_port = 20;
		for (i = 0; i < 1000; i++) {
			state = state * 1664525u + 1013904223u;
			world.fault_writes = (state >> 5) % 37 == 0;
			world.pirq_bind_answer = (state >> 7) % 5 == 0 ? -XEN_EBUSY : 0;
			random_step(state >> 3);
			world.fault_writes = false;
			check_all();
		}
		for (i = 0; i < 3; i++) {
			evtchn_reset(world.domain[(i + seed) % 3]);
			check_all();
		}
	}
	cr_assert_eq(d0->evtchn.active + d1->evtchn.active + d2->evtchn.active, 0);
}
