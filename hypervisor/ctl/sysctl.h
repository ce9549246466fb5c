/* Control of the machine as a whole, beyond the hypercall itself. */
#ifndef PAVANE_CTL_SYSCTL_H
#define PAVANE_CTL_SYSCTL_H

/* Called for each key of sysctl debug_keys; set at boot, NULL: keys are refused. */
extern void (*sysctl_debug_key)(char key);

#endif
