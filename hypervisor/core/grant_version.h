/* A table's change of version.  Called by grant_op.c for the table's own domain. */
#ifndef PAVANE_CORE_GRANT_VERSION_H
#define PAVANE_CORE_GRANT_VERSION_H

#include "core/grant_table.h"

/*
 * 1 or 2.  0; -EBUSY: entries that would be lost are in use, or status frames mapped; -ERANGE: a reserved entry cannot be
 * said in version 1; -ENOMEM; then nothing has changed.  -ERESTART: begun, call again.
 */
int grant_version_change(struct grant_table *t, unsigned int version);

#endif
