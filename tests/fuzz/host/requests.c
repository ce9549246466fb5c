/* Slots of a disk's ring as a guest may write them: requests with their segments. */
#include <string.h>

#include "backends/blk/request.h"
#include "tests/fuzz/host/target.h"

static void take(void *to, size_t n, const uint8_t **data, size_t *size)
{
	size_t have = n < *size ? n : *size;

	memset(to, 0, n);
	memcpy(to, *data, have);
	*data += have;
	*size -= have;
}

static void check_block(const struct blk_limits *l, const struct blk_request *r)
{
	must(r->sector <= l->sectors && r->sector_count <= l->sectors - r->sector);
	must(!(l->readonly && (r->op == BLK_WRITE || r->op == BLK_DISCARD)));
	must(r->segment_count <= BLK_MAX_SEGMENTS);
	for (unsigned int i = 0; !r->indirect_pages && i < r->segment_count; i++) {
		must(r->segments[i].first_sect <= r->segments[i].last_sect);
		must(r->segments[i].last_sect < BLK_PAGE_SECTORS);
	}
}

static void block(const uint8_t **data, size_t *size)
{
	struct blk_limits l = { .sectors = 1000, .align = 1 };
	struct blk_request r;
	blkif_request_t raw;
	uint8_t bits;

	take(&bits, 1, data, size);
	l.readonly = bits & 2;
	l.discard = bits & 4;
	l.align = bits & 8 ? 8 : 1;
	take(&raw, sizeof(raw), data, size);
	if (blk_parse(&raw, &l, &r) != BLKIF_RSP_OKAY) {
		return;
	}
	if (r.indirect_pages) {
		must(r.segment_count <= BLK_MAX_SEGMENTS);
		take(r.segments, r.segment_count * sizeof(r.segments[0]), data, size);
		if (blk_parse_segments(&l, &r) != BLKIF_RSP_OKAY) {
			return;
		}
		r.indirect_pages = 0;
	}
	check_block(&l, &r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	while (size > 1) {
		block(&data, &size);
	}
	return 0;
}
