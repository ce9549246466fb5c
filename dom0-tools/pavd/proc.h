/*
 * Helper processes under supervision.  One that ends although nobody asked for
 * it is started again after a short, growing pause; one that was told to go (or
 * whose cause has gone) ends once.  A process outlives pavd: after a restart of
 * pavd it is adopted by its pid and start time instead of being started anew.
 */
#ifndef PAVANE_PAVD_PROC_H
#define PAVANE_PAVD_PROC_H

#include <stdbool.h>
#include <sys/types.h>

#include "dom0-tools/libpav/strlist.h"

struct proc;

/* Called once, after the last life of the process has ended; the proc is freed when it returns. */
typedef void proc_end_fn(void *arg);

/*
 * Starts argv[0] with stdout and stderr appended to the log file.  Takes argv
 * over in any case.  NULL and a sentence if it can't be started.
 */
struct proc *proc_start(struct strlist *argv, const char *log_path, proc_end_fn *on_end, void *arg,
			char **err);
/* The same for a process that may be running already; if it is not, it is started. */
struct proc *proc_adopt(struct strlist *argv, const char *log_path, pid_t pid,
			unsigned long long start_time, proc_end_fn *on_end, void *arg, char **err);

/* Called whenever a process was started again, so that whoever keeps pids can note the new one. */
void proc_set_restart_hook(void (*hook)(void));

/* From now on its end is final.  If it has ended already on_end is called soon, not from within. */
void proc_expect_end(struct proc *p);
void proc_kill(struct proc *p, int sig);
/* Forgets a process without touching it: it goes on by itself. */
void proc_forget(struct proc *p);

/* 0 while it waits to be started again. */
pid_t proc_pid(const struct proc *p);
unsigned long long proc_start_time(const struct proc *p);
/* How often it had to be started again. */
unsigned int proc_restarts(const struct proc *p);

/* Where helper programs are: $PAVANE_LIBEXEC, or the directory of this program.  malloc'd path of name. */
char *proc_find_helper(const char *name);

#endif
