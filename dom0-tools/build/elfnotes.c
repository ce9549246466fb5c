/*
 * ELF64 headers and Xen notes, read with suspicion.  Numbers are copied out of
 * the file before they are looked at, because its alignment is not ours to trust.
 */
#include "dom0-tools/build/elfnotes.h"

#include <elf.h>
#include <string.h>
#include <xen/elfnote.h>

#include "dom0-tools/libpav/die.h"

#define PADDR_LIMIT (1ull << 40) /* no kernel image asks for more than this */

struct file {
	const uint8_t *p;
	uint64_t len;
};

/* Everything seen in the notes, before it is judged. */
struct raw_notes {
	uint64_t virt_base, paddr_offset, entry;
	bool has_entry, any;
};

static bool inside(struct file f, uint64_t offset, uint64_t size)
{
	return offset <= f.len && size <= f.len - offset;
}

/* A note's number is 4 or 8 bytes. */
static bool get_number(const uint8_t *desc, uint32_t size, uint64_t *out)
{
	uint32_t small;

	if (size == 8) {
		memcpy(out, desc, 8);
		return true;
	}
	if (size == 4) {
		memcpy(&small, desc, 4);
		*out = small;
		return true;
	}
	return false;
}

static int take_note(uint32_t type, const uint8_t *desc, uint32_t size, struct raw_notes *raw,
		     struct elfnotes *out, char **err)
{
	uint64_t n = 0;
	bool is_number = get_number(desc, size, &n);

	switch (type) {
	case XEN_ELFNOTE_ENTRY:
	case XEN_ELFNOTE_VIRT_BASE:
	case XEN_ELFNOTE_PADDR_OFFSET:
	case XEN_ELFNOTE_HYPERCALL_PAGE:
	case XEN_ELFNOTE_INIT_P2M:
	case XEN_ELFNOTE_MOD_START_PFN:
		if (!is_number) {
			return fail(err, "its Xen note %u has %u bytes, not 4 or 8", type, size);
		}
		break;
	default:
		break;
	}
	raw->any = true;
	switch (type) {
	case XEN_ELFNOTE_ENTRY:
		raw->entry = n;
		raw->has_entry = true;
		break;
	case XEN_ELFNOTE_VIRT_BASE:
		raw->virt_base = n;
		break;
	case XEN_ELFNOTE_PADDR_OFFSET:
		raw->paddr_offset = n;
		break;
	case XEN_ELFNOTE_HYPERCALL_PAGE:
		out->hypercall_page = n;
		out->has_hypercall_page = true;
		break;
	case XEN_ELFNOTE_INIT_P2M:
		out->init_p2m = n;
		out->has_init_p2m = true;
		break;
	case XEN_ELFNOTE_MOD_START_PFN:
		out->mod_start_pfn = n != 0;
		break;
	case XEN_ELFNOTE_GUEST_OS:
		n = size < sizeof(out->guest_os) - 1 ? size : sizeof(out->guest_os) - 1;
		memcpy(out->guest_os, desc, n);
		break;
	default:
		break;
	}
	return 0;
}

/* One PT_NOTE: a run of (name, description) pairs, each padded to 4 bytes. */
static int read_notes(struct file f, const Elf64_Phdr *ph, struct raw_notes *raw,
		      struct elfnotes *out, char **err)
{
	uint64_t at = ph->p_offset, end = ph->p_offset + ph->p_filesz;

	while (end - at >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr nh;
		uint64_t name, desc, next;

		memcpy(&nh, f.p + at, sizeof(nh));
		name = at + sizeof(nh);
		desc = name + (((uint64_t)nh.n_namesz + 3) & ~3ull);
		next = desc + (((uint64_t)nh.n_descsz + 3) & ~3ull);
		if (desc + nh.n_descsz > end) {
			return fail(err, "its ELF notes run past their segment");
		}
		if (nh.n_namesz == 4 && !memcmp(f.p + name, "Xen", 4) &&
		    take_note(nh.n_type, f.p + desc, nh.n_descsz, raw, out, err) < 0) {
			return -1;
		}
		if (next > end) {
			break;
		}
		at = next;
	}
	return 0;
}

static int read_header(struct file f, Elf64_Ehdr *eh, char **err)
{
	if (f.len < sizeof(*eh)) {
		return fail(err, "too short to be an ELF file (%llu bytes)",
			    (unsigned long long)f.len);
	}
	memcpy(eh, f.p, sizeof(*eh));
	if (memcmp(eh->e_ident, ELFMAG, SELFMAG)) {
		return fail(err, "not an ELF file");
	}
	if (eh->e_ident[EI_CLASS] != ELFCLASS64 || eh->e_ident[EI_DATA] != ELFDATA2LSB ||
	    eh->e_machine != EM_X86_64) {
		return fail(err, "not a 64-bit x86 kernel");
	}
	if (eh->e_type != ET_EXEC && eh->e_type != ET_DYN) {
		return fail(err, "an ELF file that can't be executed (type %u)", eh->e_type);
	}
	if (eh->e_phentsize != sizeof(Elf64_Phdr) || eh->e_phnum == 0 ||
	    !inside(f, eh->e_phoff, (uint64_t)eh->e_phnum * sizeof(Elf64_Phdr))) {
		return fail(err, "a truncated or damaged ELF file (program headers)");
	}
	return 0;
}

