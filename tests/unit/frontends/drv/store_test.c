/* The mini-guest's store client against a store that answers well, late, in pieces, or wrongly. */
#include <criterion/criterion.h>
#include <string.h>

#include <xen/errno.h>

#include "frontends/drv/store.h"
#include "tests/fake/rt_fake.h"

static struct xenstore_domain_interface *const page = &fake_store_page;
static struct xsd_sockmsg asked; /* the last request's head */
static char asked_bytes[XENSTORE_PAYLOAD_MAX + 1];

static uint32_t take(void *to, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++) {
		((char *)to)[i] = page->req[MASK_XENSTORE_IDX(page->req_cons + i)];
	}
	page->req_cons += len;
	return len;
}

static void put(const void *from, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++) {
		page->rsp[MASK_XENSTORE_IDX(page->rsp_prod + i)] = ((const char *)from)[i];
	}
	page->rsp_prod += len;
}

/* True when a whole request has come. */
static bool take_request(void)
{
	if (page->req_prod - page->req_cons < sizeof(asked)) {
		return false;
	}
	take(&asked, sizeof(asked));
	take(asked_bytes, asked.len);
	return true;
}

static void put_message(uint32_t type, uint32_t id, const void *payload, uint32_t len)
{
	struct xsd_sockmsg head = { .type = type, .req_id = id, .tx_id = asked.tx_id, .len = len };

	put(&head, sizeof(head));
	put(payload, len);
}

static void answers_well(void)
{
	if (take_request()) {
		put_message(asked.type, asked.req_id, "value", 5);
	}
}

static char text[64];

static int read_once(void (*other_side)(void))
{
	cr_assert_eq(store_init(), 0);
	fake_other_side = other_side;
	return store_read(STORE_NO_TX, "a/b", text, sizeof(text));
}

/* After it the store is no longer asked anything. */
static void assert_broken(int rc)
{
	cr_assert_eq(rc, -XEN_EIO);
	fake_other_side = answers_well;
	cr_assert_eq(store_read(STORE_NO_TX, "a/b", text, sizeof(text)), -XEN_EIO);
}

Test(store, a_request_and_its_answer)
{
	cr_assert_eq(read_once(answers_well), 5);
	cr_assert_str_eq(text, "value");
	cr_assert_eq(asked.type, XS_READ);
	cr_assert_eq(asked.len, 4);
	cr_assert_str_eq(asked_bytes, "a/b");
	cr_assert_gt(fake_sent, 0);
}

Test(store, many_go_round_the_ring)
{
	for (int i = 0; i < 500; i++) {
		cr_assert_eq(read_once(answers_well), 5);
		cr_assert_str_eq(text, "value");
	}
}

/* One byte each time the guest waits. */
static void answers_in_pieces(void)
{
	static char whole[sizeof(struct xsd_sockmsg) + 5];
	static size_t at = sizeof(whole);

	if (take_request()) {
		struct xsd_sockmsg head = { .type = XS_READ, .req_id = asked.req_id, .len = 5 };

		memcpy(whole, &head, sizeof(head));
		memcpy(whole + sizeof(head), "parts", 5);
		at = 0;
	} else if (at < sizeof(whole)) {
		put(whole + at++, 1);
	}
}

Test(store, an_answer_may_come_in_pieces)
{
	cr_assert_eq(read_once(answers_in_pieces), 5);
	cr_assert_str_eq(text, "parts");
}

static void refuses(void)
{
	if (take_request()) {
		put_message(XS_ERROR, asked.req_id, "EACCES", 7);
	}
}

static void refuses_strangely(void)
{
	if (take_request()) {
		put_message(XS_ERROR, asked.req_id, "EWHAT", 5);
	}
}

Test(store, errors_are_words)
{
	cr_assert_eq(read_once(refuses), -XEN_EACCES);
	cr_assert_eq(read_once(refuses_strangely), -XEN_EIO);
	cr_assert_eq(read_once(answers_well), 5, "an unknown word breaks nothing");
}

static void another_id(void)
{
	if (take_request()) {
		put_message(asked.type, asked.req_id + 1, "value", 5);
	}
}

static void another_type(void)
{
	if (take_request()) {
		put_message(XS_MKDIR, asked.req_id, "value", 5);
	}
}

/* And all of its bytes do come. */
static void too_long(void)
{
	static const char bytes[XENSTORE_RING_SIZE];

	if (take_request()) {
		struct xsd_sockmsg head = { .type = asked.type,
					    .req_id = asked.req_id,
					    .len = 2 * XENSTORE_PAYLOAD_MAX };

		put(&head, sizeof(head));
	} else if (asked.type == XS_READ) {
		put(bytes, XENSTORE_RING_SIZE - (page->rsp_prod - page->rsp_cons));
	}
}

