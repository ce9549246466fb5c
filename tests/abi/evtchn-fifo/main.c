/*
 * The FIFO ABI of event channels (<xen/event_channel.h>): init_control, expand_array and set_priority with every refusal, upon
 * which all is as before; what is pending earlier is not lost; 16 priorities; masks; ports beyond the 4096 of the 2-level
 * ABI and beyond the array; closing in every state; steering; polling; EVTCHNOP_reset, after which the guest's pages are its own again.
 */
#include "frontends/rt/test.h"

#include <xen/sched.h>
#include <xen/vcpu.h>

#include "tests/abi/lib/fifo.h"
#include "tests/abi/lib/pages.h"

#define BLOCK_BYTES sizeof(struct evtchn_fifo_control_block)

static bool has_second;

/* Whether the page can be a page table: not while somebody holds it as writable. */
static long pin(const void *page)
{
	struct mmuext_op op = { .cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = virt_to_mfn(page) };

	return mmuext_op(&op, 1, NULL, DOMID_SELF);
}

static void unpin(const void *page)
{
	struct mmuext_op op = { .cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = virt_to_mfn(page) };

	CHECK_EQ(mmuext_op(&op, 1, NULL, DOMID_SELF), 0, "and unpinned");
}

static void control_refusals(void)
{
	char *page = page_alloc();
	uint64_t gfn = virt_to_mfn(page), table = virt_to_mfn((void *)start_info->pt_base);

	CHECK_EQ(fifo_control(gfn, 0, 77), -XEN_ENOENT, "init_control: no such vCPU");
	CHECK_EQ(fifo_control(gfn, 4, ~0u), -XEN_ENOENT, "init_control: nor such a one");
	CHECK_EQ(fifo_control(gfn, 4, 0), -XEN_EINVAL, "init_control: not a multiple of 8");
	CHECK_EQ(fifo_control(gfn, PAGE_SIZE - BLOCK_BYTES + 8, 0), -XEN_EINVAL,
		 "init_control: over the page's end");
	CHECK_EQ(fifo_control(gfn, PAGE_SIZE, 0), -XEN_EINVAL, "init_control: in the next page");
	CHECK_EQ(fifo_control(gfn, ~7u, 0), -XEN_EINVAL, "init_control: far away");
	CHECK_EQ(fifo_control(~0UL, 0, 0), -XEN_EINVAL, "init_control: no such frame");
	CHECK_EQ(fifo_control(0, 0, 0), -XEN_EINVAL, "init_control: somebody else's frame");
	CHECK_EQ(fifo_control(table, 0, 0), -XEN_EINVAL, "init_control: a page table");
	CHECK_EQ(event_op(EVTCHNOP_init_control, NOWHERE), -XEN_EFAULT, "init_control: nowhere");
	CHECK_EQ(page_protect(page, PTE_USUAL & ~PTE_RW), 0, "the page is read-only");
	CHECK_EQ(pin(page), 0, "and can be a page table: nobody holds it");
	unpin(page);
	page_protect(page, PTE_USUAL);
}

static void before(evtchn_port_t port)
{
	char *page = page_alloc();

	CHECK_EQ(fifo_expand(virt_to_mfn(page)), -XEN_EOPNOTSUPP, "expand_array: too early");
	CHECK_EQ(fifo_priority(port, 3), -XEN_ENOSYS, "set_priority: too early");
	CHECK_EQ(fifo_priority(port, 16), -XEN_ENOSYS, "set_priority: and worse");
	CHECK_EQ(fifo_priority(PORTS, 3), -XEN_EINVAL, "set_priority: no such port");
	CHECK_EQ(event_send(port), 0, "the 2-level ABI");
	CHECK(event_is_pending(port), "is what there is");
}

