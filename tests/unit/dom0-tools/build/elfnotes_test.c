/* elfnotes_read: a small kernel made here, then every way to lie about it. */
#include "dom0-tools/build/elfnotes.h"

#include <criterion/criterion.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <xen/elfnote.h>

#include "dom0-tools/libpav/die.h"

/* header | 2 program headers | notes | one page of code */
enum {
	NOTES_AT = 256,
	NOTES_MAX = 512,
	CODE_AT = 1024,
	CODE_LEN = 4096,
	FILE_LEN = CODE_AT + CODE_LEN
};
#define BASE  0xffffffff80000000ull
#define PADDR 0x1000000ull

static uint8_t image[FILE_LEN];
static Elf64_Ehdr *eh;
static Elf64_Phdr *load, *note;

static void add_note(uint32_t type, const void *desc, uint32_t len)
{
	uint8_t *p = image + NOTES_AT + note->p_filesz;
	Elf64_Nhdr nh = { 4, len, type };

	memcpy(p, &nh, sizeof(nh));
	memcpy(p + sizeof(nh), "Xen", 4);
	memcpy(p + sizeof(nh) + 4, desc, len);
	note->p_filesz += sizeof(nh) + 4 + ((len + 3) & ~3u);
}

static void add_number(uint32_t type, uint64_t n)
{
	add_note(type, &n, 8);
}

static void make_image(void)
{
	memset(image, 0, sizeof(image));
	eh = (Elf64_Ehdr *)image;
	memcpy(eh->e_ident, ELFMAG, SELFMAG);
	eh->e_ident[EI_CLASS] = ELFCLASS64;
	eh->e_ident[EI_DATA] = ELFDATA2LSB;
	eh->e_type = ET_EXEC;
	eh->e_machine = EM_X86_64;
	eh->e_phoff = sizeof(*eh);
	eh->e_phentsize = sizeof(Elf64_Phdr);
	eh->e_phnum = 2;
	load = (Elf64_Phdr *)(image + eh->e_phoff);
	note = load + 1;
	*load = (Elf64_Phdr){ .p_type = PT_LOAD,
			      .p_offset = CODE_AT,
			      .p_paddr = PADDR,
			      .p_filesz = CODE_LEN,
			      .p_memsz = 3 * CODE_LEN };
	*note = (Elf64_Phdr){ .p_type = PT_NOTE, .p_offset = NOTES_AT };
	add_number(XEN_ELFNOTE_VIRT_BASE, BASE);
	add_number(XEN_ELFNOTE_ENTRY, BASE + PADDR + 16);
	add_note(XEN_ELFNOTE_GUEST_OS, "linux", 6);
}

/* From an exact heap copy, so that the sanitizer sees one byte too far. */
static int read_copy(size_t len, struct elfnotes *n, char **err)
{
	void *copy = malloc(len ? len : 1);
	int rc;

	memcpy(copy, image, len);
	rc = elfnotes_read(copy, len, n, err);
	free(copy);
	return rc;
}

static void refuse(const char *part)
{
	struct elfnotes n;
	char *err = NULL;

	cr_assert_eq(read_copy(FILE_LEN, &n, &err), -1, "accepted; expected \"%s\"", part);
	cr_assert(strstr(err, part), "\"%s\" does not say \"%s\"", err, part);
	free(err);
}

Test(elfnotes, a_good_kernel_is_understood)
{
	struct elfnotes n;
	char *err = NULL;

	make_image();
	add_number(XEN_ELFNOTE_INIT_P2M, 0x8000000000ull);
	add_number(XEN_ELFNOTE_MOD_START_PFN, 1);
	add_number(XEN_ELFNOTE_HYPERCALL_PAGE, BASE + PADDR + 4096);
	cr_assert_eq(read_copy(FILE_LEN, &n, &err), 0, "%s", err);
	cr_assert_eq(n.segment_count, 1);
	cr_assert_eq(n.paddr_start, PADDR);
	cr_assert_eq(n.paddr_end, PADDR + 3 * CODE_LEN);
	cr_assert_eq(n.virt_base, BASE);
	cr_assert_eq(n.virt_entry, BASE + PADDR + 16);
	cr_assert(n.has_init_p2m && n.init_p2m == 0x8000000000ull);
	cr_assert(n.has_hypercall_page && n.hypercall_page == BASE + PADDR + 4096);
	cr_assert(n.mod_start_pfn);
	cr_assert_str_eq(n.guest_os, "linux");
}