/* A good answer, in a ring that is said to have more than it can. */
static void impossible_producer(void)
{
	if (take_request()) {
		put_message(asked.type, asked.req_id, "value", 5);
		page->rsp_prod = page->rsp_cons + XENSTORE_RING_SIZE + 1;
	}
}

static void producer_behind(void)
{
	page->rsp_prod = page->rsp_cons - 1;
}

/* A good answer to the first request, which it cannot have read. */
static void answers_unread(void)
{
	put_message(XS_READ, 1, "value", 5);
	fake_other_side = NULL;
}

static void silent(void)
{
}

Test(store, an_answer_to_another_request_breaks_it)
{
	assert_broken(read_once(another_id));
}

Test(store, an_answer_of_another_type_breaks_it)
{
	assert_broken(read_once(another_type));
}

Test(store, an_answer_longer_than_any_breaks_it)
{
	assert_broken(read_once(too_long));
}

Test(store, more_than_a_ring_breaks_it)
{
	assert_broken(read_once(impossible_producer));
}

Test(store, an_index_that_goes_back_breaks_it)
{
	assert_broken(read_once(producer_behind));
}

Test(store, an_impossible_consumer_breaks_it)
{
	cr_assert_eq(store_init(), 0);
	page->req_cons = 5;
	assert_broken(read_once(answers_unread));
}

Test(store, silence_ends)
{
	assert_broken(read_once(silent));
}

static void event_first(void)
{
	if (take_request()) {
		put_message(XS_WATCH_EVENT, 0, "a/b/c\0token", 12);
		put_message(asked.type, asked.req_id, "value", 5);
	}
}

Test(store, changes_that_come_before_the_answer_wait)
{
	struct store_event event;

	cr_assert_eq(read_once(event_first), 5);
	cr_assert_eq(store_next_event(&event, 1), 0);
	cr_assert_str_eq(event.path, "a/b/c");
	cr_assert_str_eq(event.token, "token");
	cr_assert_eq(store_next_event(&event, 1000), -XEN_ETIMEDOUT);
	cr_assert_eq(store_events_lost(), 0);
}

static void strange_events(void)
{
	static char longest[XENSTORE_PAYLOAD_MAX / 8];

	if (take_request()) {
		memset(longest, 'x', sizeof(longest));
		put_message(XS_WATCH_EVENT, 0, "no end", 6);
		put_message(XS_WATCH_EVENT, 0, NULL, 0);
		longest[sizeof(longest) - 100] = '\0';
		longest[sizeof(longest) - 1] = '\0';
		put_message(XS_WATCH_EVENT, 0, longest, sizeof(longest));
		put_message(asked.type, asked.req_id, "value", 5);
	}
}

Test(store, strange_changes_harm_nothing)
{
	struct store_event event;

	cr_assert_eq(read_once(strange_events), 5);
	cr_assert_eq(store_events_lost(), 2, "those without path and token");
	cr_assert_eq(store_next_event(&event, 1), 0);
	cr_assert_eq(strlen(event.path), STORE_PATH_MAX - 1, "cut to what there is room for");
	cr_assert_eq(strlen(event.token), STORE_TOKEN_MAX - 1);
}

static void answers_unasked(void)
{
	put_message(XS_READ, 77, "value", 5);
}

Test(store, an_answer_to_nothing_breaks_it)
{
	struct store_event event;

	cr_assert_eq(store_init(), 0);
	fake_other_side = answers_unasked;
	assert_broken(store_next_event(&event, 1000000));
}

Test(store, what_does_not_fit_is_said)
{
	char small[5];

	cr_assert_eq(read_once(answers_well), 5);
	cr_assert_eq(store_read(STORE_NO_TX, "a/b", small, sizeof(small)), -XEN_EMSGSIZE);
	cr_assert_eq(store_read(STORE_NO_TX, "a/b", text, sizeof(text)), 5, "and breaks nothing");
}

static void numbers(void)
{
	static const char *const words[] = { "12", "", "x", "1x", "-1", "99999999999999999999" };
	static unsigned int next;

	if (take_request()) {
		put_message(asked.type, asked.req_id, words[next], (uint32_t)strlen(words[next]));
		next++;
	}
}

Test(store, numbers_are_digits_within_bounds)
{
	uint64_t n = 0;

	cr_assert_eq(store_init(), 0);
	fake_other_side = numbers;
	cr_assert_eq(store_read_number("n", 12, &n), 0);
	cr_assert_eq(n, 12);
	for (int i = 0; i < 4; i++) {
		cr_assert_eq(store_read_number("n", 12, &n), -XEN_EINVAL);
	}
	cr_assert_eq(store_read_number("n", UINT64_MAX, &n), -XEN_EINVAL);
}
