/* See decode.h.  Prefixes, opcode, ModRM and its displacement, immediate: in that order. */
#include "pv/decode.h"

struct cursor {
	const uint8_t *p;
	unsigned int n, at;
	bool short_read;
};

static uint8_t next(struct cursor *c)
{
	if (c->at >= c->n) {
		c->short_read = true;
		return 0;
	}
	return c->p[c->at++];
}

static uint64_t next_imm(struct cursor *c, unsigned int bytes)
{
	uint64_t v = 0;

	for (unsigned int i = 0; i < bytes; i++) {
		v |= (uint64_t)next(c) << (8 * i);
	}
	return v;
}

static uint64_t sign_extend(uint64_t v, unsigned int bytes)
{
	unsigned int shift = 64 - 8 * bytes;

	return (uint64_t)((int64_t)(v << shift) >> shift);
}

struct prefixes {
	uint8_t rex, segment;
	bool size16, addr32, rep;
};

static uint8_t read_prefixes(struct cursor *c, struct prefixes *p, bool code64)
{
	for (;;) {
		uint8_t b = next(c);

		if (c->short_read) {
			return 0;
		}
		if (code64 && (b & 0xf0) == 0x40) {
			p->rex = b;
			return next(c); /* REX comes last */
		}
		switch (b) {
		case 0x66:
			p->size16 = true;
			break;
		case 0x67:
			p->addr32 = true;
			break;
		case 0xf2:
		case 0xf3:
			p->rep = true;
			break;
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
		case 0x64:
		case 0x65:
			p->segment = b;
			break;
		case 0xf0:
			break;
		default:
			return b;
		}
	}
}

/* Reads SIB and displacement: the parts of the operand's address. */
static void read_address(struct cursor *c, struct decoded *d, const struct prefixes *p, uint8_t mod,
			 uint8_t rm)
{
	uint8_t base = rm;

	d->index = DECODE_NO_REG;
	if (rm == 4) {
		uint8_t sib = next(c), index = ((sib >> 3) & 7) | ((p->rex & 2) << 2);

		base = sib & 7;
		d->scale = sib >> 6;
		d->index = index == 4 ? DECODE_NO_REG : index;
	}
	d->base = base | ((p->rex & 1) << 3);
	if (mod == 1) {
		d->displacement = (int8_t)next(c);
	} else if (mod == 2 || (mod == 0 && base == 5)) {
		d->displacement = (int32_t)next_imm(c, 4);
		if (mod == 0) {
			d->base = DECODE_NO_REG;
			d->rip_relative = rm == 5;
		}
	}
}

/* Reads ModRM, SIB and displacement; fills reg and memory; returns the ModRM byte. */
static uint8_t read_modrm(struct cursor *c, struct decoded *d, const struct prefixes *p)
{
	uint8_t m = next(c), mod = m >> 6, rm = m & 7;

	d->reg = ((m >> 3) & 7) | ((p->rex & 4) << 1);
	d->memory = mod != 3;
	if (d->memory) {
		read_address(c, d, p, mod, rm);
	}
	return m;
}

static void imm_operand(struct decoded *d, struct cursor *c, unsigned int bytes)
{
	d->operand_is_imm = true;
	d->imm = sign_extend(next_imm(c, bytes), bytes);
}

static void byte_register(struct decoded *d, const struct prefixes *p)
{
	if (d->bytes == 1 && !p->rex && d->reg >= 4) {
		d->reg -= 4;
		d->high_byte = true;
	}
}

static const enum decode_op alu[8] = {
	DECODE_ADD, DECODE_OR,	DECODE_UNKNOWN, DECODE_UNKNOWN,
	DECODE_AND, DECODE_SUB, DECODE_XOR,	DECODE_UNKNOWN,
};

/* Opcodes come in pairs: an even one works on bytes. */
static void pair_of(struct decoded *d, uint8_t op)
{
	if (!(op & 1)) {
		d->bytes = 1;
	}
}

static void decode_control(struct decoded *d, struct cursor *c, const struct prefixes *p,
			   uint8_t op, bool code64)
{
	static const enum decode_op moves[4] = { DECODE_MOV_FROM_CR, DECODE_MOV_FROM_DR,
						 DECODE_MOV_TO_CR, DECODE_MOV_TO_DR };
	uint8_t m = next(c);

	d->control = ((m >> 3) & 7) | ((p->rex & 4) << 1);
	d->reg = (m & 7) | ((p->rex & 1) << 3);
	d->bytes = code64 ? 8 : 4;
	d->op = moves[op & 3];
}

