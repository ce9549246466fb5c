/*
 * Every indirect call and jump of the C code goes through one of these, by register.  As assembled they
 * are retpolines: what the processor predicts for the return is our own loop, never what a guest has trained it to
 * for that address.  thunk.c replaces them by the plain jump where the processor needs no such help.
 */
	.section .stubs, "ax"	/* writable through the direct map until paging_seal() */
	.balign 512
	.globl thunks
thunks:
.macro THUNK reg
	.balign 32		/* thunk.c counts on it, and on the order: registers by their number */
	.globl __x86_indirect_thunk_\reg
__x86_indirect_thunk_\reg:
	call	2f
1:	pause
	lfence
	jmp	1b
2:	mov	%\reg, (%rsp)
	ret
.endm
.irp reg, rax, rcx, rdx, rbx
	THUNK	\reg
.endr
	.balign 32
	ud2			/* nobody calls through the stack pointer */
.irp reg, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
	THUNK	\reg
.endr
	.balign 32
