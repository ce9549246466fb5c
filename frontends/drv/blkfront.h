/*
 * Disks.  Requests of up to BLK_MAX_SECTORS on pages of the caller's, many in flight at once, each
 * ending with a call to the caller's function from blk_poll(); the backend may answer in any order.
 *
 * The ring is the backend's to write too.  An answer is copied out once, and must name a
 * request in flight, with its operation; anything else, and the disk counts as broken: requests in
 * flight end with -XEN_EIO at once and later ones are refused.
 */
#ifndef PAVANE_DRV_BLKFRONT_H
#define PAVANE_DRV_BLKFRONT_H

#include <stdbool.h>
#include <stdint.h>

#define BLK_SECTOR	512u
#define BLK_MAX_SECTORS (11u * 8u)
#define BLK_MAX_DISKS	4u

struct blk;
struct blk_info {
	uint64_t sectors;
	uint32_t sector_size;
	bool readonly, flush;
};
enum blk_op { BLK_READ, BLK_WRITE, BLK_FLUSH };

/* 0, or -XEN_Exxx as the backend, the store or the hypervisor refused it (-XEN_EOPNOTSUPP, -XEN_EIO). */
typedef void (*blk_done)(void *arg, int result);

/* The index-th disk, connected; NULL if there is none or it would not connect, with the reason in *rc. */
struct blk *blk_open(unsigned int index, int *rc);
const struct blk_info *blk_info(const struct blk *b);

/*
 * Starts a request: `count` sectors at `sector`, to or from `data`, which starts a page and stays the
 * driver's until `done` is called.  -XEN_EBUSY when the ring is full: poll, and try again.
 * A flush has no data; it covers the writes that ended before it was started.
 */
int blk_start(struct blk *b, enum blk_op op, uint64_t sector, void *data, uint32_t count,
	      blk_done done, void *arg);

/* Ends what the backend has answered; how many. */
unsigned int blk_poll(struct blk *b);
unsigned int blk_in_flight(const struct blk *b);
/* Waits until at most so many are in flight. */
void blk_wait(struct blk *b, unsigned int in_flight);

/* One request from start to end. */
int blk_do(struct blk *b, enum blk_op op, uint64_t sector, void *data, uint32_t count);

/* False if the backend would not let go, or still has pages of ours. */
bool blk_close(struct blk *b);

#endif
