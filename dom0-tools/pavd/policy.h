/* What pavd decides without touching anything: pure, and so tested by itself. */
#ifndef PAVANE_PAVD_POLICY_H
#define PAVANE_PAVD_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "dom0-tools/model/domspec.h"

/* The word for a domain's state, from the XEN_DOMINF_* flags of getdomaininfo. */
const char *policy_state(uint32_t flags);

/* Whether the guest has ended by itself, and if so how: a SHUTDOWN_* code of <xen/sched.h>. */
bool policy_has_shut_down(uint32_t flags, unsigned int *code);

/* The word for a SHUTDOWN_* code. */
const char *policy_shutdown_name(unsigned int code);

/* What the spec wants done about it; an unknown code counts as a crash. */
enum domspec_action policy_on_shutdown(const struct domspec *spec, unsigned int code);

/*
 * A domain that keeps dying young is not restarted for ever: true while fewer
 * than POLICY_MAX_QUICK of its lives in a row were shorter than
 * POLICY_QUICK_SECONDS.  *quick is the count so far, updated here.
 */
#define POLICY_MAX_QUICK     5
#define POLICY_QUICK_SECONDS 10
bool policy_may_restart(unsigned int lived_seconds, unsigned int *quick);

/*
 * Whether the guest most likely runs from this disk: the one that root= on its command line
 * names (or a partition of it), else the first.
 */
bool policy_is_root_disk(const struct domspec *spec, const char *vdev);

/* How long to wait before the nth restart in a row of a helper process, in ms. */
unsigned int policy_backoff_ms(unsigned int nth);

#endif
