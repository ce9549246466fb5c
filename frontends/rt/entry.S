/*
 * Where the hypervisor enters the guest: exceptions, events, system calls.  It has
 * pushed RCX and R11 above an ordinary interrupt frame, with an error code between
 * for the vectors that have one.  The way back is the iret hypercall.
 */
#include <xen/xen.h>

	.text

	.macro trap vector, has_error=0
trap_\vector:
	pop	%rcx
	pop	%r11
	.if \has_error == 0
	push	$0
	.endif
	push	$\vector
	jmp	trap_common
	.endm

	trap 0
	trap 1
	trap 2
	trap 3
	trap 4
	trap 5
	trap 6
	trap 7
	trap 8, 1
	trap 9
	trap 10, 1
	trap 11, 1
	trap 12, 1
	trap 13, 1
	trap 14, 1
	trap 15
	trap 16
	trap 17, 1
	trap 18
	trap 19
	trap 0x80

	/* Not traps, but they arrive the same way; numbers past the table's end. */
	.globl event_entry, failsafe_entry, syscall_entry
event_entry:
	pop	%rcx
	pop	%r11
	push	$0
	push	$0x100
	jmp	trap_common
failsafe_entry:
	/* Four bad selectors above the frame: DS ES FS GS. */
	pop	%rcx
	pop	%r11
	pop	failsafe_selectors
	pop	failsafe_selectors + 8
	pop	failsafe_selectors + 16
	pop	failsafe_selectors + 24
	push	$0
	push	$0x101
	jmp	trap_common
syscall_entry:
	pop	%rcx
	pop	%r11
	push	$0
	push	$0x102

trap_common:
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
	cld
	mov	%rsp, %rdi
	mov	%rsp, %rbp
	and	$-16, %rsp
	call	trap_dispatch
	mov	%rbp, %rsp
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
	/* Vector and error code make room for the head of struct iret_context: rax r11 rcx flags. */
	add	$16, %rsp
	push	$0
	push	%rcx
	push	%r11
	push	%rax
	mov	$__HYPERVISOR_iret, %eax
	syscall
	ud2

	/* int rt_setjmp(struct jump *): 0, or the value that rt_longjmp brought. */
	.globl rt_setjmp, rt_longjmp
rt_setjmp:
	mov	%rbx, 0(%rdi)
	mov	%rbp, 8(%rdi)
	mov	%r12, 16(%rdi)
	mov	%r13, 24(%rdi)
	mov	%r14, 32(%rdi)
	mov	%r15, 40(%rdi)
	lea	8(%rsp), %rax
	mov	%rax, 48(%rdi)
	mov	(%rsp), %rax
	mov	%rax, 56(%rdi)
	xor	%eax, %eax
	ret
rt_longjmp:
	mov	%esi, %eax
	mov	0(%rdi), %rbx
	mov	8(%rdi), %rbp
	mov	16(%rdi), %r12
	mov	24(%rdi), %r13
	mov	32(%rdi), %r14
	mov	40(%rdi), %r15
	mov	48(%rdi), %rsp
	jmp	*56(%rdi)

	/* A second vCPU starts here, on the stack it was given; RDI is its argument. */
	.globl second_entry
second_entry:
	cld
	xor	%ebp, %ebp
	call	second_main
	ud2

	.section .rodata
	.balign 8
	.globl trap_stubs
trap_stubs:
	.quad trap_0, trap_1, trap_2, trap_3, trap_4, trap_5, trap_6, trap_7, trap_8, trap_9
	.quad trap_10, trap_11, trap_12, trap_13, trap_14, trap_15, trap_16, trap_17, trap_18, trap_19
	.globl trap_stub_80
trap_stub_80:
	.quad trap_0x80

	.bss
	.balign 8
	.globl failsafe_selectors
failsafe_selectors:
	.skip	32
