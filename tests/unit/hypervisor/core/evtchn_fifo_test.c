/*
 * Event channels, the FIFO ABI: its three operations and their refusals, queues as the guest finds them, guests that
 * scribble, and random sequences against a simple model: what was sent to an open port and is not masked is found, once,
 * by the next vCPU that looks.  The frames are real ones, so the audit tells whether all are given back.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <xen/errno.h>

#include "core/evtchn_port.h"
#include "core/hypercall.h"
#include "mm/dompages.h"
#include "tests/fake/guest_fake.h"
#include "tests/fake/refuse_fake.h"
#include "tests/unit/hypervisor/core/memory_world.h"

#define BLOCK_BYTES sizeof(struct evtchn_fifo_control_block)

static struct domain *d0, *d1;
static mfn_t blocks; /* of d1: one page, vCPU n's block at n * 72 */
static event_word_t *words;

static void setup(void)
{
	world_start();
	memory_start();
	d0 = world.domain[0];
	d1 = memory_domain(1, 2, 600);
	memory_lend_shared(d0);
	memory_lend_shared(d1);
}

static void teardown(void)
{
	char first[200];

	for (unsigned int i = 0; i < 2; i++) {
		while (evtchn_close_all(&world.domain[i]->evtchn)) {
		}
	}
	cr_expect_eq(memory_audit(first), 0, "%s", first);
}

TestSuite(fifo, .init = setup, .fini = teardown);

/* --- what the guest asks --- */

static long op(struct domain *as, unsigned int cmd, void *arg)
{
	world_enter(as);
	return do_event_channel_op(cmd, WORLD_GVA(arg), 0, 0, 0);
}

static long init_control(uint64_t gfn, uint32_t offset, uint32_t vcpu)
{
	struct evtchn_init_control r = { .control_gfn = gfn, .offset = offset, .vcpu = vcpu };
	long rc = op(d1, EVTCHNOP_init_control, &r);

	cr_expect(rc || r.link_bits == EVTCHN_FIFO_LINK_BITS);
	return rc;
}

static long expand(uint64_t gfn)
{
	struct evtchn_expand_array r = { .array_gfn = gfn };

	return op(d1, EVTCHNOP_expand_array, &r);
}

static long set_priority(evtchn_port_t port, uint32_t priority)
{
	struct evtchn_set_priority r = { .port = port, .priority = priority };

	return op(d1, EVTCHNOP_set_priority, &r);
}

static long one(unsigned int cmd, evtchn_port_t port)
{
	struct evtchn_close r = { .port = port };

	return op(d1, cmd, &r);
}

static long send(evtchn_port_t port)
{
	return one(EVTCHNOP_send, port);
}

static evtchn_port_t ipi(uint32_t vcpu)
{
	struct evtchn_bind_ipi r = { .vcpu = vcpu };
	long rc = op(d1, EVTCHNOP_bind_ipi, &r);

	return rc ? 0 : r.port;
}

/* A port of d1 that can be steered: d0 sends to it. */
static evtchn_port_t from_d0(evtchn_port_t *far)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = 1 };
	struct evtchn_bind_interdomain b = { .remote_dom = 0 };

	cr_assert_eq(op(d0, EVTCHNOP_alloc_unbound, &a), 0);
	b.remote_port = *far = a.port;
	cr_assert_eq(op(d1, EVTCHNOP_bind_interdomain, &b), 0);
	return b.local_port;
}

static long send_from_d0(evtchn_port_t far)
{
	struct evtchn_send r = { .port = far };

	return op(d0, EVTCHNOP_send, &r);
}

static long steer(evtchn_port_t port, uint32_t vcpu)
{
	struct evtchn_bind_vcpu r = { .port = port, .vcpu = vcpu };

	return op(d1, EVTCHNOP_bind_vcpu, &r);
}

/* --- what the guest does by itself, as a kernel would --- */

