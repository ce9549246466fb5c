/*
 * A network card.  Frames of at most a page go out of and come into pages of the driver's that stay
 * lent to the backend, which copies; a frame that came is copied out before anybody looks at it.
 *
 * Checksums are whole both ways and no segmentation is left to anybody: we ask for neither.  An
 * answer for a buffer that was not out, or with a place outside its page, and the card counts as
 * broken: nothing is sent or received any more.
 */
#ifndef PAVANE_DRV_NETFRONT_H
#define PAVANE_DRV_NETFRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NET_FRAME_MAX 1514u

/* The first card of the guest, connected; its address in mac.  0 or -XEN_Exxx (-XEN_ENODEV: there is none). */
int net_open(uint8_t mac[6]);

/* A place for NET_FRAME_MAX bytes, or NULL while all are on their way; net_send() sends what is in it. */
void *net_frame(void);
void net_send(void *frame, size_t length);

/* Hands each frame that came to `receive`, from a copy.  How many. */
unsigned int net_poll(void (*receive)(const void *frame, size_t length));

bool net_is_broken(void);

/* False if the backend would not let go. */
bool net_close(void);

#endif
