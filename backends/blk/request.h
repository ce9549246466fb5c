/*
 * Block requests: from bytes the guest wrote to something checked.
 *
 * Pure.  blk_parse() is given our private copy of a ring slot; segments of an
 * indirect request lie in further guest pages, which the caller maps, copies and
 * hands to blk_parse_segments().  After that nothing in the request needs
 * another check: segments are inside their pages, and the range is on the disk.
 */
#ifndef PAVANE_BACKENDS_BLK_REQUEST_H
#define PAVANE_BACKENDS_BLK_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/io/blkif.h>

#define BLK_SECTOR	 512u
#define BLK_MAX_SEGMENTS 128u /* offered as feature-max-indirect-segments */
#define BLK_PAGE_SECTORS 8u

enum blk_op { BLK_READ, BLK_WRITE, BLK_FLUSH, BLK_DISCARD };

/* What the disk allows; sectors are of 512 bytes whatever the medium's are. */
struct blk_limits {
	uint64_t sectors;
	uint32_t align; /* sectors, a power of two: position and length of data must be multiples */
	bool readonly, discard;
};

/* Invariant once parsed: sector + sector_count <= limits.sectors, without wrapping. */
struct blk_request {
	enum blk_op op;
	uint8_t wire_op; /* what the response says */
	uint64_t id;
	uint64_t sector, sector_count;
	uint16_t segment_count;
	uint16_t indirect_pages; /* > 0: blk_parse_segments() is still to be called */
	grant_ref_t indirect_refs[BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST];
	struct blkif_request_segment segments[BLK_MAX_SEGMENTS];
};

/*
 * Check a request.  BLKIF_RSP_OKAY: go on; else the status to answer with, and
 * id and wire_op are set for the response, nothing else.
 */
int blk_parse(const blkif_request_t *raw, const struct blk_limits *limits, struct blk_request *out);

/*
 * The segments of an indirect request: segment_count of them, in out->segments
 * already (our copy).  Same result as blk_parse().
 */
int blk_parse_segments(const struct blk_limits *limits, struct blk_request *out);

/* Bytes of the frame that segment i covers. */
static inline uint32_t blk_segment_bytes(const struct blkif_request_segment *s)
{
	return (uint32_t)(s->last_sect - s->first_sect + 1) * BLK_SECTOR;
}

#endif