static struct evtchn_fifo_control_block *block(unsigned int vcpu)
{
	return (struct evtchn_fifo_control_block *)(memory_bytes(blocks) + vcpu * BLOCK_BYTES);
}

/* Both vCPUs have their block, and there are so many pages of the array, one after the other in words[]. */
static void start(unsigned int pages)
{
	blocks = memory_frame(d1, 0);
	cr_assert_eq(init_control(blocks.n, 0, 0), 0);
	cr_assert_eq(init_control(blocks.n, BLOCK_BYTES, 1), 0);
	for (unsigned int i = 0; i < pages; i++) {
		mfn_t m = memory_frame(d1, 0);

		words = i == 0 ? (event_word_t *)memory_bytes(m) : words;
		cr_assert_eq(memory_bytes(m), (uint8_t *)words + i * PAGE_SIZE);
		cr_assert_eq(expand(m.n), 0);
	}
}

static evtchn_port_t heads[2][EVTCHN_FIFO_MAX_QUEUES]; /* where the guest is in each queue */
static unsigned int ready[2];

/* Takes the first of the most urgent queue: its port, whether or not there is something to do; 0: all are empty. */
static evtchn_port_t take(unsigned int vcpu)
{
	evtchn_port_t *head, port;

	ready[vcpu] |= __atomic_exchange_n(&block(vcpu)->ready, 0, __ATOMIC_SEQ_CST);
	if (!ready[vcpu]) {
		return 0;
	}
	head = &heads[vcpu][__builtin_ctz(ready[vcpu])];
	port = *head ? *head : block(vcpu)->head[__builtin_ctz(ready[vcpu])];
	*head = words[port] & EVTCHN_FIFO_LINK_MASK;
	words[port] &= ~(FIFO_LINKED | EVTCHN_FIFO_LINK_MASK);
	if (!*head) {
		ready[vcpu] &= ready[vcpu] - 1;
	}
	return port;
}

/* The next event that is to be handled, which it is then; 0: none. */
static evtchn_port_t handle(unsigned int vcpu)
{
	evtchn_port_t port;

	while ((port = take(vcpu)) != 0) {
		if ((words[port] & (FIFO_PENDING | FIFO_MASKED)) == FIFO_PENDING) {
			words[port] &= ~FIFO_PENDING;
			return port;
		}
	}
	return 0;
}

static unsigned int told(unsigned int vcpu)
{
	return world_vcpu(d1, vcpu)->marked;
}

/* --- operations --- */

Test(fifo, init_control_refuses_and_nothing_changes)
{
	mfn_t m = memory_frame(d1, 0), table = memory_frame(d1, 0), foreign = memory_frame(d0, 0);
	struct evtchn_init_control r = { .control_gfn = m.n };

	memory_as_table(table, true);
	cr_expect_eq(init_control(m.n, 0, 2), -XEN_ENOENT);
	cr_expect_eq(init_control(m.n, 4, 2), -XEN_ENOENT);
	cr_expect_eq(init_control(m.n, 4, 0), -XEN_EINVAL);
	cr_expect_eq(init_control(m.n, PAGE_SIZE - BLOCK_BYTES + 8, 0), -XEN_EINVAL);
	cr_expect_eq(init_control(m.n, ~7u, 0), -XEN_EINVAL);
	cr_expect_eq(init_control(~0UL, 0, 0), -XEN_EINVAL);
	cr_expect_eq(init_control(foreign.n, 0, 0), -XEN_EINVAL);
	cr_expect_eq(init_control(table.n, 0, 0), -XEN_EINVAL);
	cr_expect_eq(init_control(0, 0, 0), -XEN_EINVAL);
	memory_as_table(table, false);
	world.fault_writes = true;
	cr_expect_eq(op(d1, EVTCHNOP_init_control, &r), -XEN_EFAULT);
	world.fault_writes = false;
	cr_expect_eq(op(d1, EVTCHNOP_init_control, NULL), -XEN_EFAULT);
	cr_expect_null(d1->evtchn.fifo);
	cr_expect_eq(memory_refs(m), 1);
	cr_expect_eq(memory_refs(foreign), 1);
	cr_expect_eq(memory_refs(table), 1);
	cr_expect_eq(init_control(m.n, PAGE_SIZE - BLOCK_BYTES, 1), 0, "the last place there is");
	cr_expect_eq(memory_refs(m), 2);
	cr_expect_eq(init_control(m.n, 0, 1), -XEN_EINVAL, "once for each vCPU");
	cr_expect_eq(memory_refs(m), 2);
	cr_expect_eq(init_control(m.n, 0, 0), 0);
	cr_expect_eq(memory_refs(m), 3);
}

