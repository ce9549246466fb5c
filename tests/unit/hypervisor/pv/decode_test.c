/* The decoder of trapping instructions: lengths and operands, and never a byte beyond what it is given. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "pv/decode.h"

struct encoding {
	const char *name;
	uint8_t code[15];
	unsigned int length;
	enum decode_op op;
	unsigned int bytes, reg;
	bool is_imm, high_byte;
	uint64_t imm;
};

static const struct encoding table[] = {
	{ "mov %rax,(%rdi)", { 0x48, 0x89, 0x07 }, 3, DECODE_MOV, 8, 0, false, false, 0 },
	{ "mov %r9d,8(%rsp)", { 0x44, 0x89, 0x4c, 0x24, 0x08 }, 5, DECODE_MOV, 4, 9, false, false, 0 },
	{ "mov %ah,(%rdi)", { 0x88, 0x27 }, 2, DECODE_MOV, 1, 0, false, true, 0 },
	{ "mov %spl,(%rdi)", { 0x40, 0x88, 0x27 }, 3, DECODE_MOV, 1, 4, false, false, 0 },
	{ "REX.W beats 66", { 0x66, 0x48, 0x89, 0x07 }, 4, DECODE_MOV, 8, 0, false, false, 0 },
	{ "mov %ax,(%rdi)", { 0x66, 0x89, 0x07 }, 3, DECODE_MOV, 2, 0, false, false, 0 },
	{ "movq $-1,0(%rip)",
	  { 0x48, 0xc7, 0x05, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff },
	  11,
	  DECODE_MOV,
	  8,
	  0,
	  true,
	  false,
	  ~0ULL },
	{ "movw $0x1234,(%rdi)",
	  { 0x66, 0xc7, 0x07, 0x34, 0x12 },
	  5,
	  DECODE_MOV,
	  2,
	  0,
	  true,
	  false,
	  0x1234 },
	{ "movq $0,disp32(,%rax,8)",
	  { 0x48, 0xc7, 0x04, 0xc5, 1, 2, 3, 4, 0, 0, 0, 0 },
	  12,
	  DECODE_MOV,
	  8,
	  0,
	  true,
	  false,
	  0 },
	{ "xchg %rcx,(%rdi)", { 0x48, 0x87, 0x0f }, 3, DECODE_XCHG, 8, 1, false, false, 0 },
	{ "lock cmpxchg %rdx,(%rdi)",
	  { 0xf0, 0x48, 0x0f, 0xb1, 0x17 },
	  5,
	  DECODE_CMPXCHG,
	  8,
	  2,
	  false,
	  false,
	  0 },
	{ "lock xadd %r8,(%rdi)",
	  { 0xf0, 0x4c, 0x0f, 0xc1, 0x07 },
	  5,
	  DECODE_XADD,
	  8,
	  8,
	  false,
	  false,
	  0 },
	{ "lock andq $-3,(%rdi)",
	  { 0xf0, 0x48, 0x83, 0x27, 0xfd },
	  5,
	  DECODE_AND,
	  8,
	  4,
	  true,
	  false,
	  ~2ULL },
	{ "orl $0x80000000,(%rdi)",
	  { 0x81, 0x0f, 0, 0, 0, 0x80 },
	  6,
	  DECODE_OR,
	  4,
	  1,
	  true,
	  false,
	  0xffffffff80000000ULL },
	{ "lock btrl $1,(%rdi)",
	  { 0xf0, 0x0f, 0xba, 0x37, 0x01 },
	  5,
	  DECODE_BTR,
	  4,
	  6,
	  true,
	  false,
	  1 },
	{ "lock btsq %rax,(%rdi)",
	  { 0xf0, 0x48, 0x0f, 0xab, 0x07 },
	  5,
	  DECODE_BTS,
	  8,
	  0,
	  false,
	  false,
	  0 },
	{ "rep stosq", { 0xf3, 0x48, 0xab }, 3, DECODE_STOS, 8, 0, false, false, 0 },
	{ "wrmsr", { 0x0f, 0x30 }, 2, DECODE_WRMSR, 4, 0, false, false, 0 },
	{ "mov %cr0,%rbx", { 0x0f, 0x20, 0xc3 }, 3, DECODE_MOV_FROM_CR, 8, 3, false, false, 0 },
	{ "mov %r12,%cr3", { 0x41, 0x0f, 0x22, 0xdc }, 4, DECODE_MOV_TO_CR, 8, 12, false, false, 0 },
	{ "in $0x71,%al", { 0xe4, 0x71 }, 2, DECODE_IN, 1, 0, false, false, 0x71 },
	{ "out %ax,%dx", { 0x66, 0xef }, 2, DECODE_OUT, 2, 0, false, false, 0 },
	{ "xsetbv", { 0x0f, 0x01, 0xd1 }, 3, DECODE_XSETBV, 4, 0, false, false, 0 },
	/* Those that read, or need the carry, are not for emulation. */
	{ "cmpb $0,(%rdi)", { 0x80, 0x3f, 0 }, 3, DECODE_UNKNOWN, 1, 7, true, false, 0 },
	{ "adc %eax,(%rdi)", { 0x11, 0x07 }, 1, DECODE_UNKNOWN, 4, 0, false, false, 0 },
	{ "btq $1,(%rdi)", { 0x48, 0x0f, 0xba, 0x27, 1 }, 5, DECODE_UNKNOWN, 8, 4, true, false, 1 },
	{ "a legacy prefix after REX",
	  { 0x48, 0x66, 0x89, 0x07 },
	  2,
	  DECODE_UNKNOWN,
	  8,
	  0,
	  false,
	  false,
	  0 },
};

