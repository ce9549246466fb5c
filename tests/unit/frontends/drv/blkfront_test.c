/* The mini-guest's disk against a backend that answers out of turn, and one that lies. */
#include <criterion/criterion.h>
#include <string.h>

#include <xen/errno.h>

#include "frontends/drv/barriers.h"

#include <xen/io/blkif.h>

#include "frontends/drv/blkfront.h"
#include "tests/fake/rt_fake.h"

static struct blk *disk;
static blkif_back_ring_t ring;
static blkif_request_t taken[32];
static char data[32][4096 * 11] __attribute__((aligned(4096)));
static int results[32];

static void note(void *arg, int result)
{
	*(int *)arg = result;
}

static void open_disk(void)
{
	int rc;

	fake_backend_node("sectors", 1000);
	fake_backend_node("sector-size", 512);
	disk = blk_open(0, &rc);
	cr_assert_eq(rc, 0);
	BACK_RING_INIT(&ring,
		       (blkif_sring_t *)fake_granted((grant_ref_t)fake_published("ring-ref")),
		       4096);
}

static void start_reads(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		results[i] = 1;
		cr_assert_eq(blk_start(disk, BLK_READ, i, data[i], 1, note, &results[i]), 0);
		taken[i] = *RING_GET_REQUEST(&ring, ring.req_cons);
		ring.req_cons++;
	}
}

static void answer(uint64_t id, uint8_t op, int16_t status)
{
	*RING_GET_RESPONSE(&ring, ring.rsp_prod_pvt) =
		(blkif_response_t){ .id = id, .operation = op, .status = status };
	ring.rsp_prod_pvt++;
	RING_PUSH_RESPONSES(&ring);
}

/* Every request in flight has ended as failed, and none can be started. */
static void assert_broken(unsigned int in_flight)
{
	blk_poll(disk);
	for (unsigned int i = 0; i < in_flight; i++) {
		cr_assert_eq(results[i], -XEN_EIO, "request %u: %d", i, results[i]);
	}
	cr_assert_eq(blk_in_flight(disk), 0);
	cr_assert_eq(blk_do(disk, BLK_READ, 0, data[0], 1), -XEN_EIO);
}

Test(blkfront, answers_may_come_in_any_order)
{
	open_disk();
	start_reads(32);
	cr_assert_eq(blk_start(disk, BLK_READ, 0, data[0], 1, note, results), -XEN_EBUSY);
	for (int i = 31; i >= 0; i--) {
		answer(taken[i].id, BLKIF_OP_READ, i == 7 ? BLKIF_RSP_ERROR : BLKIF_RSP_OKAY);
	}
	cr_assert_eq(blk_poll(disk), 32);
	for (int i = 0; i < 32; i++) {
		cr_assert_eq(results[i], i == 7 ? -XEN_EIO : 0);
	}
	start_reads(1); /* their slots are free again */
}

Test(blkfront, a_request_says_where_its_data_is)
{
	blkif_request_t rq;

	open_disk();
	cr_assert_eq(blk_start(disk, BLK_WRITE, 99, data[0], 8 + 8 + 3, note, results), 0);
	rq = *RING_GET_REQUEST(&ring, 0);
	cr_assert_eq(rq.operation, BLKIF_OP_WRITE);
	cr_assert_eq(rq.sector_number, 99);
	cr_assert_eq(rq.nr_segments, 3);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(fake_granted(rq.seg[i].gref), data[0] + i * 4096);
		cr_assert(fake_entry(rq.seg[i].gref)->flags & GTF_readonly);
		cr_assert_eq(rq.seg[i].first_sect, 0);
		cr_assert_eq(rq.seg[i].last_sect, i < 2 ? 7 : 2);
	}
	answer(rq.id, BLKIF_OP_WRITE, BLKIF_RSP_OKAY);
	blk_poll(disk);
	cr_assert_null(fake_granted(rq.seg[0].gref), "taken back when it ends");
	cr_assert(blk_close(disk));
}

Test(blkfront, what_cannot_be_asked_is_refused)
{
	open_disk();
	cr_assert_eq(blk_start(disk, BLK_READ, 0, data[0] + 512, 1, note, results), -XEN_EINVAL);
	cr_assert_eq(blk_start(disk, BLK_READ, 0, data[0], 0, note, results), -XEN_EINVAL);
	cr_assert_eq(blk_start(disk, BLK_READ, 0, data[0], 89, note, results), -XEN_EINVAL);
	cr_assert_eq(blk_start(disk, BLK_FLUSH, 0, data[0], 1, note, results), -XEN_EINVAL);
	cr_assert_eq(ring.sring->req_prod, 0);
}

Test(blkfront, an_answer_with_a_number_past_the_ring_breaks_it)
{
	open_disk();
	start_reads(3);
	answer(32, BLKIF_OP_READ, BLKIF_RSP_OKAY);
	assert_broken(3);
}

Test(blkfront, an_answer_to_what_is_not_in_flight_breaks_it)
{
	open_disk();
	start_reads(3);
	answer(taken[2].id + 1, BLKIF_OP_READ, BLKIF_RSP_OKAY);
	assert_broken(3);
}

Test(blkfront, a_second_answer_breaks_it)
{
	open_disk();
	start_reads(3);
	answer(taken[1].id, BLKIF_OP_READ, BLKIF_RSP_OKAY);
	cr_assert_eq(blk_poll(disk), 1);
	cr_assert_eq(results[1], 0);
	answer(taken[1].id, BLKIF_OP_READ, BLKIF_RSP_OKAY);
	results[1] = -XEN_EIO;
	assert_broken(3);
}

Test(blkfront, an_answer_with_another_operation_breaks_it)
{
	open_disk();
	start_reads(1);
	answer(taken[0].id, BLKIF_OP_WRITE, BLKIF_RSP_OKAY);
	assert_broken(1);
}

Test(blkfront, more_answers_than_requests_break_it)
{
	open_disk();
	start_reads(2);
	answer(taken[0].id, BLKIF_OP_READ, BLKIF_RSP_OKAY); /* good answers, and one too many */
	answer(taken[1].id, BLKIF_OP_READ, BLKIF_RSP_OKAY);
	ring.sring->rsp_prod = 3;
	assert_broken(2);
}

Test(blkfront, an_index_that_goes_back_breaks_it)
{
	open_disk();
	start_reads(2);
	ring.sring->rsp_prod = (RING_IDX)-1;
	assert_broken(2);
}

Test(blkfront, a_page_that_is_still_in_use_is_not_taken_back)
{
	open_disk();
	start_reads(1);
	fake_entry(taken[0].seg[0].gref)->flags |= GTF_writing;
	answer(taken[0].id, BLKIF_OP_READ, BLKIF_RSP_OKAY);
	cr_assert_eq(blk_poll(disk), 1);
	cr_assert_not_null(fake_granted(taken[0].seg[0].gref));
	cr_assert_not(blk_close(disk), "and closing says so");
}