Test(fifo, expand_array_refuses_and_nothing_changes)
{
	mfn_t m = memory_frame(d1, 0), foreign = memory_frame(d0, 0);

	cr_expect_eq(expand(m.n), -XEN_EOPNOTSUPP);
	start(0);
	cr_expect_eq(expand(~0UL), -XEN_EINVAL);
	cr_expect_eq(expand(foreign.n), -XEN_EINVAL);
	cr_expect_eq(op(d1, EVTCHNOP_expand_array, NULL), -XEN_EFAULT);
	cr_expect_eq(memory_refs(m), 1);
	for (unsigned int i = 0; i < 128; i++) {
		cr_assert_eq(expand(m.n), 0);
	}
	cr_expect_eq(memory_refs(m), 129);
	cr_expect_eq(expand(m.n), -XEN_ENOSPC);
	cr_expect_eq(expand(~0UL), -XEN_ENOSPC);
	cr_expect_eq(memory_refs(m), 129);
}

static void frame_refused(long rc, enum reason why, uint64_t frame)
{
	cr_expect_eq(rc, -XEN_EINVAL);
	cr_expect_eq(refused.times, 1, "frame %#lx: %u times", (unsigned long)frame, refused.times);
	cr_expect_eq(refused.status, -XEN_EINVAL);
	cr_expect_eq(refused.why, why);
	cr_expect_eq(refused.value, frame);
	refused.times = 0;
}

Test(fifo, what_is_wrong_with_a_frame_is_said_once)
{
	mfn_t table = memory_frame(d1, 0), foreign = memory_frame(d0, 0);

	start(0);
	memory_as_table(table, true);
	refused.times = 0;
	frame_refused(expand(~0UL), REASON_NO_SUCH_FRAME, ~0UL);
	frame_refused(expand(foreign.n), REASON_FRAME_NOT_OWNED, foreign.n);
	frame_refused(expand(table.n), REASON_FRAME_OTHER_USE, table.n);
	frame_refused(init_control(table.n, 0, 1), REASON_FRAME_OTHER_USE, table.n);
	memory_as_table(table, false);
}

Test(fifo, set_priority_refuses_and_nothing_changes)
{
	evtchn_port_t p = ipi(0);

	cr_expect_eq(set_priority(p, 0), -XEN_ENOSYS);
	start(1);
	cr_expect_eq(set_priority(p, 16), -XEN_EINVAL);
	cr_expect_eq(set_priority(p, ~0u), -XEN_EINVAL);
	cr_expect_eq(set_priority(0, 3), -XEN_EACCES);
	cr_expect_eq(set_priority(p + 1, 3), -XEN_EACCES);
	cr_expect_eq(set_priority(p + 1, 16), -XEN_EACCES);
	cr_expect_eq(set_priority(EVTCHN_BUCKET, 3), -XEN_EINVAL);
	cr_expect_eq(set_priority(~0u, 3), -XEN_EINVAL);
	cr_expect_eq(op(d1, EVTCHNOP_set_priority, NULL), -XEN_EFAULT);
	cr_expect_eq(send(p), 0);
	cr_expect_eq(block(0)->ready, 1u << EVTCHN_FIFO_PRIORITY_DEFAULT);
}

