/*
 * A guest kernel wrote to a page table it may only read.  The write is worked out
 * and done for it, checked like any other entry (writable page tables without the name).
 */
#include "base/log.h"
#include "mm/frame.h"
#include "mm/pagetype.h"
#include "mm/ptwalk.h"
#include "pv/emulate.h"
#include "pv/guest.h"
#include "x86/cpu.h"
#include "x86/pte.h"

#define FLAG_ZF 0x40ULL

static uint64_t low_mask(unsigned int bytes)
{
	return bytes == 8 ? ~0ULL : (1ULL << (8 * bytes)) - 1;
}

/* The operand-sized value an instruction would leave in memory. */
static uint64_t result_of(const struct decoded *d, uint64_t old, uint64_t operand)
{
	uint64_t bit = 1ULL << (operand & (d->bytes * 8 - 1));

	switch (d->op) {
	case DECODE_ADD:
	case DECODE_XADD:
		return old + operand;
	case DECODE_OR:
		return old | operand;
	case DECODE_AND:
		return old & operand;
	case DECODE_SUB:
		return old - operand;
	case DECODE_XOR:
		return old ^ operand;
	case DECODE_BTS:
		return old | bit;
	case DECODE_BTR:
		return old & ~bit;
	case DECODE_BTC:
		return old ^ bit;
	default:
		return operand; /* MOV, XCHG, STOS, CMPXCHG */
	}
}

#define FLAG_CF		 0x1ULL
#define FLAG_PF		 0x4ULL
#define FLAG_AF		 0x10ULL
#define FLAG_SF		 0x80ULL
#define FLAG_OF		 0x800ULL
#define FLAGS_ARITHMETIC (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF)

/* The arithmetic flags of a + b (subtract: a - b) or of a logical result, in an operand's width. */
static uint64_t flags_of(enum decode_op op, uint64_t a, uint64_t b, uint64_t result,
			 unsigned int bytes)
{
	uint64_t mask = low_mask(bytes), sign = 1ULL << (8 * bytes - 1), f;

	a &= mask;
	b &= mask;
	result &= mask;
	f = (result ? 0 : FLAG_ZF) | (result & sign ? FLAG_SF : 0) |
	    (__builtin_parityll(result & 0xff) ? 0 : FLAG_PF);
	if (op == DECODE_ADD || op == DECODE_XADD) {
		f |= (result < a ? FLAG_CF : 0) | (~(a ^ b) & (a ^ result) & sign ? FLAG_OF : 0) |
		     ((a ^ b ^ result) & FLAG_AF);
	} else if (op == DECODE_SUB || op == DECODE_CMPXCHG) {
		f |= (a < b ? FLAG_CF : 0) | ((a ^ b) & (a ^ result) & sign ? FLAG_OF : 0) |
		     ((a ^ b ^ result) & FLAG_AF);
	}
	return f;
}

/* What the instruction does besides: old value in a register, flags. */
static void side_effects(const struct decoded *d, struct regs *r, uint64_t old, uint64_t operand,
			 uint64_t new)
{
	uint64_t *reg = emulate_reg(r, d->reg), mask = low_mask(d->bytes);

	switch (d->op) {
	case DECODE_BTS:
	case DECODE_BTR:
	case DECODE_BTC:
		r->rflags = (r->rflags & ~FLAG_CF) | (old >> (operand & (d->bytes * 8 - 1)) & 1);
		return;
	case DECODE_ADD:
	case DECODE_OR:
	case DECODE_AND:
	case DECODE_SUB:
	case DECODE_XOR:
	case DECODE_XADD:
		r->rflags = (r->rflags & ~FLAGS_ARITHMETIC) |
			    flags_of(d->op, old, operand, new, d->bytes);
		break;
	default:
		break;
	}
	if (d->op == DECODE_XCHG || d->op == DECODE_XADD) {
		*reg = d->bytes == 4 ? old : (*reg & ~mask) | old;
	}
}

/* By how much RIP moves on: not at all within a REP STOS, whose next item faults again. */
static unsigned int advance(const struct decoded *d, struct regs *r)
{
	if (d->op == DECODE_STOS) {
		r->rdi += r->rflags & 0x400 ? -(uint64_t)d->bytes : d->bytes;
		if (d->rep && --r->rcx) {
			return 0;
		}
	}
	return d->length;
}

enum outcome { NOT_OURS, DONE, AGAIN, REFUSED };