Test(decode, encodings)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct encoding *e = &table[i];
		struct decoded d;

		decode(&d, e->code, sizeof(e->code), true);
		cr_expect_eq(d.op, e->op, "%s: op %d", e->name, d.op);
		cr_expect_eq(d.length, e->length, "%s: length %u", e->name, d.length);
		cr_expect_eq(d.bytes, e->bytes, "%s: bytes %u", e->name, d.bytes);
		cr_expect_eq(d.reg, e->reg, "%s: register %u", e->name, d.reg);
		cr_expect_eq(d.operand_is_imm, e->is_imm, "%s: immediate or not", e->name);
		cr_expect_eq(d.high_byte, e->high_byte, "%s: high byte or not", e->name);
		cr_expect_eq(d.imm, e->imm, "%s: immediate %lx", e->name, (unsigned long)d.imm);
	}
}

/* Cut anywhere before its end, an instruction is unknown. */
Test(decode, truncated)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		for (unsigned int n = 0; n < table[i].length; n++) {
			uint8_t *code = malloc(
				n + 1); /* one byte at the front, so that the end is the end */
			struct decoded d;

			memcpy(code + 1, table[i].code, n);
			decode(&d, code + 1, n, true);
			cr_expect_eq(d.op, DECODE_UNKNOWN, "%s cut to %u", table[i].name, n);
			cr_expect_leq(d.length, n);
			free(code);
		}
	}
}

/* Random bytes in a buffer of exactly their size: the address sanitizer sees any read beyond. */
Test(decode, random_bytes)
{
	uint64_t seed = 88172645463325252ULL;

	for (unsigned int i = 0; i < 200000; i++) {
		unsigned int n = i % 16;
		uint8_t *code = malloc(n + 1);
		struct decoded d;

		for (unsigned int k = 0; k <= n; k++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			code[k] = (uint8_t)(seed >> 24);
		}
		decode(&d, code + 1, n, i & 16);
		cr_assert_leq(d.length, n);
		cr_assert(d.bytes == 1 || d.bytes == 2 || d.bytes == 4 || d.bytes == 8);
		cr_assert_lt(d.reg, 16);
		free(code);
	}
}

/* The parts of an operand's address: base, index and scale, displacement, segment. */
static const struct {
	const char *name;
	uint8_t code[15];
	unsigned int base, index, scale, segment;
	bool rip_relative;
	int64_t displacement;
} operands[] = {
	{ "(%rdi)", { 0x48, 0x89, 0x07 }, 7, DECODE_NO_REG, 0, 0, false, 0 },
	{ "-8(%r13)", { 0x49, 0x89, 0x45, 0xf8 }, 13, DECODE_NO_REG, 0, 0, false, -8 },
	{ "8(%rsp)", { 0x44, 0x89, 0x4c, 0x24, 0x08 }, 4, DECODE_NO_REG, 0, 0, false, 8 },
	{ "(%rax,%r12,4)", { 0x4a, 0x89, 0x0c, 0xa0 }, 0, 12, 2, 0, false, 0 },
	{ "0x1000(%r8,%rcx)", { 0x49, 0x89, 0x84, 0x08, 0, 0x10, 0, 0 }, 8, 1, 0, 0, false, 0x1000 },
	{ "disp32(,%rax,8)",
	  { 0x48, 0x89, 0x0c, 0xc5, 0, 0, 0, 0x80 },
	  DECODE_NO_REG,
	  0,
	  3,
	  0,
	  false,
	  INT32_MIN },
	{ "0x10(%rip)",
	  { 0x48, 0x89, 0x05, 0x10, 0, 0, 0 },
	  DECODE_NO_REG,
	  DECODE_NO_REG,
	  0,
	  0,
	  true,
	  0x10 },
	{ "%gs:(%rdx)", { 0x65, 0x48, 0x89, 0x0a }, 2, DECODE_NO_REG, 0, 0x65, false, 0 },
	{ "lock %fs:(%rbx)", { 0x64, 0xf0, 0x48, 0x87, 0x0b }, 3, DECODE_NO_REG, 0, 0x64, false, 0 },
};

Test(decode, parts_of_an_address)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(operands); i++) {
		struct decoded d;

		decode(&d, operands[i].code, 15, true);
		cr_expect(d.memory, "%s", operands[i].name);
		cr_expect_eq(d.base, operands[i].base, "%s: base %u", operands[i].name, d.base);
		cr_expect_eq(d.index, operands[i].index, "%s: index %u", operands[i].name, d.index);
		cr_expect_eq(d.scale, operands[i].scale, "%s: scale %u", operands[i].name, d.scale);
		cr_expect_eq(d.segment, operands[i].segment, "%s: segment", operands[i].name);
		cr_expect_eq(d.rip_relative, operands[i].rip_relative, "%s: RIP", operands[i].name);
		cr_expect_eq(d.displacement, operands[i].displacement, "%s", operands[i].name);
	}
}