static int take_segment(struct file f, const Elf64_Phdr *ph, struct elfnotes *out, char **err)
{
	if (!ph->p_memsz) {
		return 0;
	}
	if (!inside(f, ph->p_offset, ph->p_filesz)) {
		return fail(err,
			    "a truncated ELF file: a segment ends at byte %llu and the file at %llu",
			    (unsigned long long)(ph->p_offset + ph->p_filesz),
			    (unsigned long long)f.len);
	}
	if (ph->p_filesz > ph->p_memsz || ph->p_memsz > PADDR_LIMIT) {
		return fail(err, "a damaged ELF file (segment sizes)");
	}
	if (out->segment_count == ELFNOTES_MAX_SEGMENTS) {
		return fail(err, "an ELF file with more than %d segments", ELFNOTES_MAX_SEGMENTS);
	}
	out->segments[out->segment_count++] = (struct elfnotes_segment){
		.offset = ph->p_offset,
		.file_size = ph->p_filesz,
		.paddr = ph->p_paddr,
		.mem_size = ph->p_memsz,
	};
	return 0;
}

static int place_segments(struct elfnotes *out, uint64_t paddr_offset, char **err)
{
	out->paddr_start = UINT64_MAX;
	for (unsigned int i = 0; i < out->segment_count; i++) {
		struct elfnotes_segment *s = &out->segments[i];

		if (s->paddr < paddr_offset || s->paddr - paddr_offset > PADDR_LIMIT) {
			return fail(err, "a damaged ELF file (segment addresses)");
		}
		s->paddr -= paddr_offset;
		if (s->paddr < out->paddr_start) {
			out->paddr_start = s->paddr;
		}
		if (s->paddr + s->mem_size > out->paddr_end) {
			out->paddr_end = s->paddr + s->mem_size;
		}
	}
	return 0;
}

/* Whether [base, base + image) can be mapped at all, and the entry lies in it. */
static int check_addresses(const struct elfnotes *n, char **err)
{
	uint64_t start = n->virt_base + n->paddr_start;

	if (n->virt_base & 0x3fffff || n->paddr_end > UINT64_MAX - n->virt_base) {
		return fail(err, "its Xen notes ask for an impossible virtual address");
	}
	if (n->virt_entry < start || n->virt_entry >= n->virt_base + n->paddr_end) {
		return fail(err, "its Xen entry point lies outside its image");
	}
	if (n->has_hypercall_page && (n->hypercall_page & 0xfff || n->hypercall_page < start ||
				      n->hypercall_page >= n->virt_base + n->paddr_end)) {
		return fail(err, "its Xen hypercall page lies outside its image");
	}
	if (n->has_init_p2m && n->init_p2m & 0x1fffff) {
		return fail(err, "its Xen notes ask for a misaligned frame list");
	}
	return 0;
}

int elfnotes_read(const void *file, size_t len, struct elfnotes *out, char **err)
{
	struct file f = { file, len };
	struct raw_notes raw = { 0 };
	Elf64_Ehdr eh;

	memset(out, 0, sizeof(*out));
	if (read_header(f, &eh, err) < 0) {
		return -1;
	}
	for (unsigned int i = 0; i < eh.e_phnum; i++) {
		Elf64_Phdr ph;

		memcpy(&ph, f.p + eh.e_phoff + i * sizeof(ph), sizeof(ph));
		if (ph.p_type == PT_LOAD && take_segment(f, &ph, out, err) < 0) {
			return -1;
		}
		if (ph.p_type == PT_NOTE) {
			if (!inside(f, ph.p_offset, ph.p_filesz)) {
				return fail(err, "a truncated ELF file (notes)");
			}
			if (read_notes(f, &ph, &raw, out, err) < 0) {
				return -1;
			}
		}
	}
	if (!out->segment_count) {
		return fail(err, "an ELF file with nothing to load");
	}
	if (!raw.any || !raw.has_entry) {
		return fail(err,
			    "a kernel without support for running as a Xen PV guest (it has no Xen %s note)",
			    raw.any ? "ENTRY" : "ELF");
	}
	if (place_segments(out, raw.paddr_offset, err) < 0) {
		return -1;
	}
	out->virt_base = raw.virt_base;
	out->virt_entry = raw.entry;
	return check_addresses(out, err);
}