/* --- queues --- */

Test(fifo, an_event_is_a_word_in_a_queue)
{
	evtchn_port_t a, b;

	start(1);
	a = ipi(1);
	b = ipi(1);
	cr_expect_eq(send(a), 0);
	cr_expect_eq(words[a], FIFO_PENDING | FIFO_LINKED);
	cr_expect_eq(block(1)->head[7], a);
	cr_expect_eq(block(1)->ready, 1u << 7);
	cr_expect_eq(block(0)->ready, 0);
	cr_expect_eq(told(1), 1);
	cr_expect_eq(told(0), 0);
	cr_expect_eq(send(a), 0);
	cr_expect_eq(send(b), 0);
	cr_expect_eq(words[a], FIFO_PENDING | FIFO_LINKED | b);
	cr_expect_eq(words[b], FIFO_PENDING | FIFO_LINKED);
	cr_expect_eq(block(1)->head[7], a);
	cr_expect_eq(told(1), 1, "it has been told of this queue");
	cr_expect_eq(handle(1), a);
	cr_expect_eq(send(a), 0);
	cr_expect_eq(handle(1), b);
	cr_expect_eq(handle(1), a);
	cr_expect_eq(handle(1), 0);
	cr_expect_eq(told(1), 1);
	cr_expect_eq(send(a), 0, "the last one itself again");
	cr_expect_eq(words[a], FIFO_PENDING | FIFO_LINKED);
	cr_expect_eq(told(1), 2);
	cr_expect_eq(handle(1), a);
}

Test(fifo, sixteen_priorities_are_drained_in_order)
{
	evtchn_port_t p[16];

	start(1);
	for (unsigned int i = 0; i < 16; i++) {
		p[i] = ipi(0);
		cr_assert_eq(set_priority(p[i], 15 - i), 0);
		cr_assert_eq(send(p[i]), 0);
	}
	cr_expect_eq(block(0)->ready, 0xffff);
	for (unsigned int i = 16; i-- > 0;) {
		cr_expect_eq(handle(0), p[i]);
	}
	cr_expect_eq(handle(0), 0);
	cr_expect_eq(set_priority(p[0], 0), 0);
	cr_expect_eq(send(p[0]), 0);
	cr_expect_eq(block(0)->ready, 1);
	cr_expect_eq(one(EVTCHNOP_close, p[1]), 0);
	cr_expect_eq(ipi(0), p[1]);
	cr_expect_eq(send(p[1]), 0);
	cr_expect_eq(block(0)->ready, 1 | 1u << 7, "a port's next user begins anew");
}

Test(fifo, a_masked_port_is_linked_by_unmask)
{
	evtchn_port_t p;

	start(1);
	p = ipi(0);
	words[p] = FIFO_MASKED;
	cr_expect_eq(send(p), 0);
	cr_expect_eq(words[p], FIFO_MASKED | FIFO_PENDING);
	cr_expect_eq(told(0), 0);
	cr_expect_eq(one(EVTCHNOP_unmask, p), 0);
	cr_expect_eq(words[p], FIFO_LINKED | FIFO_PENDING);
	cr_expect_eq(told(0), 1);
	cr_expect_eq(one(EVTCHNOP_unmask, p), 0);
	words[p] |= FIFO_MASKED;
	cr_expect_eq(handle(0), 0, "masked while in the queue: dropped from it");
	cr_expect_eq(words[p], FIFO_MASKED | FIFO_PENDING);
	cr_expect_eq(one(EVTCHNOP_unmask, p), 0);
	cr_expect_eq(handle(0), p);
	words[p] = FIFO_MASKED;
	cr_expect_eq(one(EVTCHNOP_unmask, p), 0);
	cr_expect_eq(words[p], 0, "nothing pending, nothing linked");
	cr_expect_eq(one(EVTCHNOP_unmask, p + 1), 0, "a closed port");
}

