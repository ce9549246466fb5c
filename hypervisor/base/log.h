/*
 * The hypervisor's log: to the console at or under the chosen level, and always
 * into a ring that the control domain reads (sysctl readconsole).
 */
#ifndef PAVANE_BASE_LOG_H
#define PAVANE_BASE_LOG_H

#include "lib/types.h"

enum log_level { LOG_ERR, LOG_WARN, LOG_INFO, LOG_DEBUG };

__attribute__((format(printf, 2, 3))) void log_print(enum log_level level, const char *fmt, ...);
/* About a guest: rate limited, and under its own threshold (guest_loglvl=). */
struct domain;
__attribute__((format(printf, 3, 4))) void log_guest(enum log_level level, unsigned int domid,
						     const char *fmt, ...);

#define log_err(...)   log_print(LOG_ERR, __VA_ARGS__)
#define log_warn(...)  log_print(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_print(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_print(LOG_DEBUG, __VA_ARGS__)

/* Sets thresholds from "error|warning|info|all|debug|none" (or "a/b", first part counts).  False if one is none of these: it stays. */
bool log_set_level(const char *host, const char *guest);
/*
 * Text written by the control domain through console_io: verbatim to the console.  Not into the ring, which its boot
 * alone would fill, and our own lines be gone.
 */
void log_write_raw(const char *s, size_t n);
/* Reads from ring position *index on; returns bytes copied and advances *index. */
size_t log_read(char *buf, size_t size, uint32_t *index, bool incremental, bool clear);
void log_emergency(void); /* for panic(): no lock is waited for any more, and every line is shown */

#endif
