/*
 * The guest's way to the store: requests and answers over the two byte rings of the page that
 * the builder gave us, one request at a time, watches in a queue beside them.
 *
 * Nothing the other side writes is trusted: an index that cannot be, an answer that is too long or
 * answers something else, and the store counts as broken; every call then says -XEN_EIO.
 * Lengths and counts come back as non-negative numbers, errors as -XEN_Exxx, the store's own by
 * the same names.  Paths without a slash in front are below our own /local/domain/ID.
 */
#ifndef PAVANE_DRV_STORE_H
#define PAVANE_DRV_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_PATH_MAX	256
#define STORE_TOKEN_MAX 64
#define STORE_NO_TX	0u

/* 0, or -XEN_ENODEV where there is no store (the first domain of a machine has none). */
int store_init(void);

/* The value, with a 0 byte after it; its length, or -XEN_EMSGSIZE if it does not fit with that. */
int store_read(uint32_t tx, const char *path, char *value, size_t size);
int store_write(uint32_t tx, const char *path, const char *value);
int store_mkdir(uint32_t tx, const char *path);
int store_remove(uint32_t tx, const char *path);
/* The children's names one after the other, each ended by a 0 byte; how many bytes in all. */
int store_list(uint32_t tx, const char *path, char *names, size_t size);
/* Permissions as the store has them: words such as "n0" and "r5", each ended by a 0 byte. */
int store_get_perms(uint32_t tx, const char *path, char *words, size_t size);
int store_set_perms(uint32_t tx, const char *path, const char *words, size_t length);

/* A number in a node: 0, or what store_read() says, or -XEN_EINVAL if it is none or above max. */
int store_read_number(const char *path, uint64_t max, uint64_t *value);
int store_write_number(uint32_t tx, const char *path, uint64_t value);

/* A transaction's number is above 0.  The end with commit says -XEN_EAGAIN if it must be done again. */
int store_begin(uint32_t *tx);
int store_end(uint32_t tx, bool commit);

/* One change; the queue holds some, and store_events_lost() counts what came while it was full. */
struct store_event {
	char path[STORE_PATH_MAX], token[STORE_TOKEN_MAX];
};
int store_watch(const char *path, const char *token);
int store_unwatch(const char *path, const char *token);
/* The next change, if one comes within so many ns of system time: 0, -XEN_ETIMEDOUT or -XEN_EIO. */
int store_next_event(struct store_event *event, uint64_t ns);
unsigned int store_events_lost(void);

#endif
