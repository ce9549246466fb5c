/* The in-flight journal; journal.h tells what a record's states mean. */
#include "backends/common/journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define JOURNAL_MAGIC 0x314a5650u /* "PVJ1" */

enum { REC_FREE, REC_TAKEN, REC_ANSWERED };

/* The file: this header, then the records.  Only we and our successors map it. */
struct journal_file {
	uint32_t magic;
	struct journal_id id;
	uint32_t cons;
	uint64_t next_seq;
	uint8_t records[];
};

struct record {
	uint32_t state, index, rsp_index, pad;
	uint64_t seq;
	uint8_t data[];
};

struct journal {
	struct journal_file *file;
	size_t bytes, stride, record_size;
	unsigned int slots;
	int fd;
};

static struct record *record_at(const struct journal *j, unsigned int slot)
{
	return (struct record *)(j->file->records + slot * j->stride);
}

/* A killed process tears no store, but the compiler must not swap them. */
static void set_state(struct record *r, uint32_t state)
{
	__atomic_store_n(&r->state, state, __ATOMIC_RELEASE);
}

struct journal *journal_open(int fd, unsigned int slots, size_t record_size)
{
	struct journal *j = calloc(1, sizeof(*j));

	if (!j) {
		return NULL;
	}
	j->fd = fd;
	j->slots = slots;
	j->record_size = record_size;
	j->stride = (sizeof(struct record) + record_size + 7) & ~(size_t)7;
	j->bytes = sizeof(struct journal_file) + slots * j->stride;
	if (ftruncate(fd, (off_t)j->bytes)) {
		goto out_free;
	}
	j->file = mmap(NULL, j->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (j->file == MAP_FAILED) {
		goto out_free;
	}
	return j;

out_free:
	free(j);
	return NULL;
}

bool journal_matches(const struct journal *j, const struct journal_id *id)
{
	return j->file->magic == JOURNAL_MAGIC && !memcmp(&j->file->id, id, sizeof(*id)) &&
	       id->slots <= j->slots && id->record_size == j->record_size;
}

void journal_end(struct journal *j)
{
	__atomic_store_n(&j->file->magic, 0, __ATOMIC_RELEASE);
}

void journal_begin(struct journal *j, const struct journal_id *id, uint32_t cons)
{
	journal_end(j);
	for (unsigned int i = 0; i < j->slots; i++) {
		set_state(record_at(j, i), REC_FREE);
	}
	j->file->id = *id;
	j->file->cons = cons;
	j->file->next_seq = 0;
	__atomic_store_n(&j->file->magic, JOURNAL_MAGIC, __ATOMIC_RELEASE);
}

void journal_take(struct journal *j, unsigned int slot, uint32_t index, const void *record)
{
	struct record *r = record_at(j, slot);

	memcpy(r->data, record, j->record_size);
	r->index = index;
	r->seq = j->file->next_seq++;
	set_state(r, REC_TAKEN);
	__atomic_store_n(&j->file->cons, index + 1, __ATOMIC_RELEASE);
}

void journal_answer(struct journal *j, unsigned int slot, uint32_t rsp_index)
{
	struct record *r = record_at(j, slot);

	r->rsp_index = rsp_index;
	set_state(r, REC_ANSWERED);
}

void journal_free(struct journal *j, unsigned int slot)
{
	set_state(record_at(j, slot), REC_FREE);
}

/* Is the index before `end`, on a circle of 2^32? */
static bool is_before(uint32_t index, uint32_t end)
{
	return (int32_t)(index - end) < 0;
}

static bool is_unanswered(const struct record *r, uint32_t cons, uint32_t rsp_prod)
{
	return (r->state == REC_TAKEN && is_before(r->index, cons)) ||
	       (r->state == REC_ANSWERED && !is_before(r->rsp_index, rsp_prod));
}

int journal_recover(struct journal *j, uint32_t rsp_prod, unsigned int *slots, uint32_t *cons)
{
	unsigned int count = 0;

	*cons = j->file->cons;
	for (unsigned int i = 0; i < j->slots; i++) {
		struct record *r = record_at(j, i);
		unsigned int at = count;

		if (!is_unanswered(r, *cons, rsp_prod)) {
			set_state(r, REC_FREE);
			continue;
		}
		/* Insertion by age: there are few, and this happens once in a process's life. */
		while (at && record_at(j, slots[at - 1])->seq > r->seq) {
			slots[at] = slots[at - 1];
			at--;
		}
		slots[at] = i;
		count++;
		set_state(r, REC_TAKEN);
	}
	return *cons - rsp_prod == count ? (int)count : -EPROTO;
}

const void *journal_record(const struct journal *j, unsigned int slot)
{
	return record_at(j, slot)->data;
}

void journal_close(struct journal *j, bool discard)
{
	if (!j) {
		return;
	}
	munmap(j->file, j->bytes);
	if (discard && ftruncate(j->fd, 0)) {
		/* It is a few pages of tmpfs, and stale records are never believed. */
	}
	free(j);
}
