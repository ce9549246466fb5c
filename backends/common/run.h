/*
 * Starting a backend: options common to all, and giving up rights.
 *
 * A backend parses what a guest wrote, so by the time it looks at the first byte
 * of a ring it is its own user in an empty directory, without capabilities,
 * with a short list of system calls and no descriptor but those it works with.
 */
#ifndef PAVANE_BACKENDS_RUN_H
#define PAVANE_BACKENDS_RUN_H

#include <stdint.h>
#include <sys/types.h>

#include <xenevtchn.h>
#include <xengnttab.h>

#include "backends/common/device.h"

#define RUN_DIR "/run/pavane"

/* Exit statuses beyond success; the supervisor starts us again on all of them. */
enum { RUN_EXIT_SETUP = 1, RUN_EXIT_LOST = 75 /* the store or the TAP went away (EX_TEMPFAIL) */ };

/* A decimal number up to max, the whole text; ends the program with a message naming `what` if not. */
uint64_t run_parse_number(const char *what, const char *text, uint64_t max);

/* "backend/vbd/3/51712" may hold nothing but letters, digits, '-' and '_': ends the program if not. */
void run_check_id(const char *what, const char *text);

/* Open (create) RUN_DIR/name, close-on-exec, mode 0600.  A descriptor or -1 with errno set. */
int run_open_state(const char *name);

/* First thing in main(): close whatever we inherited beyond 0..2, so that all descriptors are our own. */
void run_close_inherited(void);

/* SIGTERM and SIGINT from now on make this descriptor readable. */
int run_open_signals(void);

/* Our handles for event channels (not blocking) and grants; ends the program with a message if they can't be had. */
void run_open_handles(xenevtchn_handle **xce, xengnttab_handle **gnt);

/*
 * The last step before the guest may talk to us.  Become user and group `uid`,
 * for good: an empty root directory, no capabilities, no_new_privs, and a ration
 * of log lines; set the device's watches, so that the store library's reader
 * thread is nobody as well; then run_filter_syscalls().  Ends the program with a
 * message if any step fails.
 */
void run_confine(uid_t uid, struct device *dev, const int *extra, unsigned int extra_count);

/* The device is over, or lost: says so; the exit status. */
int run_end(const struct device *dev);

/*
 * Allow only system calls of the shared list and of extra[], and of ioctl only the requests of the
 * shared list; any other kills the process.
 */
void run_filter_syscalls(const int *extra, unsigned int extra_count);

#endif
