/*
 * From the boot loader to C.  Multiboot 1 (QEMU -kernel, GRUB) and Multiboot 2
 * enter here in 32-bit protected mode without paging.  We build tables that map the first
 * 4 GiB three times (one to one, as direct map, and the first GiB as image), enter long
 * mode, and call boot_main(magic, info).  paging.c replaces the tables at once.
 */
#include "x86/pte_asm.h"

#define PHYS(x) ((x) - IMAGE_BASE)
#define MB1_MAGIC 0x1BADB002
#define MB1_FLAGS 0x00010003	/* page-aligned modules, memory map, addresses below */
#define MB2_MAGIC 0xE85250D6

	.section .boot.header, "ax"
	.balign 8
mb1:
	.long MB1_MAGIC, MB1_FLAGS, -(MB1_MAGIC + MB1_FLAGS)
	.long PHYS(mb1), PHYS(image_start), PHYS(data_end), PHYS(image_end), PHYS(boot_entry)
	.balign 8
mb2:
	.long MB2_MAGIC, 0, mb2_end - mb2, -(MB2_MAGIC + (mb2_end - mb2))
	.short 2, 0	/* addresses */
	.long 24, PHYS(mb2), PHYS(image_start), PHYS(data_end), PHYS(image_end)
	.short 3, 0	/* entry */
	.long 12, PHYS(boot_entry)
	.balign 8
	.short 6, 0	/* page-aligned modules */
	.long 8
	.short 0, 0
	.long 8
mb2_end:

	.section .boot.text, "ax"
	.code32
	.globl boot_entry
boot_entry:
	cli
	cld
	mov	%eax, %esi		/* magic */
	mov	%ebx, %ebp		/* info */
	mov	$PHYS(boot_stack_top), %esp

	/* No long mode: say so on the serial line and stop. */
	mov	$0x80000000, %eax
	cpuid
	cmp	$0x80000001, %eax
	jb	no_long_mode
	mov	$0x80000001, %eax
	cpuid
	bt	$29, %edx
	jnc	no_long_mode
	bt	$20, %edx		/* NX is required */
	jnc	no_long_mode

	/* Four L2 tables of 2 MiB pages: the first 4 GiB. */
	mov	$PHYS(boot_l2), %edi
	mov	$(0x80 | 0x3), %eax
	mov	$2048, %ecx
	xor	%edx, %edx
1:	mov	%eax, (%edi)
	movl	$0, 4(%edi)
	add	$0x200000, %eax
	add	$8, %edi
	dec	%ecx
	jnz	1b

	mov	$PHYS(boot_l3), %edi	/* one to one and direct map */
	mov	$(PHYS(boot_l2) + 3), %eax
	mov	$4, %ecx
2:	mov	%eax, (%edi)
	add	$0x1000, %eax
	add	$8, %edi
	dec	%ecx
	jnz	2b
	movl	$(PHYS(boot_l2) + 3), PHYS(boot_l3_image + 320 * 8)

	movl	$(PHYS(boot_l3) + 3), PHYS(boot_l4)
	movl	$(PHYS(boot_l3) + 3), PHYS(boot_l4 + 262 * 8)
	movl	$(PHYS(boot_l3_image) + 3), PHYS(boot_l4 + 261 * 8)

	mov	$0x000006b0, %eax	/* CR4: PSE, PAE, PGE, OSFXSR, OSXMMEXCPT */
	mov	%eax, %cr4
	mov	$PHYS(boot_l4), %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx	/* EFER: LME, NXE, SCE */
	rdmsr
	or	$0x901, %eax
	wrmsr
	mov	$0x80050033, %eax	/* CR0: PG, AM, WP, NE, ET, MP, PE */
	mov	%eax, %cr0
	lgdt	PHYS(boot_gdtr)
	ljmp	$0x08, $PHYS(long_mode)

no_long_mode:
	mov	$PHYS(no_long_text), %esi
3:	lodsb
	test	%al, %al
	jz	5f
	mov	%al, %bl
	mov	$0x3fd, %dx
4:	in	%dx, %al
	test	$0x20, %al
	jz	4b
	mov	$0x3f8, %dx
	mov	%bl, %al
	out	%al, %dx
	jmp	3b
5:	hlt
	jmp	5b
no_long_text:
	.asciz "Pavane needs a 64-bit processor with NX.\r\n"

	.code64
long_mode:
	movabs	$high, %rax
	jmp	*%rax
high:
	xor	%eax, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %fs
	mov	%eax, %gs
	mov	$0x10, %eax
	mov	%eax, %ss
	lea	boot_stack_info(%rip), %rsp
	mov	%esi, %edi
	mov	%ebp, %esi
	xor	%ebp, %ebp		/* end of call chains */
	call	boot_main
	ud2

	.balign 8
boot_gdt:
	.quad 0, 0x00af9a000000ffff, 0x00cf92000000ffff
boot_gdtr:
	.short boot_gdtr - boot_gdt - 1
	.long PHYS(boot_gdt)

	.section .bss.page_aligned, "aw", @nobits
	.balign 4096
boot_l4:	.skip 4096
boot_l3:	.skip 4096
boot_l3_image:	.skip 4096
boot_l2:	.skip 4096 * 4
	/* The boot CPU's stack, with its struct cpu_info at the very top. */
	.balign STACK_SIZE
	.globl boot_stack
boot_stack:
	.skip STACK_SIZE - CPU_INFO_SIZE
boot_stack_info:
	.skip CPU_INFO_SIZE
boot_stack_top:
