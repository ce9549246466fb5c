/*
 * A guest kernel ready to be loaded: the file named in the domain's description,
 * unpacked if it is a bzImage.  Unpacked kernels are kept under the cache
 * directory, named after the identity of the file (device, inode, size, change
 * times), so that the next domain with the same kernel starts at once and a
 * kernel that was replaced is unpacked anew.
 */
#ifndef PAVANE_BUILD_KERNEL_H
#define PAVANE_BUILD_KERNEL_H

#include "dom0-tools/build/elfnotes.h"

struct kernel {
	const uint8_t *data;
	size_t len;
	struct elfnotes notes;
	size_t mapped; /* not 0: data is a mapping of this many bytes; else malloc'd */
};

/* Where unpacked kernels are kept unless $PAVANE_CACHE names another directory. */
#define KERNEL_CACHE "/var/cache/pavane/kernels"

/* 0, or -1 and a sentence that names the file. */
int kernel_open(const char *path, struct kernel *k, char **err);
void kernel_close(struct kernel *k);

#endif