static void other_refusals(evtchn_port_t port)
{
	evtchn_port_t closed = event_next_free();
	uint64_t table = virt_to_mfn((void *)start_info->pt_base);

	CHECK_EQ(fifo_control(virt_to_mfn(fifo_block[0]), 0, 0), -XEN_EINVAL,
		 "init_control: once only");
	CHECK_EQ(fifo_control(virt_to_mfn(page_alloc()), 0, 0), -XEN_EINVAL,
		 "init_control: elsewhere neither");
	CHECK_EQ(fifo_expand(~0UL), -XEN_EINVAL, "expand_array: no such frame");
	CHECK_EQ(fifo_expand(0), -XEN_EINVAL, "expand_array: somebody else's frame");
	CHECK_EQ(fifo_expand(table), -XEN_EINVAL, "expand_array: a page table");
	CHECK_EQ(event_op(EVTCHNOP_expand_array, NOWHERE), -XEN_EFAULT, "expand_array: nowhere");
	CHECK_EQ(fifo_priority(port, 16), -XEN_EINVAL, "set_priority: no such priority");
	CHECK_EQ(fifo_priority(port, ~0u), -XEN_EINVAL, "set_priority: nor such a one");
	CHECK_EQ(fifo_priority(0, 3), -XEN_EACCES, "set_priority: port 0");
	CHECK_EQ(fifo_priority(closed, 3), -XEN_EACCES, "set_priority: a closed port");
	CHECK_EQ(fifo_priority(EVTCHN_FIFO_NR_CHANNELS, 3), -XEN_EINVAL, "set_priority: too far");
	CHECK_EQ(fifo_priority(~0u, 3), -XEN_EINVAL, "set_priority: much too far");
	CHECK_EQ(event_op(EVTCHNOP_set_priority, NOWHERE), -XEN_EFAULT, "set_priority: nowhere");
}

/* Pending and not masked in the old way: it comes up with the array's first page. */
static void carried_over(evtchn_port_t port)
{
	evtchn_port_t later = event_ipi(0);

	CHECK_EQ(event_send(later), 0, "sent before there is an array");
	CHECK_EQ(fifo_block[0]->ready, 0, "nothing is shown");
	CHECK_EQ(fifo_more(), 0, "the array");
	CHECK_EQ(fifo_read(port) & FIFO_PENDING, FIFO_PENDING, "what was pending before is");
	CHECK_EQ(fifo_handle(0), port, "and in the queue");
	CHECK_EQ(fifo_handle(0), later, "as is what came since");
	CHECK_EQ(fifo_handle(0), 0, "and no more");
	event_close(later);
}

static void queues(void)
{
	evtchn_port_t a = event_ipi(0), b = event_ipi(0);

	CHECK_EQ(event_send(a), 0, "send");
	CHECK_EQ(fifo_read(a), FIFO_PENDING | FIFO_LINKED, "pending and linked");
	CHECK_EQ(fifo_block[0]->head[EVTCHN_FIFO_PRIORITY_DEFAULT], a, "the head");
	CHECK_EQ(fifo_block[0]->ready, 1u << EVTCHN_FIFO_PRIORITY_DEFAULT, "ready");
	CHECK(vcpu_info()->evtchn_upcall_pending, "the vCPU is told");
	vcpu_info()->evtchn_upcall_pending = 0;
	event_send(a);
	event_send(b);
	CHECK_EQ(fifo_read(a), FIFO_PENDING | FIFO_LINKED | b, "the next is linked behind it");
	CHECK(!vcpu_info()->evtchn_upcall_pending, "of which the vCPU is not told again");
	CHECK_EQ(fifo_handle(0), a, "the first");
	event_send(a);
	CHECK_EQ(fifo_handle(0), b, "the second");
	CHECK_EQ(fifo_handle(0), a, "the first again");
	CHECK_EQ(fifo_handle(0), 0, "empty");
	event_send(a);
	CHECK_EQ(fifo_read(a), FIFO_PENDING | FIFO_LINKED, "the last again, with none behind it");
	CHECK(vcpu_info()->evtchn_upcall_pending, "the vCPU is told");
	CHECK_EQ(fifo_handle(0), a, "and finds it");
	event_close(a);
	event_close(b);
}

static void priorities(void)
{
	evtchn_port_t port[16];
	bool right = true;

	for (unsigned int i = 0; i < 16; i++) {
		port[i] = event_ipi(0);
		right &= !fifo_priority(port[i], (i * 7 + 3) % 16) && !event_send(port[i]);
	}
	CHECK(right, "a port for each priority, all sent to");
	CHECK_EQ(fifo_block[0]->ready, 0xffff, "16 queues are ready");
	for (unsigned int p = 0; p < 16; p++) {
		evtchn_port_t got = fifo_handle(0);

		for (unsigned int i = 0; i < 16; i++) {
			right &= (i * 7 + 3) % 16 != p || got == port[i];
		}
	}
	CHECK(right && !fifo_handle(0), "found in the order of their priorities");
	for (unsigned int i = 0; i < 16; i++) {
		event_close(port[i]);
	}
}