Test(fifo, what_comes_before_the_array_is_shown_with_it)
{
	evtchn_port_t p = ipi(0), masked = ipi(0), closed = ipi(0), later;

	world_mask(d1, masked, true);
	cr_assert_eq(send(p) + send(masked) + send(closed), 0);
	start(0);
	later = ipi(1);
	cr_expect_eq(d1->shared->evtchn_pending[0], 0);
	cr_expect_eq(send(later), 0);
	cr_expect_eq(evtchn_port_pending(d1, p), 1);
	cr_expect_eq(evtchn_port_pending(d1, later), 1);
	cr_expect_eq(one(EVTCHNOP_close, closed), 0);
	cr_expect_eq(evtchn_port_pending(d1, closed), 0);
	cr_expect_eq(one(EVTCHNOP_unmask, p), 0);
	cr_expect_eq(block(0)->ready | block(1)->ready, 0);
	words = (event_word_t *)memory_bytes(memory_frame(d1, 0));
	words[masked] = FIFO_MASKED;
	cr_expect_eq(expand(virt_to_frame(words).n), 0);
	cr_expect_eq(handle(0), p);
	cr_expect_eq(handle(0), 0);
	cr_expect_eq(handle(1), later);
	cr_expect_eq(words[masked], FIFO_MASKED | FIFO_PENDING);
	cr_expect_eq(words[closed], 0);
}

Test(fifo, what_comes_before_the_control_block_is_shown_with_it)
{
	evtchn_port_t a, b, c;

	blocks = memory_frame(d1, 0);
	cr_assert_eq(init_control(blocks.n, 0, 0), 0);
	words = (event_word_t *)memory_bytes(memory_frame(d1, 0));
	cr_assert_eq(expand(virt_to_frame(words).n), 0);
	a = ipi(1);
	b = ipi(1);
	c = ipi(1);
	cr_assert_eq(set_priority(c, 2), 0);
	cr_assert_eq(send(a) + send(b) + send(c), 0);
	world_vcpu(d1, 1)->marked = 0;
	cr_expect_eq(init_control(blocks.n, BLOCK_BYTES, 1), 0);
	cr_expect_eq(told(1), 1);
	cr_expect_eq(handle(1), c);
	cr_expect_eq(handle(1), a);
	cr_expect_eq(handle(1), b);
	cr_expect_eq(handle(1), 0);
}

Test(fifo, a_closed_port_is_not_given_out_while_it_is_in_a_queue)
{
	evtchn_port_t p, next;

	start(1);
	p = ipi(0);
	cr_assert_eq(send(p), 0);
	cr_expect_eq(one(EVTCHNOP_close, p), 0);
	cr_expect_eq(words[p], FIFO_LINKED, "linked, and nothing to do");
	next = ipi(1);
	cr_expect_eq(next, p + 1);
	cr_expect_eq(handle(0), 0);
	cr_expect_eq(ipi(1), p);
	words[p] = FIFO_LINKED; /* a lie: but it is open, and then not looked at */
	cr_expect_eq(one(EVTCHNOP_close, next), 0);
	words[next] = FIFO_LINKED; /* was never in a queue */
	cr_expect_eq(ipi(0), next);
}

Test(fifo, closed_ports_in_queues_are_not_searched_without_end)
{
	evtchn_port_t p, last = 0;
	unsigned int i;

	start(5);
	for (i = 0; i < 4000; i++) {
		last = ipi(0);
		cr_assert_neq(last, 0);
		cr_assert_eq(send(last), 0);
	}
	for (p = 1; p <= last; p++) {
		cr_assert_eq(one(EVTCHNOP_close, p), 0);
	}
	p = ipi(0);
	cr_expect_eq(p % EVTCHN_BUCKET, 0);
	cr_expect_gt(p, last);
	cr_expect_eq(handle(0), 0, "all are taken");
	cr_expect_eq(ipi(0), 1);
}

