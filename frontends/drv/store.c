/* Rings first, then whole messages, then one request and its answer, then what one can ask. */
#include "frontends/drv/store.h"

#include <xen/io/xs_wire.h>

#include "frontends/rt/rt.h"

#include "hypervisor/lib/fmt.h"
#include "hypervisor/lib/string.h"

#define QUEUE	 16u
#define PATIENCE 120000000000UL /* ns for an answer: a store that starts again takes a while */

static struct xenstore_domain_interface *page;
static evtchn_port_t port;
static bool broken;
static uint32_t req_prod, rsp_cons; /* ours; the page has copies */
static uint32_t last_id;
static char payload[XENSTORE_PAYLOAD_MAX + 1]; /* of the last answer, with a 0 byte after it */
static struct store_event queue[QUEUE];
static unsigned int queue_head, queue_count, lost;

/* ---- bytes ---- */

static void tell(void)
{
	struct evtchn_send send = { .port = port };

	event_op(EVTCHNOP_send, &send);
}

static int give_up(void)
{
	broken = true;
	return -XEN_EIO;
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* What can be moved now; more than a ring is no ring. */
static int room_out(void)
{
	uint32_t used = req_prod - __atomic_load_n(&page->req_cons, __ATOMIC_ACQUIRE);

	return used > XENSTORE_RING_SIZE ? give_up() : (int)(XENSTORE_RING_SIZE - used);
}

static int ready_in(void)
{
	uint32_t ready = __atomic_load_n(&page->rsp_prod, __ATOMIC_ACQUIRE) - rsp_cons;

	return ready > XENSTORE_RING_SIZE ? give_up() : (int)ready;
}

/* Until count() is not 0: what it says, or -XEN_ETIMEDOUT. */
static int wait_ring(int (*count)(void), uint64_t until)
{
	for (;;) {
		unsigned int seen = event_count;
		int n = count();

		if (n) {
			return n;
		}
		if (system_time() >= until) {
			return -XEN_ETIMEDOUT;
		}
		wait_event(seen, until);
	}
}

static int put_bytes(const void *from, size_t len, uint64_t until)
{
	const char *at = from;

	while (len) {
		int n = wait_ring(room_out, until);
		uint32_t to = MASK_XENSTORE_IDX(req_prod);
		size_t part;

		if (n < 0) {
			return n;
		}
		part = smaller(smaller((size_t)n, len), XENSTORE_RING_SIZE - to);
		memcpy(page->req + to, at, part);
		at += part;
		len -= part;
		req_prod += (uint32_t)part;
		__atomic_store_n(&page->req_prod, req_prod, __ATOMIC_RELEASE);
		tell();
	}
	return 0;
}

static int get_bytes(void *to, size_t len, uint64_t until)
{
	char *at = to;

	while (len) {
		int n = wait_ring(ready_in, until);
		uint32_t from = MASK_XENSTORE_IDX(rsp_cons);
		size_t part;

		if (n < 0) {
			return n;
		}
		part = smaller(smaller((size_t)n, len), XENSTORE_RING_SIZE - from);
		memcpy(at, page->rsp + from, part);
		at += part;
		len -= part;
		rsp_cons += (uint32_t)part;
		/* Release: the bytes are out before their place is given back. */
		__atomic_store_n(&page->rsp_cons, rsp_cons, __ATOMIC_RELEASE);
		tell();
	}
	return 0;
}

/* ---- messages ---- */

/* "path\0token\0" of payload joins the queue. */
static void queue_event(uint32_t len)
{
	size_t path = strnlen(payload, len);
	struct store_event *event = &queue[(queue_head + queue_count) % QUEUE];

	if (path >= len || queue_count == QUEUE) {
		lost++;
		return;
	}
	str_copy(event->path, payload, sizeof(event->path));
	str_copy(event->token, payload + path + 1, sizeof(event->token));
	queue_count++;
}

/*
 * One whole message into payload, if one begins before `until`.  Half a message that
 * nothing follows cannot be gone on from.
 */
static int get_message(struct xsd_sockmsg *head, uint64_t until)
{
	int rc = wait_ring(ready_in, until);
	uint64_t end = system_time() + PATIENCE;

	if (rc < 0) {
		return rc;
	}
	if (get_bytes(head, sizeof(*head), end) || head->len > XENSTORE_PAYLOAD_MAX ||
	    get_bytes(payload, head->len, end)) {
		return give_up();
	}
	payload[head->len] = '\0';
	if (head->type == XS_WATCH_EVENT) {
		queue_event(head->len);
	}
	return 0;
}

/* The store's errors are words. */
static int error_of(const char *word)
{
	static const struct {
		const char *word;
		int number;
	} errors[] = {
		{ "EINVAL", XEN_EINVAL },   { "EACCES", XEN_EACCES },
		{ "EEXIST", XEN_EEXIST },   { "EISDIR", XEN_EISDIR },
		{ "ENOENT", XEN_ENOENT },   { "ENOMEM", XEN_ENOMEM },
		{ "ENOSPC", XEN_ENOSPC },   { "ENOTEMPTY", XEN_ENOTEMPTY },
		{ "ENOSYS", XEN_ENOSYS },   { "EROFS", XEN_EROFS },
		{ "EBUSY", XEN_EBUSY },	    { "EAGAIN", XEN_EAGAIN },
		{ "EPERM", XEN_EPERM },	    { "E2BIG", XEN_E2BIG },
		{ "EISCONN", XEN_EISCONN },
	};

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		if (!strcmp(errors[i].word, word)) {
			return -errors[i].number;
		}
	}
	return -XEN_EIO;
}

