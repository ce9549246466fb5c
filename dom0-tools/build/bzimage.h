/*
 * A distribution's kernel file to the uncompressed ELF inside.
 *
 * The file is a bzImage (boot protocol 2.08 or later: its setup header says
 * where the payload lies) or already an ELF.  The payload is gzip, xz, zstd or
 * an lz4 legacy frame, followed by its unpacked size in four bytes (gzip ends
 * with them anyway), which must agree with what comes out.  Nothing in the file
 * is trusted; the sentence in *err says what is wrong with it, without its name.
 */
#ifndef PAVANE_BUILD_BZIMAGE_H
#define PAVANE_BUILD_BZIMAGE_H

#include <stddef.h>

#include "dom0-tools/libpav/buf.h"

/* No kernel file or unpacked kernel is larger than this. */
#define BZIMAGE_MAX_SIZE (512ul << 20)

/* Unpacks file[len] into the empty buffer out; 0, or -1 and *err with out left empty. */
int bzimage_unpack(const void *file, size_t len, struct buf *out, char **err);

#endif
