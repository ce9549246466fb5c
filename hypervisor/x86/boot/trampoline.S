/*
 * How an application processor wakes: in real mode, at a page below 1 MiB into
 * which smp.c has copied this code.  It enables paging with the hypervisor's own tables and long mode
 * in one step, takes the stack it was given and calls C.  The code never runs where it is linked.
 */
#define TRAMPOLINE 0x8000	/* as in smp.c */
#define AT(label) (TRAMPOLINE + (label) - trampoline_start)

	.section .rodata.trampoline, "a"
	.balign 16
	.globl trampoline_start, trampoline_end, trampoline_data
	.code16
trampoline_start:
	cli
	cld
	xor	%ax, %ax
	mov	%ax, %ds
	movl	$1, AT(started)
	lgdtl	AT(gdtr)
	mov	%cr0, %eax
	or	$1, %eax
	mov	%eax, %cr0
	ljmpl	$0x18, $AT(protected)

	.code32
protected:
	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$0x000006b0, %eax	/* CR4: PSE, PAE, PGE, OSFXSR, OSXMMEXCPT */
	mov	%eax, %cr4
	mov	AT(cr3), %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx	/* EFER: LME, NXE, SCE; the tables have NX bits, so before paging */
	rdmsr
	or	$0x901, %eax
	wrmsr
	mov	$0x80050033, %eax	/* CR0: PG, AM, WP, NE, ET, MP, PE */
	mov	%eax, %cr0
	ljmp	$0x08, $AT(long_mode)

	.code64
long_mode:
	xor	%eax, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %fs
	mov	%eax, %gs
	mov	%eax, %ss
	mov	AT(stack), %rsp
	mov	AT(cpu), %edi
	xor	%ebp, %ebp
	mov	AT(entry), %rax
	call	*%rax
	ud2

	.balign 8
gdt:
	.quad 0
	.quad 0x00af9a000000ffff	/* 08: 64-bit code */
	.quad 0x00cf92000000ffff	/* 10: data */
	.quad 0x00cf9a000000ffff	/* 18: 32-bit code */
gdtr:
	.short gdtr - gdt - 1
	.long AT(gdt)

	/* struct trampoline_data of smp.c */
	.balign 8
trampoline_data:
cr3:	.quad 0
stack:	.quad 0
entry:	.quad 0
cpu:	.long 0
started: .long 0
trampoline_end:
	.section .note.GNU-stack, "", @progbits
