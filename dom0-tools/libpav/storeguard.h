/*
 * Noticing that the store daemon has died.
 *
 * libxenstore does not say so to a program that only waits for watches: its
 * reader thread ends and the watch descriptor stays silent for ever.  So the
 * daemons keep a second, idle connection to the store's socket, whose end poll
 * reports at once.
 */
#ifndef PAVANE_LIBPAV_STOREGUARD_H
#define PAVANE_LIBPAV_STOREGUARD_H

/*
 * Calls gone() from the loop when the daemon that listens now has ended.  Does
 * nothing, with a warning, if the store has no socket (it then lives elsewhere).
 */
void storeguard_start(void (*gone)(void));

#endif
