/* Being a guest's console: this terminal, until Ctrl-] or until the guest has gone. */
#ifndef PAVANE_PAV_ATTACH_H
#define PAVANE_PAV_ATTACH_H

/* Exit status; waits a little for a console that is just being opened. */
int attach_console(const char *name);

#endif