Test(elfnotes, a_paddr_offset_is_taken_off)
{
	struct elfnotes n;
	char *err = NULL;

	make_image();
	load->p_paddr = BASE + PADDR;
	add_number(XEN_ELFNOTE_PADDR_OFFSET, BASE);
	cr_assert_eq(read_copy(FILE_LEN, &n, &err), 0, "%s", err);
	cr_assert_eq(n.paddr_start, PADDR);
	load->p_paddr = BASE - 1;
	refuse("segment addresses");
}

Test(elfnotes, a_kernel_without_notes_is_named_so)
{
	make_image();
	eh->e_phnum = 1;
	refuse("without support for running as a Xen PV guest");
	make_image();
	note->p_filesz = 0;
	add_number(XEN_ELFNOTE_VIRT_BASE, BASE);
	refuse("no Xen ENTRY note");
}

Test(elfnotes, a_file_cut_anywhere_is_refused)
{
	make_image();
	for (size_t len = 0; len < FILE_LEN; len++) {
		struct elfnotes n;
		char *err = NULL;

		cr_assert_eq(read_copy(len, &n, &err), -1, "accepted %zu bytes", len);
		cr_assert_not_null(err);
		free(err);
	}
}

Test(elfnotes, hostile_fields_never_reach_outside)
{
	static const uint64_t nasty[] = { 0,	      1,	  0x7fffffff,	     0xffffffff,
					  1ull << 40, 1ull << 63, UINT64_MAX - 4095, UINT64_MAX };
	uint64_t *fields[6];

	make_image();
	fields[0] = &load->p_offset;
	fields[1] = &load->p_paddr;
	fields[2] = &load->p_filesz;
	fields[3] = &load->p_memsz;
	fields[4] = &note->p_offset;
	fields[5] = &note->p_filesz;
	for (size_t f = 0; f < 6; f++) {
		for (size_t v = 0; v < sizeof(nasty) / sizeof(nasty[0]); v++) {
			uint64_t keep = *fields[f];
			struct elfnotes n;
			char *err = NULL;

			*fields[f] = nasty[v];
			if (read_copy(FILE_LEN, &n, &err) == 0) {
				for (unsigned int i = 0; i < n.segment_count; i++) {
					cr_assert_leq(n.segments[i].offset +
							      n.segments[i].file_size,
						      FILE_LEN);
					cr_assert_leq(n.segments[i].file_size,
						      n.segments[i].mem_size);
					cr_assert_leq(n.segments[i].paddr + n.segments[i].mem_size,
						      n.paddr_end);
				}
			}
			free(err);
			*fields[f] = keep;
		}
	}
}

Test(elfnotes, notes_that_lie_about_their_length_are_refused)
{
	Elf64_Nhdr *nh = (Elf64_Nhdr *)(image + NOTES_AT);

	make_image();
	nh->n_descsz = 0xffffffff;
	refuse("notes run past");
	make_image();
	nh->n_namesz = 0xfffffffd;
	refuse("notes run past");
	make_image();
	nh->n_descsz = 3;
	refuse("not 4 or 8");
}

Test(elfnotes, addresses_outside_the_image_are_refused)
{
	make_image();
	add_number(XEN_ELFNOTE_ENTRY, BASE + PADDR + 3 * CODE_LEN);
	refuse("entry point lies outside");
	make_image();
	add_number(XEN_ELFNOTE_HYPERCALL_PAGE, BASE + PADDR + 1);
	refuse("hypercall page");
	make_image();
	add_number(XEN_ELFNOTE_HYPERCALL_PAGE, BASE);
	refuse("hypercall page");
	make_image();
	add_number(XEN_ELFNOTE_VIRT_BASE, UINT64_MAX & ~0x3fffffull);
	refuse("impossible virtual address");
	make_image();
	add_number(XEN_ELFNOTE_INIT_P2M, 0x8000000001ull);
	refuse("misaligned");
}

Test(elfnotes, other_machines_are_refused)
{
	make_image();
	eh->e_machine = EM_AARCH64;
	refuse("not a 64-bit x86 kernel");
	make_image();
	eh->e_ident[EI_CLASS] = ELFCLASS32;
	refuse("not a 64-bit x86 kernel");
	make_image();
	eh->e_type = ET_REL;
	refuse("can't be executed");
	make_image();
	load->p_type = PT_NULL;
	refuse("nothing to load");
}

Test(elfnotes, random_damage_is_survived)
{
	unsigned int seed = 7;

	for (int round = 0; round < 20000; round++) {
		struct elfnotes n;
		char *err = NULL;

		make_image();
		for (int i = 0; i < 3; i++) {
			image[(unsigned int)rand_r(&seed) % (NOTES_AT + 200)] =
				(uint8_t)rand_r(&seed);
		}
		if (read_copy(FILE_LEN, &n, &err) == 0) {
			cr_assert_geq(n.virt_entry, n.virt_base + n.paddr_start);
		}
		free(err);
	}
}
