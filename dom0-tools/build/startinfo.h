/* The page a PV kernel finds in RSI when it starts, and its first vCPU's registers. */
#ifndef PAVANE_BUILD_STARTINFO_H
#define PAVANE_BUILD_STARTINFO_H

#include "dom0-tools/build/layout.h"
#include "dom0-tools/libpav/hcall.h"

struct startinfo_ports {
	uint32_t store, console;
};

/* Longest command line, without its terminator. */
#define STARTINFO_MAX_CMDLINE (MAX_GUEST_CMDLINE - 1)

/*
 * Fills *si.  shared_info is the machine frame of the domain's shared info page;
 * module_bytes 0 means no ramdisk; cmdline no longer than STARTINFO_MAX_CMDLINE.
 */
void startinfo_fill(struct start_info *si, const struct layout *l, const uint64_t *frames,
		    uint64_t shared_info, const struct startinfo_ports *ports,
		    uint64_t module_bytes, const char *cmdline);

/* The state in which vCPU 0 enters the kernel. */
void startinfo_fill_vcpu(vcpu_guest_context_t *ctx, const struct layout *l, const uint64_t *frames,
			 uint64_t entry);

#endif
