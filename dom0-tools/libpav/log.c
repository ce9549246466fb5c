/* Log lines: one write each, so that lines of several processes sharing a file don't mix. */
#include "dom0-tools/libpav/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static enum log_level max_level = LOG_INFO;

void log_set_level(enum log_level level)
{
	max_level = level;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	static const char *const names[] = { "error: ", "warning: ", "", "trace: " };
	char line[1024];
	struct timespec now;
	struct tm tm;
	size_t at;
	int n, saved = errno;
	va_list ap;

	if (level > max_level) {
		return;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	at = strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%S", &tm);
	n = snprintf(line + at, sizeof(line) - at, ".%03ldZ %s: %s", now.tv_nsec / 1000000,
		     program_invocation_short_name, names[level]);
	at += n > 0 ? (size_t)n : 0;
	errno = saved; /* for %m */
	va_start(ap, fmt);
	n = vsnprintf(line + at, sizeof(line) - at - 1, fmt, ap);
	va_end(ap);
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
