/*
 * The first instructions of a mini-guest, and the ELF notes by which a domain builder
 * knows where to put it and how to start it.  Next: setup.c.
 */
#include <xen/elfnote.h>

	.macro note_text type, text
	.section .note.Xen, "a", @note
	.balign 4
	.long 4, 2f - 1f, \type
	.asciz "Xen"
1:	.asciz "\text"
2:	.balign 4
	.endm

	.macro note_number type, value
	.section .note.Xen, "a", @note
	.balign 4
	.long 4, 8, \type
	.asciz "Xen"
	.quad \value
	.endm

	note_text XEN_ELFNOTE_GUEST_OS, "pavane-rt"
	note_text XEN_ELFNOTE_GUEST_VERSION, "1"
	note_text XEN_ELFNOTE_XEN_VERSION, "xen-3.0"
	note_text XEN_ELFNOTE_LOADER, "generic"
	note_text XEN_ELFNOTE_FEATURES, "!writable_page_tables|pae_pgdir_above_4gb"
	note_text XEN_ELFNOTE_PAE_MODE, "yes"
	note_number XEN_ELFNOTE_VIRT_BASE, virt_base
	note_number XEN_ELFNOTE_PADDR_OFFSET, 0
	note_number XEN_ELFNOTE_ENTRY, rt_entry
	note_number XEN_ELFNOTE_HYPERCALL_PAGE, hypercall_page
	note_number XEN_ELFNOTE_INIT_P2M, 0x8000000000
	note_number XEN_ELFNOTE_HV_START_LOW, 0xffff800000000000
	/* writable_page_tables, dom0 */
	note_number XEN_ELFNOTE_SUPPORTED_FEATURES, 0x801

	.section .text.start, "ax", @progbits
	.globl rt_entry
rt_entry:
	cld
	/* The builder's stack is one page; RSI is the start_info page. */
	mov	$stack_top, %rsp
	xor	%ebp, %ebp
	mov	%rsi, %rdi
	call	rt_main
	ud2

	/* Filled by the builder with one stub of 32 bytes per hypercall; used only by the test that compares both ways. */
	.balign 4096
	.globl hypercall_page
hypercall_page:
	.skip	4096, 0xcc

	.bss
	.balign 4096
	.globl stack_bottom, stack_top
stack_bottom:
	.skip	65536
stack_top:
