/* What the hypervisor says about itself. */
#ifndef PAVANE_CORE_VERSION_H
#define PAVANE_CORE_VERSION_H

/* The hypervisor's command line, for XENVER_commandline; cut to the ABI's 1023 bytes. */
void version_set_commandline(const char *line);

#endif