/* d's table, entry index, byte offset in it; pt_lock is held. */
static enum outcome write_entry(struct domain *dom, struct regs *r, const struct decoded *d,
				mfn_t table, unsigned int index, unsigned int offset)
{
	uint64_t mask = low_mask(d->bytes), accumulator = r->rax & mask, entry, old, operand, new,
		 whole;
	int rc;

	if (offset + d->bytes > 8 ||
	    (d->high_byte && (d->op == DECODE_XCHG || d->op == DECODE_XADD)) ||
	    (d->op == DECODE_STOS && d->address32)) {
		return NOT_OURS;
	}
	operand = d->operand_is_imm ? d->imm : *emulate_reg(r, d->op == DECODE_STOS ? 0 : d->reg);
	if (d->high_byte) {
		operand >>= 8;
	}
	do { /* again when the CPU set Accessed or Dirty meanwhile */
		entry = ((volatile uint64_t *)frame_to_virt(table))[index];
		old = entry >> (8 * offset) & mask;
		if (d->op == DECODE_CMPXCHG && old != accumulator) {
			r->rax = d->bytes == 4 ? old : (r->rax & ~mask) | old;
			new = old;
			rc = 0;
			break;
		}
		new = result_of(d, old, operand) & mask;
		whole = (entry & ~(mask << (8 * offset))) | new << (8 * offset);
		rc = pagetype_cmpxchg(dom, table, index, entry, whole);
	} while (rc == -XEN_EAGAIN);
	if (rc == -XEN_ERESTART) {
		return AGAIN;
	}
	if (rc < 0) {
		log_guest(LOG_WARN, dom->id,
			  "emulated page-table write %016lx -> %016lx refused: %d", entry, whole,
			  rc);
		return REFUSED;
	}
	if (d->op == DECODE_CMPXCHG) {
		r->rflags = (r->rflags & ~FLAGS_ARITHMETIC) |
			    flags_of(d->op, accumulator, old, accumulator - old, d->bytes);
	}
	side_effects(d, r, old, operand, new);
	return DONE;
}

/* Where the operand in memory begins. */
static uint64_t operand_address(const struct decoded *d, struct regs *r)
{
	uint64_t a = (uint64_t)d->displacement;

	if (d->op == DECODE_STOS) {
		return r->rdi;
	}
	if (d->rip_relative) {
		a += r->rip + d->length;
	}
	if (d->base != DECODE_NO_REG) {
		a += *emulate_reg(r, d->base);
	}
	if (d->index != DECODE_NO_REG) {
		a += *emulate_reg(r, d->index) << d->scale;
	}
	return emulate_segment_base(d) + (d->address32 ? (uint32_t)a : a);
}

/*
 * CR2 is the first byte that may not be written: of an operand that began on the page before, not its first.
 * Such a one is no write to one entry.
 */
static bool begins_before(const struct decoded *d, struct regs *r, uint64_t va)
{
	return unlikely(!(va & ~PAGE_MASK)) && operand_address(d, r) != va;
}

out_of_line bool ptemul_write(struct vcpu *v, struct regs *r, uint64_t va)
{
	struct domain *dom = v->domain;
	struct decoded d;
	uint8_t code[15];
	uint64_t e;
	mfn_t table;
	enum outcome outcome = NOT_OURS;

	if (!guest_settle_tables(dom)) {
		return true; /* the instruction comes again */
	}
	spin_lock(
		&dom->pages.pt_lock); /* else a table may be given up, and filled anew, under the walk */
	e = ptwalk_l1e(paddr_to_mfn(v->pv->kernel_cr3), va);
	spin_unlock(&dom->pages.pt_lock);
	table = PTE_MFN(e);
	if (!(e & PTE_P) || (e & PTE_RW) || !frame_valid(table)) {
		return false;
	}
	decode(&d, code, emulate_fetch(code, r->rip), true);
	if (d.op == DECODE_UNKNOWN || d.op >= DECODE_RDMSR || !d.memory ||
	    begins_before(&d, r, va)) {
		return false;
	}
	spin_lock(&dom->pages.pt_lock);
	if (frame_get(table, dom)) {
		if (pagetype_level(dom, table) != FRAME_NONE) {
			outcome = write_entry(dom, r, &d, table, ptwalk_index(va), va & 7);
		}
		spin_unlock(&dom->pages.pt_lock);
		frame_put(table);
	} else {
		spin_unlock(&dom->pages.pt_lock);
	}
	if (outcome == DONE) {
		emulate_done(v, r, advance(&d, r));
	}
	return outcome == DONE || outcome == AGAIN;
}
