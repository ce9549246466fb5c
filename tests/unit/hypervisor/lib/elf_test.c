/* The ELF reader: a good file read right, and any bad one without a step outside (the sanitizer watches). */
#include "lib/elf.h"

#include <criterion/criterion.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#define SIZE 1024

struct notes {
	Elf64_Nhdr h1;
	char name1[8];
	char desc1[12];
	Elf64_Nhdr h2;
	char name2[4];
	uint32_t desc2;
};

/* An exact-size heap block, so that one byte past it is caught. */
static uint8_t *make(bool note_segment)
{
	uint8_t *image = calloc(1, SIZE);
	Elf64_Ehdr e = { .e_type = ET_EXEC,
			 .e_machine = EM_X86_64,
			 .e_entry = 0x1000200,
			 .e_phoff = 64,
			 .e_phentsize = sizeof(Elf64_Phdr),
			 .e_phnum = 2,
			 .e_shoff = 640,
			 .e_shentsize = sizeof(Elf64_Shdr),
			 .e_shnum = 2 };
	Elf64_Phdr load = { .p_type = PT_LOAD,
			    .p_offset = 512,
			    .p_vaddr = 0x1000000,
			    .p_paddr = 0x2000,
			    .p_filesz = 128,
			    .p_memsz = 4096,
			    .p_flags = 5 };
	Elf64_Phdr note = { .p_type = note_segment ? PT_NOTE : PT_NULL,
			    .p_offset = 256,
			    .p_filesz = sizeof(struct notes) };
	Elf64_Shdr section = { .sh_type = SHT_NOTE,
			       .sh_offset = 256,
			       .sh_size = sizeof(struct notes) };
	struct notes n = { { 5, 10, 7 }, "Linux", "0123456789", { 4, 4, 18 }, "Xen", 0xfeedf00d };

	memcpy(e.e_ident, ELFMAG, 4);
	e.e_ident[4] = ELFCLASS64;
	e.e_ident[5] = ELFDATA2LSB;
	memcpy(image, &e, sizeof(e));
	memcpy(image + 64, &load, sizeof(load));
	memcpy(image + 64 + sizeof(load), &note, sizeof(note));
	memcpy(image + 256, &n, sizeof(n));
	memcpy(image + 640 + sizeof(section), &section, sizeof(section));
	return image;
}

static void read_everything(const uint8_t *image, size_t size)
{
	struct elf e;
	struct elf_segment s;
	const void *desc;
	size_t n;
	volatile uint8_t sum = 0;

	if (elf_open(&e, image, size)) {
		return;
	}
	for (unsigned int i = 0; elf_segment(&e, i, &s); i++) {
		for (uint64_t k = 0; s.type == PT_LOAD && k < s.filesz; k++) {
			sum = sum + image[s.offset + k];
		}
	}
	for (uint32_t type = 0; type < 20; type++) {
		if (elf_note(&e, "Xen", type, &desc, &n)) {
			for (size_t k = 0; k < n; k++) {
				sum = sum + ((const uint8_t *)desc)[k];
			}
		}
	}
}

static void check_good(uint8_t *image)
{
	struct elf e;
	struct elf_segment s;
	const void *desc;
	size_t n;

	cr_assert_null(elf_open(&e, image, SIZE));
	cr_assert_eq(e.entry, 0x1000200);
	cr_assert(elf_segment(&e, 0, &s));
	cr_assert_eq(s.vaddr, 0x1000000);
	cr_assert_eq(s.paddr, 0x2000);
	cr_assert_eq(s.filesz, 128);
	cr_assert_eq(s.memsz, 4096);
	cr_assert_not(elf_segment(&e, 2, &s));
	cr_assert(elf_note(&e, "Xen", 18, &desc, &n));
	cr_assert_eq(n, 4);
	cr_assert(!memcmp(desc, "\x0d\xf0\xed\xfe", 4));
	cr_assert(elf_note(&e, "Linux", 7, &desc, &n) == false, "name sizes count the zero byte");
	cr_assert_not(elf_note(&e, "Xen", 19, &desc, &n));
	cr_assert_not(elf_note(&e, "Xe", 18, &desc, &n));
}

Test(elf, reads_segments_and_notes_of_a_good_file)
{
	uint8_t *image = make(true);

	check_good(image);
	free(image);
	image = make(false);
	check_good(image);
	free(image);
}

Test(elf, refuses_what_is_no_x86_executable)
{
	static const struct {
		size_t at;
		uint8_t value;
	} change[] = { { 0, 0 },  { 4, 1 },   { 5, 2 },	 { 16, 1 },   { 16, 4 },
		       { 18, 3 }, { 54, 55 }, { 56, 0 }, { 39, 0x80 } };

	for (size_t i = 0; i < sizeof(change) / sizeof(*change); i++) {
		uint8_t *image = make(true);
		struct elf e;

		image[change[i].at] = change[i].value;
		cr_assert_not_null(elf_open(&e, image, SIZE), "byte %zu", change[i].at);
		free(image);
	}
}

Test(elf, cut_anywhere_is_safe)
{
	uint8_t *image = make(true);

	for (size_t size = 0; size < SIZE; size++) {
		uint8_t *cut = malloc(size ? size : 1);

		memcpy(cut, image, size);
		read_everything(cut, size);
		free(cut);
	}
	free(image);
}

Test(elf, random_damage_is_safe)
{
	static const uint8_t nasty[] = { 0, 1, 0x7f, 0x80, 0xff, 0xfe, 4, 8 };

	srand(7);
	for (int round = 0; round < 20000; round++) {
		uint8_t *image = make(round & 1);
		int changes = 1 + rand() % 12;

		while (changes--) {
			size_t at = (size_t)rand() % (rand() & 1 ? 176 : 768);

			image[at] = rand() & 1 ? nasty[rand() % 8] : (uint8_t)rand();
		}
		read_everything(image, SIZE);
		free(image);
	}
}
