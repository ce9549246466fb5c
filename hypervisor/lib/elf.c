/*
 * A reader of 64-bit ELF files that trusts nothing: each number from the file is
 * compared with the size before it is used, and headers are copied out, so an
 * image at any alignment, cut anywhere, is safe to ask.
 */
#include "lib/elf.h"

#include "lib/string.h"

struct file_header {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct program_header {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

struct section_header {
	uint32_t name, type;
	uint64_t flags, addr, offset, size;
	uint32_t link, info;
	uint64_t align, entsize;
};

struct note_header {
	uint32_t namesz, descsz, type;
};

enum {
	ELF64 = 2,
	LITTLE = 1,
	ET_EXEC = 2,
	ET_DYN = 3,
	EM_X86_64 = 62,
	PT_LOAD = 1,
	PT_NOTE = 4,
	SHT_NOTE = 7,
	PN_XNUM = 0xffff
};

static bool read_at(const struct elf *e, uint64_t offset, void *to, size_t n)
{
	if (offset > e->size || n > e->size - offset) {
		return false;
	}
	memcpy(to, e->image + offset, n);
	return true;
}

static bool inside(const struct elf *e, uint64_t offset, uint64_t n)
{
	return offset <= e->size && n <= e->size - offset;
}

const char *elf_open(struct elf *e, const void *image, size_t size)
{
	struct file_header h;
	struct elf_segment s;

	*e = (struct elf){ .image = image, .size = size };
	if (!read_at(e, 0, &h, sizeof(h))) {
		return "shorter than an ELF header";
	}
	if (memcmp(h.ident, "\177ELF", 4)) {
		return "not an ELF file";
	}
	if (h.ident[4] != ELF64 || h.ident[5] != LITTLE || h.machine != EM_X86_64) {
		return "not an ELF file for 64-bit x86";
	}
	if (h.type != ET_EXEC && h.type != ET_DYN) {
		return "not an executable ELF file";
	}
	if (!h.phnum || h.phnum == PN_XNUM || h.phentsize != sizeof(struct program_header)) {
		return "ELF program headers of a shape we do not read";
	}
	if (!inside(e, h.phoff, (uint64_t)h.phnum * h.phentsize)) {
		return "ELF program headers lie past the end of the file";
	}
	e->phnum = h.phnum;
	e->entry = h.entry;
	for (unsigned int i = 0; elf_segment(e, i, &s); i++) {
		if (s.type != PT_LOAD) {
			continue;
		}
		if (!inside(e, s.offset, s.filesz)) {
			return "an ELF segment lies past the end of the file";
		}
		if (s.memsz < s.filesz || s.vaddr + s.memsz < s.vaddr ||
		    s.paddr + s.memsz < s.paddr) {
			return "an ELF segment has impossible sizes";
		}
	}
	return NULL;
}

bool elf_segment(const struct elf *e, unsigned int i, struct elf_segment *s)
{
	struct file_header h;
	struct program_header p;

	if (i >= e->phnum || !read_at(e, 0, &h, sizeof(h)) ||
	    !read_at(e, h.phoff + (uint64_t)i * sizeof(p), &p, sizeof(p))) {
		return false;
	}
	*s = (struct elf_segment){ .offset = p.offset,
				   .vaddr = p.vaddr,
				   .paddr = p.paddr,
				   .filesz = p.filesz,
				   .memsz = p.memsz,
				   .type = p.type,
				   .flags = p.flags };
	return true;
}

/* Notes stand one behind the other, name and descriptor each padded to 4 bytes. */
static bool search_notes(const struct elf *e, uint64_t offset, uint64_t size, const char *owner,
			 uint32_t type, const void **desc, size_t *desc_size)
{
	uint64_t owner_size = strlen(owner) + 1;
	uint64_t end = offset + size;
	struct note_header n;

	if (!inside(e, offset, size)) {
		return false;
	}
	while (end - offset >= sizeof(n) && read_at(e, offset, &n, sizeof(n))) {
		uint64_t name = offset + sizeof(n);
		uint64_t text = name + (((uint64_t)n.namesz + 3) & ~3ULL);

		if (text > end || n.descsz > end - text) {
			return false;
		}
		if (n.type == type && n.namesz == owner_size &&
		    !memcmp(e->image + name, owner, owner_size)) {
			*desc = e->image + text;
			*desc_size = n.descsz;
			return true;
		}
		offset = text + (((uint64_t)n.descsz + 3) & ~3ULL);
		if (offset > end) {
			return false;
		}
	}
	return false;
}

static bool search_sections(const struct elf *e, const char *owner, uint32_t type,
			    const void **desc, size_t *size)
{
	struct file_header h;
	struct section_header s;

	if (!read_at(e, 0, &h, sizeof(h)) || h.shentsize != sizeof(s) ||
	    !inside(e, h.shoff, (uint64_t)h.shnum * sizeof(s))) {
		return false;
	}
	for (unsigned int i = 0; i < h.shnum; i++) {
		if (read_at(e, h.shoff + (uint64_t)i * sizeof(s), &s, sizeof(s)) &&
		    s.type == SHT_NOTE &&
		    search_notes(e, s.offset, s.size, owner, type, desc, size)) {
			return true;
		}
	}
	return false;
}

bool elf_note(const struct elf *e, const char *owner, uint32_t type, const void **desc,
	      size_t *size)
{
	struct elf_segment s;

	for (unsigned int i = 0; elf_segment(e, i, &s); i++) {
		if (s.type == PT_NOTE &&
		    search_notes(e, s.offset, s.filesz, owner, type, desc, size)) {
			return true;
		}
	}
	return search_sections(e, owner, type, desc, size);
}
