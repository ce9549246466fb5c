/*
 * The log: one line at a time, to the console if it matters enough and into a
 * ring in any case.  The ring's positions run freely; what is older than its
 * size has been overwritten.  Guests' lines are rationed, since a guest can
 * provoke as many as it likes.
 */
#include "base/log.h"

#include <stdarg.h>

#include "arch/cpu.h"
#include "base/lock.h"
#include "lib/fmt.h"
#include "lib/string.h"

#define RING_SIZE    32768u
#define LINE_MAX     256u
#define GUEST_BURST  32
#define GUEST_PERIOD 200000000LL /* ns for one more line */

static struct spinlock lock = SPINLOCK_INIT(LOCK_LOG);
/* under lock: */
static char ring[RING_SIZE];
static uint32_t ring_end;   /* position of the next byte */
static uint32_t ring_start; /* where a full read begins: the oldest byte, or where it was cleared */
static int guest_tokens = GUEST_BURST;
static ns_t guest_refilled;
static unsigned int guest_dropped;

/* set at boot: */
static int host_level = LOG_INFO;
static int guest_level = LOG_WARN;

static void put_ring(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		ring[ring_end++ % RING_SIZE] = s[i];
	}
	if (ring_end - ring_start > RING_SIZE) {
		ring_start = ring_end - RING_SIZE;
	}
}

static void put_line(bool console, const char *s, size_t n)
{
	put_ring(s, n);
	if (console) {
		cpu_console_write(s, n);
	}
}

/* Prefix, text, exactly one newline; returns the length. */
__attribute__((format(printf, 3, 0))) static size_t make_line(char *line, const char *prefix,
							      const char *fmt, va_list args)
{
	size_t n = str_copy(line, prefix, LINE_MAX);
	int length = vsnprintf(line + n, LINE_MAX - n - 1, fmt, args);

	n += MIN((size_t)(length > 0 ? length : 0), LINE_MAX - n - 2);
	if (line[n - 1] != '\n') {
		line[n++] = '\n';
	}
	return n;
}

void log_print(enum log_level level, const char *fmt, ...)
{
	char line[LINE_MAX];
	va_list args;
	size_t n;

	va_start(args, fmt);
	n = make_line(line, "(pav) ", fmt, args);
	va_end(args);
	spin_lock(&lock);
	put_line((int)level <= host_level, line, n);
	spin_unlock(&lock);
}

static bool take_token(void)
{
	ns_t now = cpu_time_now();
	ns_t due = (now - guest_refilled) / GUEST_PERIOD;

	if (due > 0) {
		guest_tokens = due >= GUEST_BURST - guest_tokens ? GUEST_BURST
								 : guest_tokens + (int)due;
		guest_refilled += due * GUEST_PERIOD;
	}
	if (guest_tokens > 0) {
		guest_tokens--;
		return true;
	}
	guest_dropped++;
	return false;
}

void log_guest(enum log_level level, unsigned int domid, const char *fmt, ...)
{
	char line[LINE_MAX], prefix[64];
	unsigned int dropped;
	va_list args;
	size_t n;

	if ((int)level > guest_level) {
		return;
	}
	va_start(args, fmt);
	snprintf(prefix, sizeof(prefix), "(pav) d%u: ", domid);
	n = make_line(line, prefix, fmt, args);
	va_end(args);

	spin_lock(&lock);
	if (take_token()) {
		dropped = guest_dropped;
		guest_dropped = 0;
		if (dropped) {
			put_line(true, prefix,
				 (size_t)snprintf(prefix, sizeof(prefix),
						  "(pav) %u lines about guests left out\n",
						  dropped));
		}
		put_line(true, line, n);
	}
	spin_unlock(&lock);
}

static bool parse_level(const char *s, int *level)
{
	static const struct {
		const char *name;
		int level;
	} levels[] = { { "none", -1 },	     { "error", LOG_ERR },   { "warning", LOG_WARN },
		       { "info", LOG_INFO }, { "debug", LOG_DEBUG }, { "all", LOG_DEBUG } };

	for (size_t i = 0; s && i < ARRAY_SIZE(levels); i++) {
		size_t n = strlen(levels[i].name);

		if (!strncmp(s, levels[i].name, n) && (!s[n] || s[n] == '/')) {
			*level = levels[i].level;
			return true;
		}
	}
	return !s;
}

bool log_set_level(const char *host, const char *guest)
{
	bool host_known = parse_level(host, &host_level);

	return parse_level(guest, &guest_level) && host_known;
}

void log_write_raw(const char *s, size_t n)
{
	spin_lock(&lock);
	cpu_console_write(s, n);
	spin_unlock(&lock);
}

size_t log_read(char *buf, size_t size, uint32_t *index, bool incremental, bool clear)
{
	uint32_t from;
	size_t n = 0;

	spin_lock(&lock);
	from = ring_start;
	/* A position that is not in the ring (too old, or invented) starts at the oldest byte. */
	if (incremental && *index - ring_start <= ring_end - ring_start) {
		from = *index;
	}
	size = MIN(size, ring_end - from);
	while (n < size) {
		size_t part = MIN(size - n, RING_SIZE - from % RING_SIZE);

		memcpy(buf + n, &ring[from % RING_SIZE], part);
		n += part;
		from += (uint32_t)part;
	}
	*index = from;
	if (clear) {
		ring_start = from;
	}
	spin_unlock(&lock);
	return n;
}

void log_emergency(void)
{
	spin_checks_off();
	spin_init(&lock, LOCK_LOG);
	host_level = LOG_DEBUG;
}
