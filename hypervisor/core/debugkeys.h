/* Keys on the console that ask the hypervisor itself; three times Ctrl-a changes who listens. */
#ifndef PAVANE_CORE_DEBUGKEYS_H
#define PAVANE_CORE_DEBUGKEYS_H

/* Others add theirs at boot: help is one short phrase. The function runs in an interrupt, with no lock held. */
void debugkeys_register(char key, const char *help, void (*fn)(void));
void debugkeys_press(char key); /* also for sysctl */

#endif
