/* Log lines of the daemons: "time program: level: text" on stderr, which the supervisor keeps. */
#ifndef PAVANE_LIBPAV_LOG_H
#define PAVANE_LIBPAV_LOG_H

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_TRACE };

/* Lines above this level are dropped; LOG_INFO at start. */
void log_set_level(enum log_level level);

/*
 * From now on at most so many lines a minute; the next one says how many were dropped.
 * For programs whose lines a guest can cause: it must not fill the control domain.
 */
void log_ration(unsigned int lines_a_minute);

void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_trace(...) log_line(LOG_TRACE, __VA_ARGS__)

#endif
