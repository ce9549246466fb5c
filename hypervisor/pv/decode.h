/*
 * A small decoder for the instructions that trap: pure, so that it can be fuzzed on the
 * host.  It says what the instruction does; where is known from CR2 or not needed, but for an operand that may have
 * begun on the page before: its address can be worked out from the parts given here.
 */
#ifndef PAVANE_PV_DECODE_H
#define PAVANE_PV_DECODE_H

#include "lib/types.h"

enum decode_op {
	DECODE_UNKNOWN,
	/* writes to memory: new = f(old, operand) */
	DECODE_MOV,
	DECODE_XCHG,
	DECODE_CMPXCHG,
	DECODE_ADD,
	DECODE_OR,
	DECODE_AND,
	DECODE_SUB,
	DECODE_XOR,
	DECODE_BTS,
	DECODE_BTR,
	DECODE_BTC,
	DECODE_STOS,
	DECODE_XADD,
	/* privileged */
	DECODE_RDMSR,
	DECODE_WRMSR,
	DECODE_CPUID,
	DECODE_IN,
	DECODE_OUT,
	DECODE_INS,
	DECODE_OUTS,
	DECODE_CLI,
	DECODE_STI,
	DECODE_HLT,
	DECODE_CLTS,
	DECODE_MOV_FROM_CR,
	DECODE_MOV_TO_CR,
	DECODE_MOV_FROM_DR,
	DECODE_MOV_TO_DR,
	DECODE_WBINVD,
	DECODE_XSETBV,
	DECODE_RDTSC,
	DECODE_RDTSCP,
};

struct decoded {
	enum decode_op op;
	unsigned int length; /* bytes of the instruction */
	unsigned int bytes;  /* operand size */
	bool operand_is_imm, rep, address32;
	unsigned int reg;     /* operand or CR/DR number's GPR partner: 0..15 in encoding order */
	unsigned int control; /* CR or DR number */
	bool high_byte;	      /* AH..BH */
	uint64_t imm;	      /* immediate, or the port of IN/OUT imm8 */
	bool port_in_dx;
	bool memory; /* the ModRM operand is memory: */
	uint8_t base, index,
		scale; /* registers in encoding order, or DECODE_NO_REG; shift of the index */
	bool rip_relative;
	uint8_t segment; /* the prefix: 0x64 FS, 0x65 GS, others have base 0 */
	int64_t displacement;
};
#define DECODE_NO_REG 0xff

/* code: n bytes at RIP, fewer than 15 if the next page cannot be read. */
void decode(struct decoded *d, const uint8_t *code, unsigned int n, bool code64);

#endif
