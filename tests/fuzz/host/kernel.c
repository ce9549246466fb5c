/* A kernel file as the domain builder and the hypervisor read it: bzImage, ELF, notes.  Whatever it says, all stays inside it. */
#include <stdlib.h>

#include "dom0-tools/build/bzimage.h"
#include "dom0-tools/build/elfnotes.h"
#include "hypervisor/lib/elf.h"
#include "tests/fuzz/host/target.h"

/* Reads every byte, so that a range that leads outside is found by the sanitizer. */
static unsigned int read_all(const void *p, size_t n)
{
	const uint8_t *at = p;
	unsigned int sum = 0;

	for (size_t i = 0; i < n; i++) {
		sum += at[i];
	}
	return sum;
}

static void try_elf(const void *file, size_t size)
{
	struct elf_segment s;
	struct elf e;
	const void *desc;
	size_t n;

	if (elf_open(&e, file, size)) {
		return;
	}
	for (unsigned int i = 0; elf_segment(&e, i, &s); i++) {
		if (s.type == 1) {
			read_all(e.image + s.offset, s.filesz);
		}
	}
	for (uint32_t type = 0; type < 20; type++) {
		if (elf_note(&e, "Xen", type, &desc, &n)) {
			read_all(desc, n);
		}
	}
}

static void try_notes(const void *file, size_t size)
{
	struct elfnotes notes;
	char *err = NULL;

	if (elfnotes_read(file, size, &notes, &err) == 0) {
		for (unsigned int i = 0; i < notes.segment_count; i++) {
			const struct elfnotes_segment *s = &notes.segments[i];

			read_all((const char *)file + s->offset, s->file_size);
			must(s->paddr >= notes.paddr_start &&
			     s->paddr + s->mem_size <= notes.paddr_end &&
			     s->mem_size >= s->file_size);
		}
	} else {
		must(err);
	}
	free(err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf out = { 0 };
	char *err = NULL;

	try_elf(data, size);
	try_notes(data, size);
	if (bzimage_unpack(data, size, &out, &err) == 0) {
		try_elf(out.data, out.len);
		try_notes(out.data, out.len);
	} else {
		must(err && !out.len);
	}
	buf_free(&out);
	free(err);
	return 0;
}
