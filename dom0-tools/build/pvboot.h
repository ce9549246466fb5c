/*
 * The domain builder: from a kernel, a ramdisk and a size to a paused domain
 * whose first vCPU stands at the kernel's entry.  Devices and the store are the
 * caller's business.  If any step fails the domain is destroyed again.
 */
#ifndef PAVANE_BUILD_PVBOOT_H
#define PAVANE_BUILD_PVBOOT_H

#include <stdint.h>

#include "dom0-tools/libpav/hcall.h"

struct pvboot_request {
	uint8_t uuid[16];
	uint64_t memory, memory_max; /* bytes, whole pages */
	unsigned int vcpus_max;
	const char *kernel;
	const char *ramdisk; /* or NULL */
	const char *cmdline;
};

struct pvboot_domain {
	domid_t domid;
	uint64_t store_mfn, console_mfn;
	uint32_t store_port, console_port;
};

/* 0 and a built, paused domain; or -1, a sentence, and nothing left behind. */
int pvboot_build(struct hcall *h, const struct pvboot_request *req, struct pvboot_domain *out,
		 char **err);

#endif