Test(fifo, an_old_queues_last_port_is_forgotten_when_it_goes_to_another)
{
	evtchn_port_t far, p, q, r;

	start(1);
	p = from_d0(&far);
	q = ipi(0);
	r = ipi(1);
	cr_expect_eq(handle(0), p, "binding makes it pending");
	cr_expect_eq(steer(p, 1), 0);
	cr_expect_eq(send_from_d0(far), 0); /* p ends the other queue now */
	cr_expect_eq(send(q), 0);
	cr_expect_eq(block(0)->head[7], q);
	cr_expect_eq(words[p] & EVTCHN_FIFO_LINK_MASK, 0);
	cr_expect_eq(send(r), 0);
	cr_expect_eq(words[p] & EVTCHN_FIFO_LINK_MASK, r);
	cr_expect_eq(handle(0), q);
	cr_expect_eq(handle(0), 0);
	cr_expect_eq(handle(1), p);
	cr_expect_eq(handle(1), r);
	cr_expect_eq(handle(1), 0);
}

Test(fifo, steering_a_port_in_a_queue_takes_effect_after_it)
{
	evtchn_port_t far, p;

	start(1);
	p = from_d0(&far);
	cr_expect_eq(steer(p, 1), 0);
	cr_expect_eq(handle(1), 0);
	cr_expect_eq(handle(0), p);
	cr_expect_eq(send_from_d0(far), 0);
	cr_expect_eq(handle(0), 0);
	cr_expect_eq(handle(1), p);
	words[p] = FIFO_MASKED;
	cr_expect_eq(send_from_d0(far), 0);
	cr_expect_eq(steer(p, 0), 0);
	cr_expect_eq(one(EVTCHNOP_unmask, p), 0);
	cr_expect_eq(handle(0), p, "one that waited masked goes along");
}

Test(fifo, a_poller_wakes_for_a_port_with_and_without_a_word)
{
	struct world_vcpu *v = world_vcpu(d1, 1);
	evtchn_port_t p;

	start(0);
	p = ipi(0);
	for (unsigned int i = 0; i < 2; i++) {
		v->woken = 0;
		v->v.poll_port = p;
		atomic_store(&v->v.pause_flags, VPF_POLLING);
		cr_expect_eq(evtchn_port_pending(d1, p), 0);
		cr_expect_eq(send(p), 0);
		cr_expect_eq(v->woken, 1);
		cr_expect_eq(evtchn_port_pending(d1, p), 1);
		words = (event_word_t *)memory_bytes(memory_frame(d1, 0));
		cr_assert_eq(i || expand(virt_to_frame(words).n) == 0, 1);
		words = (event_word_t *)memory_bytes(virt_to_frame(d1->evtchn.fifo->page[0]));
		words[p] = FIFO_MASKED;
	}
	cr_expect_eq(evtchn_port_pending(d1, ~0u), -XEN_EINVAL);
}

/* --- how many --- */

Test(fifo, every_port_there_is_can_be_had_and_given_back)
{
	evtchn_port_t p = 0;

	start(128);
	for (unsigned int i = 1; i < EVTCHN_PORTS; i++) {
		p = ipi(0);
		cr_assert_eq(p, i);
	}
	cr_expect_eq(ipi(0), 0);
	cr_expect_eq(send(p), 0);
	cr_expect_eq(handle(0), EVTCHN_PORTS - 1);
	cr_expect_eq(one(EVTCHNOP_close, 77777), 0);
	cr_expect_eq(ipi(0), 77777);
	cr_expect_eq(one(EVTCHNOP_close, EVTCHN_PORTS), -XEN_EINVAL);
	cr_expect_eq(evtchn_reset(d1), 0);
	cr_expect_eq(d1->evtchn.active, 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(d1->evtchn.group); i++) {
		cr_expect_null(d1->evtchn.group[i]);
	}
}

