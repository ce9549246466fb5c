/*
 * `pav unpack-kernel`: the ELF out of a distribution's bzImage, if it is a kernel that can run
 * paravirtually: better said here than by a machine that does not boot.  Needs no hypervisor and
 * no rights.
 */
#include <stdio.h>
#include <stdlib.h>

#include "dom0-tools/build/bzimage.h"
#include "dom0-tools/build/elfnotes.h"
#include "dom0-tools/libpav/buf.h"
#include "dom0-tools/libpav/die.h"
#include "dom0-tools/pav/cmd.h"

int cmd_unpack_kernel(int argc, char **argv)
{
	struct buf file = { 0 }, elf = { 0 };
	struct elfnotes notes;
	char *err = NULL;
	int rc = CMD_FAILED;

	if (argc != 3) {
		return CMD_USAGE;
	}
	if (file_read(argv[1], BZIMAGE_MAX_SIZE, &file, &err) < 0) {
		fprintf(stderr, "pav: %s\n", err);
	} else if (bzimage_unpack(file.data, file.len, &elf, &err) < 0 ||
		   elfnotes_read(elf.data, elf.len, &notes, &err) < 0) {
		fprintf(stderr, "pav: %s: %s\n", argv[1], err);
	} else if (file_write(argv[2], elf.data, elf.len, 0644, &err) < 0) {
		fprintf(stderr, "pav: %s\n", err);
	} else {
		rc = 0;
	}
	free(err);
	buf_free(&file);
	buf_free(&elf);
	return rc;
}
