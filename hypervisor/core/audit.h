/*
 * The audit of the whole machine, asked for by the debug key '=' on the console or by XEN_SYSCTL_debug_keys, in debug
 * builds.  It runs before the CPU that was asked enters a guest again, so after the sysctl its verdict is in the log:
 *
 *   audit: ok, 131072 frames: 70233 references, 41127 of types; 95201 frames free, 2 domains
 *   audit: FAILED, 2 findings
 *
 * after a line for each of the first findings.  When the machine cannot be stopped at once it comes some milliseconds later.
 */
#ifndef PAVANE_CORE_AUDIT_H
#define PAVANE_CORE_AUDIT_H

#include <stdbool.h>

struct audit;

void audit_init(void);
/* All there is to count, into an audit that has begun.  Nothing may change meanwhile. */
void audit_machine(struct audit *a);

#endif