static void masks(void)
{
	evtchn_port_t port = event_ipi(0);

	fifo_mask(port);
	event_send(port);
	CHECK_EQ(fifo_read(port), FIFO_PENDING | FIFO_MASKED, "masked: pending, not linked");
	CHECK_EQ(event_unmask(port), 0, "unmasked");
	CHECK_EQ(fifo_read(port), FIFO_PENDING | FIFO_LINKED, "it is linked");
	CHECK_EQ(event_unmask(port), 0, "not masked");
	CHECK_EQ(fifo_read(port), FIFO_PENDING | FIFO_LINKED, "nothing to do");
	fifo_mask(port);
	CHECK_EQ(fifo_handle(0), 0, "masked in the queue: not handled");
	CHECK_EQ(fifo_read(port), FIFO_PENDING | FIFO_MASKED, "it waits");
	CHECK_EQ(event_unmask(port), 0, "unmasked");
	CHECK_EQ(fifo_handle(0), port, "found");
	fifo_mask(port);
	event_unmask(port);
	CHECK_EQ(fifo_read(port), 0, "unmasked with nothing pending");
	CHECK_EQ(event_unmask(EVTCHN_FIFO_NR_CHANNELS), -XEN_EINVAL, "unmask: too far");
	event_close(port);
}

static void closing(void)
{
	evtchn_port_t port = event_ipi(0), again;

	CHECK_EQ(event_close(port), 0, "closed with nothing pending");
	CHECK_EQ(event_ipi(0), port, "and had again");
	fifo_mask(port);
	event_send(port);
	CHECK_EQ(event_close(port), 0, "closed, pending and masked");
	CHECK_EQ(fifo_read(port), FIFO_MASKED, "not pending any more");
	CHECK_EQ(event_ipi(0), port, "and had again");
	CHECK_EQ(event_unmask(port), 0, "unmasked");
	event_send(port);
	CHECK_EQ(event_close(port), 0, "closed in the queue");
	CHECK_EQ(fifo_read(port), FIFO_LINKED, "it stays there");
	CHECK_EQ(event_close(port), -XEN_EINVAL, "and is closed");
	again = event_ipi(0);
	CHECK(again != port, "nobody has it while it is in the queue");
	event_send(again);
	CHECK_EQ(fifo_handle(0), again, "the queue goes on behind it");
	event_close(again);
	CHECK_EQ(event_ipi(0), port, "and now it can be had");
	event_close(port);
}

static void steering(void)
{
	evtchn_port_t far = event_unbound(DOMID_SELF), port = event_bind(DOMID_SELF, far);
	evtchn_port_t here = event_ipi(0), there = event_ipi(1);

	CHECK_EQ(event_steer(port, 1), 0, "a port in a queue is steered away");
	CHECK_EQ(fifo_handle(1), 0, "the other vCPU has nothing");
	CHECK_EQ(fifo_handle(0), port, "this one finds it");
	event_send(far);
	CHECK_EQ(fifo_block[1]->ready, 1u << EVTCHN_FIFO_PRIORITY_DEFAULT, "the next goes there");
	event_send(here);
	event_send(there);
	CHECK_EQ(fifo_read(port) & EVTCHN_FIFO_LINK_MASK, there, "and its queue with it");
	CHECK_EQ(fifo_handle(0), here, "here");
	CHECK_EQ(fifo_handle(0), 0, "is nothing else");
	CHECK_EQ(fifo_handle(1), port, "there");
	CHECK_EQ(fifo_handle(1), there, "are both");
	CHECK_EQ(fifo_handle(1), 0, "and nothing else");
	event_close(here);
	event_close(there);
	event_close(port);
	event_close(far);
}