Test(fifo, the_limit_of_the_domain_stays)
{
	start(8);
	d1->evtchn.max_port = 5000;
	for (unsigned int i = 1; i <= 5000; i++) {
		cr_assert_eq(ipi(0), i);
	}
	cr_expect_eq(ipi(0), 0);
	cr_expect_eq(one(EVTCHNOP_close, 5001), -XEN_EINVAL);
}

Test(fifo, reset_gives_the_pages_back_and_the_old_way_is_there_again)
{
	evtchn_port_t p;

	start(2);
	p = ipi(0);
	cr_assert_eq(send(p), 0);
	cr_expect_eq(memory_refs(blocks), 3);
	cr_expect_eq(memory_refs(virt_to_frame(words)), 2);
	cr_expect_eq(evtchn_reset(d1), 0);
	cr_expect_eq(memory_refs(blocks), 1);
	cr_expect_eq(memory_refs(virt_to_frame(words)), 1);
	cr_expect_eq(words[p] & FIFO_PENDING, 0);
	cr_expect_eq(d1->evtchn.max_port, EVTCHN_2LEVEL_PORTS - 1);
	p = ipi(0);
	cr_expect_eq(p, 1, "though its old word says LINKED");
	cr_expect_eq(send(p), 0);
	cr_expect(world_pending(d1, p));
	cr_expect_eq(expand(blocks.n), -XEN_EOPNOTSUPP);
	cr_expect_eq(init_control(blocks.n, 0, 0), 0, "and may be left again");
}

Test(fifo, the_audit_notices_a_page_that_is_not_held)
{
	char first[200];

	start(1);
	cr_expect_eq(memory_audit(first), 0, "%s", first);
	frame_put_type(blocks);
	cr_expect_neq(memory_audit(first), 0);
	cr_assert_eq(frame_get_type(blocks, FRAME_WRITABLE, d1), 0);
	frame_put_type(virt_to_frame(words));
	cr_expect_neq(memory_audit(first), 0);
	cr_assert_eq(frame_get_type(virt_to_frame(words), FRAME_WRITABLE, d1), 0);
}

/* --- guests that scribble --- */

static atomic_bool stop;

static void *scribble(void *arg)
{
	event_word_t *w = arg;

	for (unsigned int i = 0; !atomic_load(&stop); i++) {
		__atomic_store_n(w, FIFO_LINKED | (i * 2654435761u & ~FIFO_MASKED),
				 __ATOMIC_SEQ_CST);
	}
	return NULL;
}

