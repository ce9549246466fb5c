/*
 * Every way into the hypervisor and the one way out.  Entries save the
 * registers as struct regs and call C; the policy is all in C.
 *
 * From a guest the frame lands exactly on cpu_info.regs at the top of the stack,
 * because RSP0 points there and the SYSCALL stubs load the same address.
 */
#include "x86/pte_asm.h"

#define HV_CS64 0xe008
#define REGS_SYSCALL 0x100

	.section .text.entry, "ax"

.macro SAVE_GPRS
	cld
	push	%rdi
	push	%rsi
	push	%rdx
	push	%rcx
	push	%rax
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
.endm

.macro LOAD_GPRS
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rax
	pop	%rcx
	pop	%rdx
	pop	%rsi
	pop	%rdi
.endm

/* 256 stubs of 16 bytes: an error code where the CPU pushes none, then the vector beside it. */
	.balign 16
	.globl vector_stubs
vector_stubs:
	vector = 0
	.rept 256
	.balign 16
	.if (vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17) || (vector == 21) || (vector == 29) || (vector == 30)
	.else
	push	$0
	.endif
	movl	$vector, 4(%rsp)
	.if (vector == 2) || (vector == 8) || (vector == 18)
	jmp	trap_ist
	.elseif vector == 1
	jmp	trap_debug
	.else
	jmp	trap_common
	.endif
	vector = vector + 1
	.endr

	.balign 16
trap_common:
	SAVE_GPRS
	mov	%rsp, %rdi
	testb	$3, REGS_CS(%rsp)
	jz	1f
	xor	%ebp, %ebp
	call	trap_from_guest
	jmp	exit_to_guest
	/* NMI, double fault and machine check: on a stack of their own, back to where they came from. */
trap_ist:
	SAVE_GPRS
	mov	%rsp, %rdi
1:	call	trap_from_hypervisor
	LOAD_GPRS
	add	$8, %rsp
	iretq

/*
 * A debug exception that a guest held back with MOV SS arrives on the first instruction of SYSCALL's
 * stub, in ring 0 and with the guest's RSP: hence a stack of its own.  From ring 3 the frame
 * moves to the usual place, which the exception stacks' cpu_info.scratch names.
 */
	.balign 16
trap_debug:
	SAVE_GPRS
	mov	%rsp, %rdi
	testb	$3, REGS_CS(%rsp)
	jz	1b
	mov	%rsp, %rsi
	mov	%rsp, %rax
	or	$(STACK_SIZE - 1), %rax
	mov	(1 - CPU_INFO_SIZE + INFO_SCRATCH)(%rax), %rdi
	mov	%rdi, %rdx
	mov	$(REGS_SIZE / 8), %ecx
	rep movsq
	mov	%rdx, %rsp
	mov	%rsp, %rdi
	xor	%ebp, %ebp
	call	trap_from_guest
	jmp	exit_to_guest

/*
 * SYSCALL.  The per-CPU stub has put RAX into cpu_info.scratch, the guest's RSP
 * into RAX, and RSP at the end of cpu_info.regs.
 */
	.balign 16
	.globl syscall_entry
syscall_entry:
	push	$0xe02b			/* SS */
	push	%rax			/* RSP */
	push	%r11			/* RFLAGS */
	push	$0xe033			/* CS */
	push	%rcx			/* RIP */
	push	$0
	movl	$REGS_SYSCALL, 4(%rsp)
	mov	(REGS_SIZE - 120 - REGS_SIZE + INFO_SCRATCH)(%rsp), %rax
	SAVE_GPRS
	mov	%rsp, %rdi
	xor	%ebp, %ebp
	call	syscall_from_guest
	/* fall through */

/* Out again: work that is due, an event to deliver, then the guest. */
	.globl exit_to_guest
exit_to_guest:
	mov	%rsp, %rdi
	call	guest_exit		/* returns true if SYSRET may be used */
	test	%al, %al
	jz	2f
	LOAD_GPRS
	mov	8(%rsp), %rcx
	mov	24(%rsp), %r11
	mov	32(%rsp), %rsp
	sysretq
2:	LOAD_GPRS
	add	$8, %rsp
	.globl exit_iretq
exit_iretq:
	iretq

/* SYSCALL from 32-bit code; the same, with the other code selector. */
	.balign 16
	.globl syscall32_entry
syscall32_entry:
	push	$0xe02b
	push	%rax
	push	%r11
	push	$0xe023
	push	%rcx
	push	$0
	movl	$0, 4(%rsp)
	mov	(INFO_SCRATCH - 120)(%rsp), %rax
	SAVE_GPRS
	mov	%rsp, %rdi
	xor	%ebp, %ebp
	call	syscall32_from_guest
	jmp	exit_to_guest

/* SYSENTER: RSP was loaded from the MSR; where it came from, only the guest's callback knows. */
	.balign 16
	.globl sysenter_entry
sysenter_entry:
	push	$0xe02b
	push	$0			/* RSP: unknown */
	pushfq
	push	$2			/* nothing masks these on the way in: NT AC DF are not for us */
	popfq
	orl	$0x200, (%rsp)
	push	$0xe023
	push	$0			/* RIP: unknown */
	push	$0
	movl	$0, 4(%rsp)
	SAVE_GPRS
	mov	%rsp, %rdi
	xor	%ebp, %ebp
	call	sysenter_from_guest
	jmp	exit_to_guest

/* Starts the stack anew and goes on in a function that does not return: (function). */
	.globl stack_restart
stack_restart:
	mov	%rsp, %rax
	or	$(STACK_SIZE - 1), %rax
	lea	(1 - CPU_INFO_SIZE)(%rax), %rsp
	xor	%ebp, %ebp
	jmp	__x86_indirect_thunk_rdi

