/* The in-flight journal: a process may be killed between any two of its stores. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backends/common/journal.h"

#define SLOTS 8u

static const struct journal_id id = { 10, 20, SLOTS, sizeof(uint64_t) };

static struct journal *open_new(int *fd)
{
	*fd = memfd_create("journal", 0);
	return journal_open(*fd, SLOTS, sizeof(uint64_t));
}

static uint64_t value_in(struct journal *j, unsigned int slot)
{
	uint64_t v;

	memcpy(&v, journal_record(j, slot), sizeof(v));
	return v;
}

static void take(struct journal *j, unsigned int slot, uint32_t index, uint64_t value)
{
	journal_take(j, slot, index, &value);
}

/* Killed and started again: the same file, mapped anew. */
static struct journal *restart(struct journal *j, int fd)
{
	journal_close(j, false);
	return journal_open(fd, SLOTS, sizeof(uint64_t));
}

Test(journal, new_file_matches_nothing)
{
	int fd;
	struct journal *j = open_new(&fd);

	cr_assert(!journal_matches(j, &id));
	journal_close(j, true);
	close(fd);
}

Test(journal, only_its_own_connection_matches)
{
	struct journal_id other = id;
	int fd;
	struct journal *j = open_new(&fd);

	journal_begin(j, &id, 0);
	j = restart(j, fd);
	cr_assert(journal_matches(j, &id));
	other.port++;
	cr_assert(!journal_matches(j, &other));
	journal_end(j);
	cr_assert(!journal_matches(j, &id));
	journal_close(j, true);
	close(fd);
}

Test(journal, unanswered_requests_come_back_oldest_first)
{
	unsigned int slots[SLOTS];
	uint32_t cons;
	int fd;
	struct journal *j = open_new(&fd);

	journal_begin(j, &id, 100);
	take(j, 5, 100, 500);
	take(j, 2, 101, 501);
	take(j, 7, 102, 502);
	journal_answer(j, 2, 100);
	journal_free(j, 2); /* published: the ring's rsp_prod is 101 */
	take(j, 2, 103, 503);
	j = restart(j, fd);
	cr_assert_eq(journal_recover(j, 101, slots, &cons), 3);
	cr_assert_eq(cons, 104);
	cr_assert_eq(value_in(j, slots[0]), 500);
	cr_assert_eq(value_in(j, slots[1]), 502);
	cr_assert_eq(value_in(j, slots[2]), 503);
	journal_close(j, true);
	close(fd);
}

Test(journal, answered_but_not_published_is_done_again)
{
	unsigned int slots[SLOTS];
	uint32_t cons;
	int fd;
	struct journal *j = open_new(&fd);

	journal_begin(j, &id, 0);
	take(j, 0, 0, 1);
	take(j, 1, 1, 2);
	journal_answer(j, 1, 0);
	journal_answer(j, 0, 1);
	j = restart(j, fd);
	cr_assert_eq(journal_recover(j, 1, slots, &cons), 1,
		     "rsp_prod 1: the first response is out");
	cr_assert_eq(slots[0], 0);
	journal_close(j, true);
	close(fd);
}

Test(journal, indices_wrap)
{
	unsigned int slots[SLOTS];
	uint32_t cons;
	int fd;
	struct journal *j = open_new(&fd);

	journal_begin(j, &id, 0xffffffff);
	take(j, 0, 0xffffffff, 1);
	take(j, 1, 0, 2);
	cr_assert_eq(journal_recover(j, 0xffffffff, slots, &cons), 2);
	cr_assert_eq(cons, 1);
	journal_close(j, true);
	close(fd);
}

Test(journal, disagreement_with_the_ring_is_reported)
{
	unsigned int slots[SLOTS];
	uint32_t cons;
	int fd;
	struct journal *j = open_new(&fd);

	journal_begin(j, &id, 0);
	take(j, 0, 0, 1);
	cr_assert_eq(journal_recover(j, 5, slots, &cons), -EPROTO);
	journal_close(j, true);
	close(fd);
}

/*
 * A model of the backend, killed after every possible number of journal and ring
 * operations: each request is answered exactly once, none is forgotten.
 */
struct model {
	struct journal *j;
	uint32_t prod, cons, rsp_pvt, rsp_pub;
	int slot_of[64]; /* request -> slot, -1: none */
	unsigned int answers[64];
	unsigned int staged[SLOTS], staged_count;
	bool used[SLOTS];
	long budget; /* operations until the kill */
};

static bool dead(struct model *m)
{
	return m->budget-- <= 0;
}

static void publish(struct model *m)
{
	m->rsp_pub = m->rsp_pvt;
	for (unsigned int i = 0; i < m->staged_count; i++) {
		m->answers[value_in(m->j, m->staged[i])]++;
	}
}

static bool answer_some(struct model *m, unsigned int *seed)
{
	for (unsigned int s = 0; s < SLOTS; s++) {
		if (!m->used[s] || rand_r(seed) % 2) {
			continue;
		}
		if (dead(m)) {
			return false;
		}
		journal_answer(m->j, s, m->rsp_pvt++);
		m->staged[m->staged_count++] = s;
		m->used[s] = false;
	}
	if (dead(m)) {
		return false;
	}
	publish(m);
	while (m->staged_count) {
		if (dead(m)) {
			return false;
		}
		journal_free(m->j, m->staged[--m->staged_count]);
	}
	return true;
}

static bool take_some(struct model *m)
{
	for (unsigned int s = 0; s < SLOTS && m->cons != m->prod; s++) {
		if (m->used[s]) {
			continue;
		}
		if (dead(m)) {
			return false;
		}
		take(m->j, s, m->cons, m->cons);
		m->cons++;
		m->used[s] = true;
	}
	return true;
}

static void resume_model(struct model *m)
{
	unsigned int slots[SLOTS];
	int count = journal_recover(m->j, m->rsp_pub, slots, &m->cons);

	cr_assert_geq(count, 0);
	memset(m->used, 0, sizeof(m->used));
	for (int i = 0; i < count; i++) {
		m->used[slots[i]] = true;
	}
	m->rsp_pvt = m->rsp_pub;
	m->staged_count = 0;
}

Test(journal, killed_at_every_step_nothing_is_lost_or_answered_twice)
{
	for (long kill_at = 0; kill_at < 400; kill_at++) {
		unsigned int seed = (unsigned int)kill_at;
		struct model m = { .budget = kill_at };
		int fd;

		m.j = open_new(&fd);
		journal_begin(m.j, &id, 0);
		while (m.rsp_pub < 64) {
			m.prod = m.rsp_pub + SLOTS < 64 ? m.rsp_pub + SLOTS : 64;
			if (!take_some(&m) || !answer_some(&m, &seed)) {
				m.j = restart(m.j, fd);
				cr_assert(journal_matches(m.j, &id));
				resume_model(&m);
				m.budget = 3 + rand_r(&seed) % 40;
			}
		}
		for (int i = 0; i < 64; i++) {
			cr_assert_eq(m.answers[i], 1, "kill at %ld: request %d answered %u times",
				     kill_at, i, m.answers[i]);
		}
		journal_close(m.j, true);
		close(fd);
	}
}
