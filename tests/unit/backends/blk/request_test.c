/* Block requests: what is accepted, and every refusal. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "backends/blk/request.h"

static const struct blk_limits disk = { .sectors = 1000, .align = 1, .discard = true };
static struct blk_request out;

static blkif_request_t rw(uint8_t op, uint64_t sector, uint8_t segments)
{
	blkif_request_t raw = { .operation = op,
				.nr_segments = segments,
				.id = 0x1122334455667788,
				.sector_number = sector };

	for (int i = 0; i < BLKIF_MAX_SEGMENTS_PER_REQUEST; i++) {
		raw.seg[i] = (struct blkif_request_segment){ 50u + (unsigned int)i, 0, 7 };
	}
	return raw;
}

static int parse(const blkif_request_t *raw, const struct blk_limits *limits)
{
	memset(&out, 0xee, sizeof(out));
	return blk_parse(raw, limits, &out);
}

Test(request, read_is_taken_apart)
{
	blkif_request_t raw = rw(BLKIF_OP_READ, 16, 2);

	raw.seg[1].first_sect = raw.seg[1].last_sect = 3;
	cr_assert_eq(parse(&raw, &disk), BLKIF_RSP_OKAY);
	cr_assert_eq(out.op, BLK_READ);
	cr_assert_eq(out.id, 0x1122334455667788);
	cr_assert_eq(out.sector, 16);
	cr_assert_eq(out.sector_count, 9);
	cr_assert_eq(out.segment_count, 2);
	cr_assert_eq(out.segments[1].gref, 51);
	cr_assert_eq(blk_segment_bytes(&out.segments[1]), 512);
	cr_assert_eq(out.indirect_pages, 0);
}

Test(request, segment_counts)
{
	blkif_request_t raw = rw(BLKIF_OP_WRITE, 0, 11);

	cr_assert_eq(parse(&raw, &disk), BLKIF_RSP_OKAY);
	raw.nr_segments = 12;
	cr_assert_eq(parse(&raw, &disk), BLKIF_RSP_ERROR);
	raw.nr_segments = 255;
	cr_assert_eq(parse(&raw, &disk), BLKIF_RSP_ERROR);
	raw.nr_segments = 0;
	cr_assert_eq(parse(&raw, &disk), BLKIF_RSP_ERROR);
}

Test(request, segments_stay_in_their_page)
{
	blkif_request_t raw = rw(BLKIF_OP_READ, 0, 1);

	raw.seg[0].last_sect = 8;
	cr_assert_eq(parse(&raw, &disk), BLKIF_RSP_ERROR);
	raw.seg[0].first_sect = 5;
	raw.seg[0].last_sect = 4;
	cr_assert_eq(parse(&raw, &disk), BLKIF_RSP_ERROR);
	raw.seg[0].first_sect = raw.seg[0].last_sect = 255;
	cr_assert_eq(parse(&raw, &disk), BLKIF_RSP_ERROR);
}

Test(request, range_ends_with_the_disk)
{
	blkif_request_t raw = rw(BLKIF_OP_READ, 992, 1);

	cr_assert_eq(parse(&raw, &disk), BLKIF_RSP_OKAY);
	raw.sector_number = 993;
	cr_assert_eq(parse(&raw, &disk), BLKIF_RSP_ERROR);
	raw.sector_number = 1001;
	cr_assert_eq(parse(&raw, &disk), BLKIF_RSP_ERROR);
}

Test(request, ranges_do_not_wrap)
{
	blkif_request_t raw = rw(BLKIF_OP_WRITE, UINT64_MAX, 1);

	cr_assert_eq(parse(&raw, &disk), BLKIF_RSP_ERROR);
	raw.sector_number = UINT64_MAX - 7;
	cr_assert_eq(parse(&raw, &disk), BLKIF_RSP_ERROR);
}

Test(request, read_only_disk_refuses_what_writes)
{
	struct blk_limits ro = disk;
	blkif_request_t raw = rw(BLKIF_OP_WRITE, 0, 1);

	ro.readonly = true;
	cr_assert_eq(parse(&raw, &ro), BLKIF_RSP_ERROR);
	raw = rw(BLKIF_OP_FLUSH_DISKCACHE, 0, 1);
	cr_assert_eq(parse(&raw, &ro), BLKIF_RSP_ERROR);
	raw = rw(BLKIF_OP_FLUSH_DISKCACHE, 0, 0);
	cr_assert_eq(parse(&raw, &ro), BLKIF_RSP_OKAY);
	raw = rw(BLKIF_OP_READ, 0, 1);
	cr_assert_eq(parse(&raw, &ro), BLKIF_RSP_OKAY);
}

Test(request, sectors_of_the_medium_are_respected)
{
	struct blk_limits big = disk;
	blkif_request_t raw = rw(BLKIF_OP_READ, 8, 1);

	big.align = 8;
	cr_assert_eq(parse(&raw, &big), BLKIF_RSP_OKAY);
	raw.sector_number = 9;
	cr_assert_eq(parse(&raw, &big), BLKIF_RSP_ERROR);
	raw.sector_number = 8;
	raw.seg[0].first_sect = 1;
	cr_assert_eq(parse(&raw, &big), BLKIF_RSP_ERROR);
	raw.seg[0].first_sect = 0;
	raw.seg[0].last_sect = 6;
	cr_assert_eq(parse(&raw, &big), BLKIF_RSP_ERROR);
}

Test(request, flush_with_and_without_data)
{
	blkif_request_t raw = rw(BLKIF_OP_FLUSH_DISKCACHE, UINT64_MAX, 0);

	cr_assert_eq(parse(&raw, &disk), BLKIF_RSP_OKAY);
	cr_assert_eq(out.segment_count, 0);
	raw = rw(BLKIF_OP_FLUSH_DISKCACHE, 8, 2);
	cr_assert_eq(parse(&raw, &disk), BLKIF_RSP_OKAY);
	cr_assert_eq(out.sector_count, 16);
	raw.sector_number = 999;
	cr_assert_eq(parse(&raw, &disk), BLKIF_RSP_ERROR);
}

Test(request, what_is_not_offered_is_not_supported)
{
	static const uint8_t ops[] = { BLKIF_OP_WRITE_BARRIER, BLKIF_OP_RESERVED_1, 7, 42, 255 };

	for (unsigned int i = 0; i < sizeof(ops); i++) {
		blkif_request_t raw = rw(ops[i], 0, 1);

		cr_assert_eq(parse(&raw, &disk), BLKIF_RSP_EOPNOTSUPP, "operation %u", ops[i]);
		cr_assert_eq(out.wire_op, ops[i]);
		cr_assert_eq(out.id, 0x1122334455667788);
	}
}

static blkif_request_t discard(uint64_t sector, uint64_t count, uint8_t flag)
{
	blkif_request_discard_t d = { .operation = BLKIF_OP_DISCARD,
				      .flag = flag,
				      .id = 9,
				      .sector_number = sector,
				      .nr_sectors = count };
	blkif_request_t raw = { 0 };

	memcpy(&raw, &d, sizeof(d));
	return raw;
}

Test(request, discard)
{
	struct blk_limits none = disk, ro = disk;
	blkif_request_t raw = discard(8, 992, 0);

	none.discard = false;
	ro.readonly = true;
	cr_assert_eq(parse(&raw, &disk), BLKIF_RSP_OKAY);
	cr_assert_eq(out.op, BLK_DISCARD);
	cr_assert_eq(out.sector_count, 992);
	cr_assert_eq(out.id, 9);
	cr_assert_eq(parse(&raw, &none), BLKIF_RSP_EOPNOTSUPP);
	cr_assert_eq(parse(&raw, &ro), BLKIF_RSP_ERROR);
	raw = discard(8, 993, 0);
	cr_assert_eq(parse(&raw, &disk), BLKIF_RSP_ERROR);
	raw = discard(8, UINT64_MAX - 4, 0);
	cr_assert_eq(parse(&raw, &disk), BLKIF_RSP_ERROR);
	raw = discard(8, 0, 0);
	cr_assert_eq(parse(&raw, &disk), BLKIF_RSP_ERROR);
	raw = discard(8, 8, BLKIF_DISCARD_SECURE);
	cr_assert_eq(parse(&raw, &disk), BLKIF_RSP_EOPNOTSUPP);
}

static blkif_request_t indirect(uint8_t op, uint16_t segments)
{
	blkif_request_indirect_t in = { .operation = BLKIF_OP_INDIRECT,
					.indirect_op = op,
					.nr_segments = segments,
					.id = 77,
					.sector_number = 8,
					.indirect_grefs = { 300 } };
	blkif_request_t raw = { 0 };

	memcpy(&raw, &in, sizeof(in));
	return raw;
}

Test(request, indirect_names_its_pages)
{
	blkif_request_t raw = indirect(BLKIF_OP_WRITE, 100);

	cr_assert_eq(parse(&raw, &disk), BLKIF_RSP_OKAY);
	cr_assert_eq(out.op, BLK_WRITE);
	cr_assert_eq(out.wire_op, BLKIF_OP_WRITE, "the frontend expects the inner operation");
	cr_assert_eq(out.id, 77);
	cr_assert_eq(out.indirect_pages, 1);
	cr_assert_eq(out.indirect_refs[0], 300);
	for (int i = 0; i < 100; i++) {
		out.segments[i] = (struct blkif_request_segment){ 1, 0, 7 };
	}
	cr_assert_eq(blk_parse_segments(&disk, &out), BLKIF_RSP_OKAY);
	cr_assert_eq(out.sector_count, 800);
	out.segments[99].last_sect = 200;
	cr_assert_eq(blk_parse_segments(&disk, &out), BLKIF_RSP_ERROR);
}

Test(request, indirect_refusals)
{
	struct blk_limits ro = disk;
	blkif_request_t raw;

	ro.readonly = true;
	raw = indirect(BLKIF_OP_WRITE, 1);
	cr_assert_eq(parse(&raw, &ro), BLKIF_RSP_ERROR);
	raw = indirect(BLKIF_OP_READ, 0);
	cr_assert_eq(parse(&raw, &disk), BLKIF_RSP_ERROR);
	raw = indirect(BLKIF_OP_READ, BLK_MAX_SEGMENTS + 1);
	cr_assert_eq(parse(&raw, &disk), BLKIF_RSP_ERROR);
	raw = indirect(BLKIF_OP_INDIRECT, 1);
	cr_assert_eq(parse(&raw, &disk), BLKIF_RSP_ERROR);
	raw = indirect(BLKIF_OP_FLUSH_DISKCACHE, 1);
	cr_assert_eq(parse(&raw, &disk), BLKIF_RSP_ERROR);
}

/* Random bytes as a request: whatever is accepted lies on the disk and in its pages. */
Test(request, random_bytes)
{
	unsigned int seed = 11, accepted = 0;

	for (int run = 0; run < 300000; run++) {
		blkif_request_t raw;
		uint8_t *b = (uint8_t *)&raw;

		for (size_t i = 0; i < sizeof(raw); i++) {
			b[i] = rand_r(&seed) % 3 ? (uint8_t)(rand_r(&seed) % 8)
						 : (uint8_t)rand_r(&seed);
		}
		if (rand_r(&seed) % 2) {
			raw.sector_number = (uint64_t)rand_r(&seed) % 1100;
		}
		if (parse(&raw, &disk)) {
			continue;
		}
		if (out.indirect_pages) {
			cr_assert_leq(out.segment_count, BLK_MAX_SEGMENTS);
			for (unsigned int i = 0; i < out.segment_count; i++) {
				out.segments[i].first_sect = (uint8_t)(rand_r(&seed) % 9);
				out.segments[i].last_sect = (uint8_t)(rand_r(&seed) % 9);
			}
			if (blk_parse_segments(&disk, &out)) {
				continue;
			}
		}
		accepted++;
		cr_assert_leq(out.sector, disk.sectors);
		cr_assert_leq(out.sector_count, disk.sectors - out.sector);
		for (unsigned int i = 0; i < out.segment_count; i++) {
			cr_assert_leq(out.segments[i].first_sect * BLK_SECTOR +
					      blk_segment_bytes(&out.segments[i]),
				      4096);
		}
	}
	cr_assert_gt(accepted, 100);
}