/* Messages until the one that answers request last_id of this type. */
static int get_answer(uint32_t type)
{
	uint64_t end = system_time() + PATIENCE;
	struct xsd_sockmsg head;

	do {
		if (get_message(&head, end)) {
			return give_up();
		}
	} while (head.type == XS_WATCH_EVENT);
	if (head.req_id != last_id || (head.type != type && head.type != XS_ERROR)) {
		return give_up();
	}
	return head.type == XS_ERROR ? error_of(payload) : (int)head.len;
}

/* A request of "first\0" and more bytes; the length of the answer in payload, or an error. */
static int ask(uint32_t type, uint32_t tx, const char *first, const void *more, size_t more_len)
{
	size_t first_len = strlen(first) + 1;
	struct xsd_sockmsg head = { .type = type,
				    .req_id = ++last_id,
				    .tx_id = tx,
				    .len = (uint32_t)(first_len + more_len) };
	uint64_t end = system_time() + PATIENCE;

	if (broken || !page) {
		return -XEN_EIO;
	}
	if (first_len + more_len > XENSTORE_PAYLOAD_MAX) {
		return -XEN_E2BIG;
	}
	if (put_bytes(&head, sizeof(head), end) || put_bytes(first, first_len, end) ||
	    put_bytes(more, more_len, end)) {
		return give_up();
	}
	return get_answer(type);
}

/* The answer, which has `len` bytes, to the caller, with a 0 byte after it. */
static int hand_out(int len, char *to, size_t size)
{
	if (len < 0) {
		return len;
	}
	if ((size_t)len >= size) {
		return -XEN_EMSGSIZE;
	}
	memcpy(to, payload, (size_t)len + 1);
	return len;
}

static int done(int len)
{
	return len < 0 ? len : 0;
}

/* ---- what one can ask ---- */

static void on_event(evtchn_port_t p)
{
	(void)p; /* it woke us */
}

int store_init(void)
{
	uint64_t pfn = mfn_to_pfn(start_info->store_mfn);

	if (page) {
		return 0;
	}
	if (is_control_domain() || !start_info->store_mfn || pfn == ~0UL) {
		return -XEN_ENODEV;
	}
	page = pfn_to_virt(pfn);
	port = start_info->store_evtchn;
	req_prod = __atomic_load_n(&page->req_prod, __ATOMIC_RELAXED);
	rsp_cons = __atomic_load_n(&page->rsp_cons, __ATOMIC_RELAXED);
	event_set_handler(port, on_event);
	return 0;
}

int store_read(uint32_t tx, const char *path, char *value, size_t size)
{
	return hand_out(ask(XS_READ, tx, path, NULL, 0), value, size);
}

int store_write(uint32_t tx, const char *path, const char *value)
{
	return done(ask(XS_WRITE, tx, path, value, strlen(value)));
}

int store_mkdir(uint32_t tx, const char *path)
{
	return done(ask(XS_MKDIR, tx, path, NULL, 0));
}

int store_remove(uint32_t tx, const char *path)
{
	return done(ask(XS_RM, tx, path, NULL, 0));
}

int store_list(uint32_t tx, const char *path, char *names, size_t size)
{
	return hand_out(ask(XS_DIRECTORY, tx, path, NULL, 0), names, size);
}

int store_get_perms(uint32_t tx, const char *path, char *words, size_t size)
{
	return hand_out(ask(XS_GET_PERMS, tx, path, NULL, 0), words, size);
}

int store_set_perms(uint32_t tx, const char *path, const char *words, size_t length)
{
	return done(ask(XS_SET_PERMS, tx, path, words, length));
}

/* Digits and nothing else. */
static int parse_number(const char *s, uint64_t max, uint64_t *value)
{
	uint64_t n = 0;

	do {
		if (*s < '0' || *s > '9' || __builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*s - '0'), &n)) {
			return -XEN_EINVAL;
		}
	} while (*++s);
	*value = n;
	return n > max ? -XEN_EINVAL : 0;
}

int store_read_number(const char *path, uint64_t max, uint64_t *value)
{
	char text[24];
	int rc = store_read(STORE_NO_TX, path, text, sizeof(text));

	return rc < 0 ? rc : parse_number(text, max, value);
}

int store_write_number(uint32_t tx, const char *path, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%lu", value);
	return store_write(tx, path, text);
}

int store_begin(uint32_t *tx)
{
	uint64_t number = 0;
	int rc = ask(XS_TRANSACTION_START, STORE_NO_TX, "", NULL, 0);

	if (rc < 0) {
		return rc;
	}
	if (parse_number(payload, UINT32_MAX, &number) || !number) {
		return give_up();
	}
	*tx = (uint32_t)number;
	return 0;
}

int store_end(uint32_t tx, bool commit)
{
	return done(ask(XS_TRANSACTION_END, tx, commit ? "T" : "F", NULL, 0));
}

int store_watch(const char *path, const char *token)
{
	return done(ask(XS_WATCH, STORE_NO_TX, path, token, strlen(token) + 1));
}

int store_unwatch(const char *path, const char *token)
{
	return done(ask(XS_UNWATCH, STORE_NO_TX, path, token, strlen(token) + 1));
}

int store_next_event(struct store_event *event, uint64_t ns)
{
	uint64_t end = system_time() + ns;
	struct xsd_sockmsg head;

	while (!queue_count) {
		int rc = broken || !page ? -XEN_EIO : get_message(&head, end);

		if (rc) {
			return rc;
		}
		if (head.type != XS_WATCH_EVENT) {
			return give_up(); /* an answer, and nothing was asked */
		}
	}
	*event = queue[queue_head];
	queue_head = (queue_head + 1) % QUEUE;
	queue_count--;
	return 0;
}

unsigned int store_events_lost(void)
{
	return lost;
}
