/*
 * The in-flight journal: what a backend has taken and not yet answered.
 *
 * A ring alone does not say it: our consumer index lives in the process, and
 * responses overwrite requests.  So each request is copied into a record of an
 * mmap'ed file before it is consumed, and the record is freed after its response
 * is published.  The file is on a tmpfs and outlives a process killed at any
 * instruction; the next one does the unanswered requests again, oldest first.
 * (Nothing guards against a crash of the whole control domain; the guests do
 * not survive that either.)
 *
 * A record moves FREE -> TAKEN -> ANSWERED -> FREE, and each step is one store:
 *   TAKEN      counts if its ring index is before `cons`, else it will be consumed again
 *   ANSWERED   with a response index: counts as unanswered until rsp_prod has passed it
 * Doing a disk request twice is harmless while the guest has no answer to it.
 */
#ifndef PAVANE_BACKENDS_JOURNAL_H
#define PAVANE_BACKENDS_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which connection the records belong to: a frontend that reconnects changes it. */
struct journal_id {
	uint32_t ring_ref, port, slots, record_size;
};

struct journal;

/* Map the file behind fd for up to `slots` records of `record_size` bytes.  NULL, errno set. */
struct journal *journal_open(int fd, unsigned int slots, size_t record_size);

/* Is there a connection recorded, and is it this one?  False for a file that makes no sense. */
bool journal_matches(const struct journal *j, const struct journal_id *id);

/* Forget all records and begin with this connection, consumer at `cons`. */
void journal_begin(struct journal *j, const struct journal_id *id, uint32_t cons);

/* No connection any more. */
void journal_end(struct journal *j);

/* Note request `index` of the ring in a free slot, then move `cons` past it. */
void journal_take(struct journal *j, unsigned int slot, uint32_t index, const void *record);

/* The response for this slot is at `rsp_index` of the ring, not published yet. */
void journal_answer(struct journal *j, unsigned int slot, uint32_t rsp_index);

/* The response is published. */
void journal_free(struct journal *j, unsigned int slot);

/*
 * After a restart: slots of the requests to do again, in the order they were
 * taken, given the response index the ring shows.  Returns their number; *cons
 * gets the consumer index.  All other records are freed.  -EPROTO if the records
 * and the ring disagree.
 */
int journal_recover(struct journal *j, uint32_t rsp_prod, unsigned int *slots, uint32_t *cons);

/* The copy kept in a slot. */
const void *journal_record(const struct journal *j, unsigned int slot);

/* Unmap, and empty the file if `discard`. */
void journal_close(struct journal *j, bool discard);

#endif
