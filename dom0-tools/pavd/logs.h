/*
 * Keeping the daemons' logs small.
 *
 * Every daemon and helper appends to a file of its own for as long as it lives, and a
 * helper cannot open another one from where it is confined.  So pavd looks at all of
 * them now and then: the contents of a long one move to NAME.log.1, in place of what was
 * there, and the file that everybody has open becomes empty.
 */
#ifndef PAVANE_PAVD_LOGS_H
#define PAVANE_PAVD_LOGS_H

/* Look at the logs of this folder from now on, once a minute, from the loop. */
void logs_start(const char *dir);

/* Once: every DIR/NAME.log longer than `most` bytes. */
void logs_trim(const char *dir, long most);

#endif
