/* A logger of the libraries' own kind; liblog.h says why. */
#include "backends/common/liblog.h"

#include <stdio.h>
#include <string.h>

#include "dom0-tools/libpav/log.h"

static void put_message(xentoollog_logger *logger, xentoollog_level level, int errnoval,
			const char *context, const char *format, va_list al)
	__attribute__((format(printf, 5, 0)));
static void put_message(xentoollog_logger *logger, xentoollog_level level, int errnoval,
			const char *context, const char *format, va_list al)
{
	char text[256];

	(void)logger;
	if (level < XTL_WARN) {
		return;
	}
	vsnprintf(text, sizeof(text), format, al);
	log_warn("%s: %s%s%s", context ? context : "library", text, errnoval > 0 ? ": " : "",
		 errnoval > 0 ? strerror(errnoval) : "");
}

static void keep(xentoollog_logger *logger)
{
	(void)logger; /* static, and shared by every handle */
}

xentoollog_logger *liblog(void)
{
	static xentoollog_logger logger = { .vmessage = put_message, .destroy = keep };

	return &logger;
}
