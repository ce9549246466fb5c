/* What the hypervisor says about itself. */
#ifndef PAVANE_CORE_VERSION_H
#define PAVANE_CORE_VERSION_H

#include <stdbool.h>
#include <stdint.h>

/* A set of VMASST_TYPE_* bits of which each is one that a domain may have. */
bool version_assists_valid(uint64_t bits);
/* The hypervisor's command line, for XENVER_commandline; cut to the ABI's 1023 bytes. */
void version_set_commandline(const char *line);

#endif
