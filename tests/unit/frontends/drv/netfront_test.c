/* The mini-guest's network card against a backend that does well, and one that lies. */
#include <criterion/criterion.h>
#include <string.h>

#include "frontends/drv/barriers.h"

#include <xen/io/netif.h>

#include "frontends/drv/netfront.h"
#include "tests/fake/rt_fake.h"

static netif_tx_back_ring_t tx;
static netif_rx_back_ring_t rx;
static char got[4096];
static size_t got_length;
static unsigned int got_count;

static void receive(const void *frame, size_t length)
{
	memcpy(got, frame, length);
	got_length = length;
	got_count++;
}

static void open_card(void)
{
	static const uint8_t wanted[6] = { 0, 0x16, 0x3e, 0x0a, 0xbc, 0xff };
	uint8_t mac[6];

	cr_assert_eq(net_open(mac), 0);
	cr_assert_arr_eq(mac, wanted, 6);
	BACK_RING_INIT(&tx,
		       (netif_tx_sring_t *)fake_granted((grant_ref_t)fake_published("tx-ring-ref")),
		       4096);
	BACK_RING_INIT(&rx,
		       (netif_rx_sring_t *)fake_granted((grant_ref_t)fake_published("rx-ring-ref")),
		       4096);
	cr_assert_eq(rx.sring->req_prod, 256, "every buffer is out");
}

/* Puts bytes into the next buffer and answers for it. */
static netif_rx_response_t *deliver(const char *bytes, uint16_t offset, int16_t status,
				    uint16_t flags)
{
	netif_rx_request_t rq = *RING_GET_REQUEST(&rx, rx.req_cons);
	netif_rx_response_t *rsp = RING_GET_RESPONSE(&rx, rx.rsp_prod_pvt);

	rx.req_cons++;
	memcpy((char *)fake_granted(rq.gref) + offset, bytes, strlen(bytes));
	*rsp = (netif_rx_response_t){ rq.id, offset, flags, status };
	rx.rsp_prod_pvt++;
	return rsp;
}

static unsigned int poll_rx(void)
{
	RING_PUSH_RESPONSES(&rx);
	return net_poll(receive);
}

static void assert_broken(void)
{
	poll_rx();
	cr_assert(net_is_broken());
	cr_assert_eq(got_count, 0);
	cr_assert_null(net_frame());
}

Test(netfront, a_frame_that_comes_is_handed_on_and_its_buffer_goes_out_again)
{
	open_card();
	for (int i = 0; i < 1000; i++) {
		deliver("frame", 2, 5, 0);
		cr_assert_eq(poll_rx(), 1);
		cr_assert_eq(got_length, 5);
		cr_assert_arr_eq(got, "frame", 5);
	}
	cr_assert_eq(got_count, 1000);
	cr_assert_eq(rx.sring->req_prod, 1256);
}

Test(netfront, a_frame_in_pieces_and_one_with_an_error_are_dropped)
{
	open_card();
	deliver("first", 0, 5, NETRXF_more_data);
	deliver("second", 0, 6, NETRXF_more_data);
	deliver("third", 0, 5, 0);
	deliver("", 0, NETIF_RSP_ERROR, 0);
	deliver("good", 0, 4, 0);
	cr_assert_eq(poll_rx(), 5);
	cr_assert_eq(got_count, 1);
	cr_assert_eq(got_length, 4);
	cr_assert_not(net_is_broken());
}

Test(netfront, a_frame_that_ends_past_its_page_breaks_it)
{
	open_card();
	deliver("x", 4000, 97, 0);
	assert_broken();
}

Test(netfront, a_frame_at_the_end_of_its_page_is_a_frame)
{
	open_card();
	deliver("x", 4000, 96, 0);
	cr_assert_eq(poll_rx(), 1);
	cr_assert_eq(got_length, 96);
}

Test(netfront, an_answer_for_no_buffer_breaks_it)
{
	open_card();
	deliver("x", 0, 1, 0)->id = 256;
	assert_broken();
}

Test(netfront, a_second_answer_for_a_buffer_breaks_it)
{
	open_card();
	deliver("x", 0, 1, 0)->id = 5;
	deliver("x", 0, 1, 0)->id = 5;
	RING_PUSH_RESPONSES(&rx);
	net_poll(receive);
	cr_assert(net_is_broken());
	cr_assert_eq(got_count, 1, "the first was good");
}

Test(netfront, more_answers_than_buffers_break_it)
{
	open_card();
	for (int i = 0; i < 256; i++) {
		deliver("good", 0, 4, 0);
	}
	rx.sring->rsp_prod = 257;
	net_poll(receive);
	cr_assert(net_is_broken());
	cr_assert_eq(got_count, 0);
}

Test(netfront, extra_information_that_was_not_asked_for_breaks_it)
{
	open_card();
	deliver("x", 0, 1, NETRXF_extra_info);
	assert_broken();
}

static void answer_sent(uint16_t id)
{
	*RING_GET_RESPONSE(&tx, tx.rsp_prod_pvt) =
		(netif_tx_response_t){ .id = id, .status = NETIF_RSP_OKAY };
	tx.rsp_prod_pvt++;
	RING_PUSH_RESPONSES(&tx);
}

static unsigned int send_all(void)
{
	unsigned int count = 0;
	void *frame;

	while (count < 200 && (frame = net_frame())) {
		memcpy(frame, "sent", 4);
		net_send(frame, 4);
		count++;
	}
	return count;
}

Test(netfront, frames_are_sent_and_their_pages_used_again)
{
	netif_tx_request_t rq;

	open_card();
	cr_assert_eq(send_all(), 128);
	rq = *RING_GET_REQUEST(&tx, 0);
	cr_assert_eq(rq.size, 4);
	cr_assert_arr_eq(fake_granted(rq.gref), "sent", 4);
	cr_assert(fake_entry(rq.gref)->flags & GTF_readonly);
	answer_sent(RING_GET_REQUEST(&tx, 3)->id);
	cr_assert_eq(send_all(), 1);
	cr_assert(net_close());
}

Test(netfront, an_answer_for_what_was_not_sent_breaks_it)
{
	open_card();
	send_all();
	answer_sent(128);
	cr_assert_eq(send_all(), 0);
	cr_assert(net_is_broken());
}

Test(netfront, a_second_answer_for_what_was_sent_breaks_it)
{
	open_card();
	send_all();
	answer_sent(9);
	answer_sent(9);
	send_all();
	cr_assert(net_is_broken());
}

Test(netfront, more_answers_than_were_sent_break_it)
{
	open_card();
	send_all();
	tx.sring->rsp_prod = 129;
	cr_assert_eq(send_all(), 0);
	cr_assert(net_is_broken());
}

Test(netfront, a_page_that_is_still_in_use_is_not_taken_back)
{
	open_card();
	fake_entry(RING_GET_REQUEST(&rx, 0)->gref)->flags |= GTF_writing;
	cr_assert_not(net_close());
}
