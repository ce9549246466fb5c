/* The idle connection whose end means that the store has gone. */
#include "dom0-tools/libpav/storeguard.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "dom0-tools/libpav/die.h"
#include "dom0-tools/libpav/log.h"
#include "dom0-tools/libpav/loop.h"
#include "dom0-tools/libpav/unixsock.h"

static void (*on_gone)(void);

static void on_event(void *arg, short revents)
{
	(void)arg;
	(void)revents; /* the daemon never speaks unasked: any event is the end */
	on_gone();
}

/* Where libxenstore looks, too. */
static char *socket_path(void)
{
	const char *path = getenv("XENSTORED_PATH"), *dir = getenv("XENSTORED_RUNDIR");

	return path ? xstrdup(path) : xasprintf("%s/socket", dir ? dir : "/var/run/xenstored");
}

void storeguard_start(void (*gone)(void))
{
	char *path = socket_path();
	int fd = unixsock_connect(path);

	on_gone = gone;
	if (fd < 0) {
		log_warn("%s: %s; the end of the store would go unnoticed", path, strerror(-fd));
	} else {
		loop_add(fd, POLLIN, on_event, NULL);
	}
	free(path);
}
