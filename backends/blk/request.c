/* Checking block requests; request.h says what holds afterwards. */
#include "backends/blk/request.h"

#include <string.h>

#define SEGMENTS_PER_PAGE (4096u / sizeof(struct blkif_request_segment))

static bool range_is_on_disk(const struct blk_limits *l, uint64_t sector, uint64_t count)
{
	return sector <= l->sectors && count <= l->sectors - sector;
}

int blk_parse_segments(const struct blk_limits *limits, struct blk_request *out)
{
	const uint32_t odd = limits->align - 1;
	uint64_t total = 0;

	for (unsigned int i = 0; i < out->segment_count; i++) {
		const struct blkif_request_segment *s = &out->segments[i];

		if (s->first_sect > s->last_sect || s->last_sect >= BLK_PAGE_SECTORS ||
		    ((s->first_sect | (s->last_sect + 1u)) & odd)) {
			return BLKIF_RSP_ERROR;
		}
		total += s->last_sect - s->first_sect + 1u;
	}
	out->sector_count = total;
	if (out->sector % limits->align || !range_is_on_disk(limits, out->sector, total)) {
		return BLKIF_RSP_ERROR;
	}
	return BLKIF_RSP_OKAY;
}

static int parse_direct(const blkif_request_t *raw, const struct blk_limits *limits,
			struct blk_request *out)
{
	if (raw->nr_segments > BLKIF_MAX_SEGMENTS_PER_REQUEST ||
	    (!raw->nr_segments && out->op != BLK_FLUSH)) {
		return BLKIF_RSP_ERROR;
	}
	if (out->op == BLK_WRITE && limits->readonly) {
		return BLKIF_RSP_ERROR;
	}
	out->segment_count = raw->nr_segments;
	if (!out->segment_count) {
		return BLKIF_RSP_OKAY; /* a plain flush has no position */
	}
	if (limits->readonly && out->op == BLK_FLUSH) {
		return BLKIF_RSP_ERROR;
	}
	out->sector = raw->sector_number;
	memcpy(out->segments, raw->seg, raw->nr_segments * sizeof(raw->seg[0]));
	return blk_parse_segments(limits, out);
}

static int parse_indirect(const blkif_request_t *raw, const struct blk_limits *limits,
			  struct blk_request *out)
{
	blkif_request_indirect_t in;

	memcpy(&in, raw, sizeof(in));
	out->id = in.id;
	out->wire_op = in.indirect_op;
	if (in.indirect_op != BLKIF_OP_READ && in.indirect_op != BLKIF_OP_WRITE) {
		return BLKIF_RSP_ERROR;
	}
	out->op = in.indirect_op == BLKIF_OP_READ ? BLK_READ : BLK_WRITE;
	if (out->op == BLK_WRITE && limits->readonly) {
		return BLKIF_RSP_ERROR;
	}
	if (!in.nr_segments || in.nr_segments > BLK_MAX_SEGMENTS) {
		return BLKIF_RSP_ERROR;
	}
	out->sector = in.sector_number;
	out->segment_count = in.nr_segments;
	out->indirect_pages =
		(uint16_t)((in.nr_segments + SEGMENTS_PER_PAGE - 1) / SEGMENTS_PER_PAGE);
	memcpy(out->indirect_refs, in.indirect_grefs, sizeof(out->indirect_refs));
	return BLKIF_RSP_OKAY;
}

static int parse_discard(const blkif_request_t *raw, const struct blk_limits *limits,
			 struct blk_request *out)
{
	blkif_request_discard_t in;

	memcpy(&in, raw, sizeof(in));
	out->op = BLK_DISCARD;
	out->id = in.id;
	if (!limits->discard || in.flag & BLKIF_DISCARD_SECURE) {
		return BLKIF_RSP_EOPNOTSUPP;
	}
	if (limits->readonly || !in.nr_sectors || in.sector_number % limits->align ||
	    in.nr_sectors % limits->align ||
	    !range_is_on_disk(limits, in.sector_number, in.nr_sectors)) {
		return BLKIF_RSP_ERROR;
	}
	out->sector = in.sector_number;
	out->sector_count = in.nr_sectors;
	return BLKIF_RSP_OKAY;
}

int blk_parse(const blkif_request_t *raw, const struct blk_limits *limits, struct blk_request *out)
{
	out->wire_op = raw->operation;
	out->id = raw->id;
	out->sector = out->sector_count = 0;
	out->segment_count = out->indirect_pages = 0;
	switch (raw->operation) {
	case BLKIF_OP_READ:
		out->op = BLK_READ;
		return parse_direct(raw, limits, out);
	case BLKIF_OP_WRITE:
		out->op = BLK_WRITE;
		return parse_direct(raw, limits, out);
	case BLKIF_OP_FLUSH_DISKCACHE:
		out->op = BLK_FLUSH;
		return parse_direct(raw, limits, out);
	case BLKIF_OP_DISCARD:
		return parse_discard(raw, limits, out);
	case BLKIF_OP_INDIRECT:
		return parse_indirect(raw, limits, out);
	default: /* barriers among them: not offered */
		return BLKIF_RSP_EOPNOTSUPP;
	}
}
