/* A bounds-checked reader of 64-bit ELF files and their notes. Everything is checked against the size given. */
#ifndef PAVANE_LIB_ELF_H
#define PAVANE_LIB_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf {
	const uint8_t *image;
	size_t size;
	unsigned int phnum;
	uint64_t entry;
};
struct elf_segment {
	uint64_t offset, vaddr, paddr, filesz, memsz;
	uint32_t type, flags;
};

/* NULL if fine, else a sentence. Accepts ET_EXEC and ET_DYN for x86-64. */
const char *elf_open(struct elf *e, const void *image, size_t size);
bool elf_segment(const struct elf *e, unsigned int i,
		 struct elf_segment *s); /* false past the end */
/* Finds a note by owner and type in PT_NOTE segments, or failing those in SHT_NOTE sections. */
bool elf_note(const struct elf *e, const char *owner, uint32_t type, const void **desc,
	      size_t *size);

#endif