Test(fifo, a_last_word_that_never_rests_keeps_nobody)
{
	evtchn_port_t tail, p;
	pthread_t thread;

	start(1);
	tail = ipi(0);
	p = ipi(0);
	cr_assert_eq(pthread_create(&thread, NULL, scribble, &words[tail]), 0);
	for (unsigned int i = 0; i < 50000; i++) {
		words[tail] = 0;
		send(tail);
		words[p] = 0;
		cr_assert_eq(send(p), 0);
		cr_assert_eq(words[p] & ~(event_word_t)EVTCHN_FIFO_LINK_MASK,
			     FIFO_PENDING | FIFO_LINKED);
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
}

Test(fifo, pages_full_of_anything_do_no_harm)
{
	evtchn_port_t p[8];

	start(1);
	for (unsigned int i = 0; i < 8; i++) {
		p[i] = ipi(i % 2);
	}
	srand(1);
	for (unsigned int i = 0; i < 20000; i++) {
		if (i % 16 == 0) {
			for (unsigned int j = 0; j < BLOCK_BYTES / 2; j++) {
				((uint32_t *)memory_bytes(blocks))[j] = (uint32_t)rand() * 2u;
			}
		}
		words[p[rand() % 8]] = (uint32_t)rand() * 2u;
		send(p[rand() % 8]);
		one(EVTCHNOP_unmask, p[rand() % 8]);
		set_priority(p[rand() % 8], (uint32_t)rand() % 16);
	}
	memset(words, 0, PAGE_SIZE);
	memset(memory_bytes(blocks), 0, PAGE_SIZE);
	for (unsigned int i = 0; i < 8; i++) {
		cr_expect_eq(send(p[i]), 0);
		cr_expect(words[p[i]] & FIFO_LINKED);
	}
}

/* --- random sequences --- */

#define PLAYED 12

/* What a port should look like: by our own account, not the hypervisor's. */
static struct expected {
	bool open, pending, masked;
	evtchn_port_t far;
} model[PLAYED + 1];

static void check_handled(evtchn_port_t port)
{
	cr_assert_leq(port, PLAYED);
	cr_assert(model[port].open && model[port].pending && !model[port].masked,
		  "port %u was not to be handled", port);
	model[port].pending = false;
}

static void model_open(void)
{
	evtchn_port_t far, port;

	if (world.domain[0]->evtchn.active >= PLAYED) {
		return;
	}
	port = from_d0(&far);
	if (port > PLAYED) {
		one(EVTCHNOP_close, port);
		struct evtchn_close r = { .port = far };

		op(d0, EVTCHNOP_close, &r);
		words[port] &= ~FIFO_PENDING;
		return;
	}
	model[port] = (struct expected){ true, true, words[port] & FIFO_MASKED, far };
}

static void model_close(evtchn_port_t port)
{
	struct evtchn_close r = { .port = model[port].far };

	cr_assert_eq(one(EVTCHNOP_close, port), 0);
	cr_assert_eq(op(d0, EVTCHNOP_close, &r), 0);
	model[port].open = false;
}

static void model_mask(evtchn_port_t port)
{
	words[port] |= FIFO_MASKED;
	model[port].masked = true;
}

static void model_unmask(evtchn_port_t port)
{
	cr_assert_eq(one(EVTCHNOP_unmask, port), 0);
	model[port].masked = false;
}

static void model_handle(unsigned int vcpu)
{
	evtchn_port_t port = handle(vcpu);

	if (port) {
		check_handled(port);
	}
}

static void random_step(unsigned int r)
{
	evtchn_port_t port = 1 + (r >> 8) % PLAYED;

	switch (r % 8) {
	case 0:
		model_open();
		return;
	case 1:
		model_handle((r >> 4) % 2);
		return;
	default:
		break;
	}
	if (!model[port].open) {
		return;
	}
	switch (r % 16) {
	case 2:
		model_mask(port);
		break;
	case 3:
	case 11:
		model_unmask(port);
		break;
	case 4:
		cr_assert_eq(steer(port, (r >> 4) % 2), 0);
		break;
	case 5:
		cr_assert_eq(set_priority(port, (r >> 4) % 16), 0);
		break;
	case 6:
		model_close(port);
		break;
	default:
		cr_assert_eq(send_from_d0(model[port].far), 0);
		model[port].pending = true;
		break;
	}
}

/* Whatever is to be handled is found by looking on both vCPUs. */
static void drain(void)
{
	evtchn_port_t port;

	for (unsigned int vcpu = 0; vcpu < 2; vcpu++) {
		while ((port = handle(vcpu)) != 0) {
			check_handled(port);
		}
	}
	for (port = 1; port <= PLAYED; port++) {
		cr_assert(!model[port].open || !model[port].pending || model[port].masked,
			  "port %u was not found", port);
		cr_assert_eq(words[port] & FIFO_LINKED, 0);
	}
}

Test(fifo, random_sequences_show_each_event_once)
{
	unsigned int state = 1;

	start(1);
	for (unsigned int i = 0; i < 200000; i++) {
		state = state * 1664525u + 1013904223u;
		random_step(state >> 8);
		if (state >> 26 == 0) {
			drain();
		}
	}
	drain();
}
