/*
 * The image: linked high, loaded at 1 MiB.  Each section begins a page, so that
 * paging.c can give text, constants and data their own rights.
 */
#define IMAGE_BASE 0xffff82d000000000
OUTPUT_FORMAT("elf64-x86-64")
OUTPUT_ARCH(i386:x86-64)
ENTRY(boot_entry_phys)
PHDRS { all PT_LOAD FLAGS(7); }
SECTIONS
{
	. = IMAGE_BASE + 0x100000;
	image_start = .;
	.boot : AT(ADDR(.boot) - IMAGE_BASE) { *(.boot.header) *(.boot.text) } :all
	. = ALIGN(4096);
	text_start = .;
	.text : AT(ADDR(.text) - IMAGE_BASE) { *(.text.entry) *(.text .text.*) } :all
	. = ALIGN(4096);
	stubs_start = .;
	.stubs : AT(ADDR(.stubs) - IMAGE_BASE) { *(.stubs) . = ALIGN(4096); } :all
	text_end = .;
	rodata_start = .;
	.rodata : AT(ADDR(.rodata) - IMAGE_BASE) {
		*(.rodata .rodata.*)
		. = ALIGN(8);
		extable_start = .;
		*(.extable)
		extable_end = .;
		gcov_info_start = .;
		KEEP(*(.gcov_info))
		gcov_info_end = .;
	} :all
	.symbols : AT(ADDR(.symbols) - IMAGE_BASE) { *(.symbols) } :all
	. = ALIGN(4096);
	rodata_end = .;
	.data : AT(ADDR(.data) - IMAGE_BASE) { *(.data .data.*) *(.got .got.plt) . = ALIGN(4096); } :all
	data_end = .;
	.bss (NOLOAD) : AT(ADDR(.bss) - IMAGE_BASE) { *(.bss.page_aligned) *(.bss .bss.*) *(COMMON) . = ALIGN(4096); } :all
	image_end = .;
	boot_entry_phys = boot_entry - IMAGE_BASE;
	/DISCARD/ : { *(.note*) *(.comment) *(.eh_frame*) *(.interp) *(.dynamic) *(.dynsym) *(.dynstr) *(.hash) *(.gnu.hash) }
}
