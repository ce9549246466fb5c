/* Log lines: one write each, so that lines of several processes sharing a file don't mix. */
#include "dom0-tools/libpav/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dom0-tools/libpav/ration.h"

static enum log_level max_level = LOG_INFO;
static struct ration ration; /* no limit until log_ration() */

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void log_ration(unsigned int lines_a_minute)
{
	ration = ration_start(lines_a_minute, now_ms());
}

void log_set_level(enum log_level level)
{
	max_level = level;
}

static void put_line(enum log_level level, const char *fmt, va_list ap)
{
	static const char *const names[] = { "error: ", "warning: ", "", "trace: " };
	char line[1024];
	struct timespec now;
	struct tm tm;
	size_t at;
	int n, saved = errno;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	at = strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%S", &tm);
	n = snprintf(line + at, sizeof(line) - at, ".%03ldZ %s: %s", now.tv_nsec / 1000000,
		     program_invocation_short_name, names[level]);
	at += n > 0 ? (size_t)n : 0;
	errno = saved; /* for %m */
	n = vsnprintf(line + at, sizeof(line) - at - 1, fmt, ap);
	at += n > 0 ? (size_t)n : 0;
	if (at > sizeof(line) - 2) {
		at = sizeof(line) - 2;
	}
	line[at++] = '\n';
	if (write(STDERR_FILENO, line, at) < 0) {
		/* Nowhere left to complain. */
	}
	errno = saved;
}

static void put(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_line(level, fmt, ap);
	va_end(ap);
}

void log_line(enum log_level level, const char *fmt, ...)
{
	unsigned int dropped;
	va_list ap;

	if (level > max_level || !ration_take(&ration, now_ms(), &dropped)) {
		return;
	}
	if (dropped) {
		put(LOG_WARN, "%u lines before this one were dropped: more than %u a minute",
		    dropped, ration.most);
	}
	va_start(ap, fmt);
	put_line(level, fmt, ap);
	va_end(ap);
}