/* As above, into the current guest. */
	.globl guest_enter
guest_enter:
	mov	%rsp, %rax
	or	$(STACK_SIZE - 1), %rax
	lea	(1 - CPU_INFO_SIZE)(%rax), %rsp
	xor	%ebp, %ebp
	jmp	exit_to_guest

/*
 * size_t copy_bytes(void *to, const void *from, size_t n): what could not be copied.
 * Faults inside are mended through the exception table.
 */
	.balign 16
	.globl copy_bytes
copy_bytes:
	mov	%rdx, %rcx
	cmp	$64, %rdx
	jae	4f
	shr	$3, %rcx
	jz	2f
1:	mov	(%rsi), %rax
10:	mov	%rax, (%rdi)
	add	$8, %rsi
	add	$8, %rdi
	sub	$8, %rdx
	dec	%rcx
	jnz	1b
2:	test	%rdx, %rdx
	jz	3f
20:	movzbl	(%rsi), %eax
21:	mov	%al, (%rdi)
	inc	%rsi
	inc	%rdi
	dec	%rdx
	jnz	20b
3:	xor	%eax, %eax
	ret
4:	shr	$5, %rcx		/* 32 bytes a turn; bytes left in rdx throughout */
40:	mov	(%rsi), %rax
41:	mov	8(%rsi), %r8
42:	mov	16(%rsi), %r9
43:	mov	24(%rsi), %r10
44:	mov	%rax, (%rdi)
45:	mov	%r8, 8(%rdi)
46:	mov	%r9, 16(%rdi)
47:	mov	%r10, 24(%rdi)
	add	$32, %rsi
	add	$32, %rdi
	sub	$32, %rdx
	dec	%rcx
	jnz	40b
	mov	%rdx, %rcx
	shr	$3, %rcx
	jnz	1b
	jmp	2b
copy_fault_bytes:			/* bytes left in rdx */
	mov	%rdx, %rax
	ret
	.section .extable, "a"
	.quad 1b, copy_fault_bytes, 10b, copy_fault_bytes, 20b, copy_fault_bytes, 21b, copy_fault_bytes
	.quad 40b, copy_fault_bytes, 41b, copy_fault_bytes, 42b, copy_fault_bytes, 43b, copy_fault_bytes
	.quad 44b, copy_fault_bytes, 45b, copy_fault_bytes, 46b, copy_fault_bytes, 47b, copy_fault_bytes
	.section .text.entry, "ax"

/* size_t clear_bytes(void *to, size_t n) */
	.globl clear_bytes
clear_bytes:
	mov	%rsi, %rcx
	xor	%eax, %eax
50:	rep stosb
	ret
clear_fault:
	mov	%rcx, %rax
	ret
	.section .extable, "a"
	.quad 50b, clear_fault
	.section .text.entry, "ax"

/* int rdmsr_safe(uint32_t, uint64_t *) and int wrmsr_safe(uint32_t, uint64_t) */
	.globl rdmsr_safe
rdmsr_safe:
	mov	%edi, %ecx
60:	rdmsr
	shl	$32, %rdx
	mov	%eax, %eax
	or	%rdx, %rax
	mov	%rax, (%rsi)
	xor	%eax, %eax
	ret
	.globl wrmsr_safe
wrmsr_safe:
	mov	%edi, %ecx
	mov	%esi, %eax
	mov	%rsi, %rdx
	shr	$32, %rdx
61:	wrmsr
	xor	%eax, %eax
	ret
msr_fault:
	mov	$-1, %eax
	ret
	.section .extable, "a"
	.quad 60b, msr_fault, 61b, msr_fault
	.section .text.entry, "ax"

/* Segment selectors that a guest chose: a bad one becomes null.  (selector) */
.macro LOAD_SELECTOR name, seg
	.globl \name
\name:
70:	mov	%edi, %\seg
	xor	%eax, %eax
	ret
71:	xor	%edi, %edi
	mov	%edi, %\seg
	mov	$-1, %eax
	ret
	.section .extable, "a"
	.quad 70b, 71b
	.section .text.entry, "ax"
.endm
	LOAD_SELECTOR load_ds, ds
	LOAD_SELECTOR load_es, es
	LOAD_SELECTOR load_fs, fs
	LOAD_SELECTOR load_gs, gs
	.globl load_user_gs
load_user_gs:				/* into the inactive GS */
	swapgs
80:	mov	%edi, %gs
	xor	%eax, %eax
	swapgs
	ret
81:	xor	%edi, %edi
	mov	%edi, %gs
	mov	$-1, %eax
	swapgs
	ret
	.section .extable, "a"
	.quad 80b, 81b
	.section .text.entry, "ax"
	.globl xsetbv_safe
xsetbv_safe:				/* (uint64_t) */
	xor	%ecx, %ecx
	mov	%edi, %eax
	mov	%rdi, %rdx
	shr	$32, %rdx
90:	xsetbv
	xor	%eax, %eax
	ret
	.section .extable, "a"
	.quad 90b, msr_fault
	.section .text.entry, "ax"
	.globl xrstor_safe
xrstor_safe:				/* (area, mask) */
	mov	%esi, %eax
	mov	%rsi, %rdx
	shr	$32, %rdx
91:	xrstor64 (%rdi)
	xor	%eax, %eax
	ret
	.section .extable, "a"
	.quad 91b, msr_fault
	.section .text.entry, "ax"
	.globl fxrstor_safe
fxrstor_safe:
92:	fxrstor64 (%rdi)
	xor	%eax, %eax
	ret
	.section .extable, "a"
	.quad 92b, msr_fault
	.section .text.entry, "ax"
	.section .note.GNU-stack, "", @progbits
