/*
 * Where the /dev/xen libraries' own messages go: into our log, and so under its ration.
 *
 * By themselves they write to stderr, a line for every grant that cannot be mapped or
 * copied, and which grants there are is the guest's to say.
 */
#ifndef PAVANE_BACKENDS_LIBLOG_H
#define PAVANE_BACKENDS_LIBLOG_H

#include <xentoollog.h>

/* For xengnttab_open() and xenevtchn_open(); never to be destroyed. */
xentoollog_logger *liblog(void);

#endif
