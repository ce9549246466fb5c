/*
 * The console ring shared with a guest (<xen/io/console.h>), from the back end's
 * side.  The guest may write anything into the page at any time: indices are
 * read once, and a distance that can't be makes the ring look empty or full
 * rather than reach outside its arrays.
 */
#ifndef PAVANE_CONSOLE_RING_H
#define PAVANE_CONSOLE_RING_H

#include <stddef.h>
#include <stdint.h>
#include <xen/xen.h>
#include <xen/io/console.h>

/*
 * Takes up to max bytes the guest has written; returns how many.  If the guest's
 * indices are impossible what is there is dropped and 0 is returned.
 */
size_t conring_read(struct xencons_interface *r, char *buf, size_t max);
/* Puts up to len bytes where the guest reads them; returns how many fitted. */
size_t conring_write(struct xencons_interface *r, const char *data, size_t len);

#endif