static void decode_0f(struct decoded *d, struct cursor *c, const struct prefixes *p, bool code64)
{
	static const enum decode_op bits[8] = { [5] = DECODE_BTS, DECODE_BTR, DECODE_BTC };
	static const enum decode_op alone[] = {
		[0x06] = DECODE_CLTS,  [0x08] = DECODE_WBINVD, [0x09] = DECODE_WBINVD,
		[0x30] = DECODE_WRMSR, [0x31] = DECODE_RDTSC,  [0x32] = DECODE_RDMSR,
		[0xa2] = DECODE_CPUID,
	};
	uint8_t op = next(c), m;

	switch (op) {
	case 0x01:
		m = next(c);
		d->op = m == 0xd1 ? DECODE_XSETBV : m == 0xf9 ? DECODE_RDTSCP : DECODE_UNKNOWN;
		return;
	case 0x20 ... 0x23:
		decode_control(d, c, p, op, code64);
		return;
	case 0xab:
	case 0xb3:
	case 0xbb:
		read_modrm(c, d, p);
		d->op = bits[(op >> 3) & 7];
		return;
	case 0xba:
		m = read_modrm(c, d, p);
		d->op = bits[(m >> 3) & 7];
		d->operand_is_imm = true;
		d->imm = next(c);
		return;
	case 0xb0 ... 0xb1:
	case 0xc0 ... 0xc1:
		pair_of(d, op);
		read_modrm(c, d, p);
		byte_register(d, p);
		d->op = op < 0xc0 ? DECODE_CMPXCHG : DECODE_XADD;
		return;
	case 0xc3: /* movnti */
		read_modrm(c, d, p);
		d->op = DECODE_MOV;
		return;
	default:
		d->op = op < ARRAY_SIZE(alone) ? alone[op] : DECODE_UNKNOWN;
		return;
	}
}

/* Moves between ports and registers or memory. */
static void decode_io(struct decoded *d, struct cursor *c, uint8_t op)
{
	bool out = op & 2;

	d->bytes = op & 1 ? MIN(d->bytes, 4u) : 1;
	if (op < 0x70) {
		d->op = out ? DECODE_OUTS : DECODE_INS;
		return;
	}
	d->op = out ? DECODE_OUT : DECODE_IN;
	if (op < 0xe8) {
		d->imm = next(c);
	} else {
		d->port_in_dx = true;
	}
}

/* Those that work on memory or a register. */
static void decode_operands(struct decoded *d, struct cursor *c, const struct prefixes *p,
			    uint8_t op)
{
	uint8_t m;

	switch (op) {
	case 0x80:
	case 0x81:
	case 0x83:
		pair_of(d, op);
		m = read_modrm(c, d, p);
		d->op = alu[(m >> 3) & 7];
		imm_operand(d, c, op == 0x81 ? MIN(d->bytes, 4u) : 1);
		return;
	case 0x86 ... 0x89:
		pair_of(d, op);
		read_modrm(c, d, p);
		byte_register(d, p);
		d->op = op < 0x88 ? DECODE_XCHG : DECODE_MOV;
		return;
	case 0xaa ... 0xab:
		pair_of(d, op);
		d->op = DECODE_STOS;
		d->memory = true;
		return;
	case 0xc6 ... 0xc7:
		pair_of(d, op);
		read_modrm(c, d, p);
		d->op = DECODE_MOV;
		imm_operand(d, c, MIN(d->bytes, 4u));
		return;
	default:
		/* op r/m, r of the eight arithmetic groups */
		if (op < 0x40 && (op & 6) == 0 && alu[op >> 3] != DECODE_UNKNOWN) {
			pair_of(d, op);
			read_modrm(c, d, p);
			byte_register(d, p);
			d->op = alu[op >> 3];
		}
		return;
	}
}

static void decode_one(struct decoded *d, struct cursor *c, const struct prefixes *p, uint8_t op,
		       bool code64)
{
	switch (op) {
	case 0x0f:
		decode_0f(d, c, p, code64);
		return;
	case 0x6c ... 0x6f:
	case 0xe4 ... 0xe7:
	case 0xec ... 0xef:
		decode_io(d, c, op);
		return;
	case 0xf4:
		d->op = DECODE_HLT;
		return;
	case 0xfa:
		d->op = DECODE_CLI;
		return;
	case 0xfb:
		d->op = DECODE_STI;
		return;
	default:
		decode_operands(d, c, p, op);
		return;
	}
}

void decode(struct decoded *d, const uint8_t *code, unsigned int n, bool code64)
{
	struct cursor c = { code, n, 0, false };
	struct prefixes p = { 0 };
	uint8_t op;

	*d = (struct decoded){ .op = DECODE_UNKNOWN };
	op = read_prefixes(&c, &p, code64);
	d->bytes = p.rex & 8 ? 8 : p.size16 ? 2 : 4;
	d->rep = p.rep;
	d->segment = p.segment;
	d->address32 = p.addr32;
	decode_one(d, &c, &p, op, code64);
	d->length = c.at;
	if (c.short_read) {
		d->op = DECODE_UNKNOWN;
	}
}