static void polling(void)
{
	evtchn_port_t port = event_ipi(0);
	struct sched_poll p = { .nr_ports = 1, .timeout = system_time() + 5000000000UL };

	set_xen_guest_handle_raw(p.ports, &port);
	fifo_mask(port);
	event_send(port);
	CHECK_EQ(sched_op(SCHEDOP_poll, &p), 0, "poll for what is pending");
	CHECK(system_time() < p.timeout, "returns at once");
	__atomic_fetch_and(fifo_word(port), ~FIFO_PENDING, __ATOMIC_SEQ_CST);
	vcpu_info()->evtchn_upcall_pending = 0;
	p.timeout = system_time() + 20000000UL;
	CHECK_EQ(sched_op(SCHEDOP_poll, &p), 0, "poll for what is not");
	CHECK(system_time() >= p.timeout, "lasts until its time is out");
	event_close(port);
}

/* More ports than the 2-level ABI has, and than the array has words. */
static void far_ports(void)
{
	evtchn_port_t first = event_next_free(), port = 0, last = 5 * WORDS + 200;

	while (fifo_pages < 5) {
		fifo_more();
	}
	for (unsigned int i = first; i <= last; i++) {
		port = event_ipi(0);
	}
	CHECK_EQ(port, last, "ports %u to %u", first, last);
	CHECK_EQ(event_send(PORTS + 77), 0, "send to one beyond 4096");
	CHECK_EQ(fifo_handle(0), PORTS + 77, "it arrives");
	CHECK_EQ(event_send(last), 0, "send to one beyond the array");
	CHECK_EQ(event_send(last), 0, "again");
	CHECK_EQ(event_send(last - 1), 0, "and to another");
	CHECK_EQ(event_close(last - 1), 0, "which is closed");
	CHECK_EQ(fifo_handle(0), 0, "nothing arrives");
	CHECK_EQ(event_unmask(last), 0, "nor by unmasking");
	CHECK_EQ(fifo_more(), 0, "the array grows");
	CHECK_EQ(fifo_handle(0), last, "now it does");
	CHECK_EQ(fifo_handle(0), 0, "once, and nothing else");
}

/* The same page may serve many times: whoever gives it sees its own events in a muddle, and nothing else. */
static void the_last_page(void)
{
	uint64_t gfn = virt_to_mfn(page_alloc());

	for (unsigned int i = fifo_pages; i < FIFO_PAGES; i++) {
		if (fifo_expand(gfn)) {
			CHECK(false, "page %u", i);
		}
	}
	CHECK_EQ(fifo_expand(gfn), -XEN_ENOSPC, "expand_array: it is full");
	CHECK_EQ(fifo_expand(~0UL), -XEN_ENOSPC, "expand_array: whatever the frame");
}

static void reset(void)
{
	struct evtchn_reset r = { .dom = DOMID_SELF };
	event_word_t *page = fifo_page[0];
	evtchn_port_t port;

	page_protect(page, PTE_USUAL & ~PTE_RW);
	CHECK(pin(page) != 0, "a page of the array can't be a page table");
	CHECK_EQ(event_op(EVTCHNOP_reset, &r), 0, "reset");
	CHECK_EQ(pin(page), 0, "now it can");
	unpin(page);
	page_protect(page, PTE_USUAL);
	port = event_ipi(0);
	CHECK_EQ(port, 1, "all ports are free");
	event_mask(port);
	event_send(port);
	CHECK(event_is_pending(port), "and the 2-level ABI is there again");
	CHECK_EQ(event_close(PORTS), -XEN_EINVAL, "with its 4096 ports");
	CHECK_EQ(fifo_expand(virt_to_mfn(page)), -XEN_EOPNOTSUPP, "and no array");
	CHECK_EQ(fifo_control(virt_to_mfn(fifo_block[0]), 8, 0), 0,
		 "but the other may be had again");
	CHECK_EQ(fifo_expand(virt_to_mfn(page)), 0, "with an array");
}

enum verdict guest_main(void)
{
	evtchn_port_t port = event_ipi(0);

	has_second = vcpu_op(VCPUOP_is_up, 1, NULL) >= 0;
	upcalls_off();
	control_refusals();
	event_unmask(port);
	before(port);
	fifo_start(has_second ? 2 : 1, 0);
	other_refusals(port);
	carried_over(port);
	queues();
	priorities();
	masks();
	closing();
	if (has_second) {
		steering();
	}
	polling();
	/* A guest has no more ports than its builder says. */
	if (is_control_domain()) {
		far_ports();
	}
	the_last_page();
	reset();
	return SUCCESS;
}
