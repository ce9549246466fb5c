/*
 * The event channel of a device: our end of one interdomain channel.
 *
 * A thin layer over /dev/xen/evtchn that reads without blocking, so that an
 * event which was consumed already costs nothing.
 */
#ifndef PAVANE_BACKENDS_PORT_H
#define PAVANE_BACKENDS_PORT_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#include <xenevtchn.h>

#include "backends/common/liblog.h"

/* Open the device, nonblocking.  NULL with errno set. */
static inline xenevtchn_handle *port_open(void)
{
	xenevtchn_handle *xce = xenevtchn_open(liblog(), 0);

	if (xce) {
		int fd = xenevtchn_fd(xce);

		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	}
	return xce;
}

/* Consume events; the number of ports in out[] (each stays masked until xenevtchn_unmask()). */
static inline unsigned int port_take(xenevtchn_handle *xce, evtchn_port_t *out, unsigned int max)
{
	ssize_t n = read(xenevtchn_fd(xce), out, max * sizeof(*out));

	return n > 0 ? (unsigned int)((size_t)n / sizeof(*out)) : 0;
}

#endif
