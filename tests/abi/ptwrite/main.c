/*
 * Writable page tables (VMASST_TYPE_writable_pagetables, <xen/xen.h>): a kernel's own write to an L1 table that
 * it may only read is done for it, checked like any other update.
 *
 * Each instruction is run twice, on a plain page and on a table of not-present entries, which may say
 * anything: what it leaves in memory, registers and flags must be the same.  A write that the rules refuse, or
 * that is not within one entry, is the guest's own page fault, and nothing has changed.
 */
#include "frontends/rt/test.h"

#include "hypervisor/lib/string.h"

struct machine {
	uint64_t rax, rbx, rcx, rdi, flags;
};

struct form {
	const char *text;
	void (*run)(struct machine *m);
	unsigned int width;
	enum { WHOLE, LOGIC, BIT } flags; /* logic leaves AF undefined; bit operations all but CF */
};

/* Forms of an instruction on (%rdi); the flags go in and come out. */
#define FORM(name, text)                                                          \
	static void name(struct machine *m)                                       \
	{                                                                         \
		__asm__ volatile("push %[flags]\n\tpopf\n\t" text "\n\tpushf\n\t" \
				 "pop %[flags]\n\tcld"                            \
				 : "+a"(m->rax), "+b"(m->rbx), "+c"(m->rcx),      \
				   "+D"(m->rdi), [flags] "+r"(m->flags)           \
				 :                                                \
				 : "memory", "cc");                               \
	}

#define WIDTHS(op, lock)                         \
	FORM(op##1, lock #op "b %%bl, (%%rdi)")  \
	FORM(op##2, lock #op "w %%bx, (%%rdi)")  \
	FORM(op##4, lock #op "l %%ebx, (%%rdi)") \
	FORM(op##8, lock #op "q %%rbx, (%%rdi)")
#define IMMEDIATES(op)                             \
	FORM(op##i1, #op "b $0x86, (%%rdi)")       \
	FORM(op##i2, #op "w $0x9876, (%%rdi)")     \
	FORM(op##i4, #op "l $0x87654320, (%%rdi)") \
	FORM(op##i8, #op "q $-0x12345678, (%%rdi)")
#define BITS(op)                                    \
	FORM(op##2, #op "w %%bx, (%%rdi)")          \
	FORM(op##4, "lock " #op "l %%ebx, (%%rdi)") \
	FORM(op##8, "lock " #op "q %%rbx, (%%rdi)") \
	FORM(op##i2, #op "w $11, (%%rdi)")          \
	FORM(op##i4, #op "l $29, (%%rdi)")          \
	FORM(op##i8, #op "q $61, (%%rdi)")

WIDTHS(mov, "")
IMMEDIATES(mov)
WIDTHS(xchg, "")
WIDTHS(cmpxchg, "lock ")
WIDTHS(xadd, "lock ")
WIDTHS(add, "lock ")
IMMEDIATES(add)
WIDTHS(sub, "")
IMMEDIATES(sub)
WIDTHS(and, "lock ")
IMMEDIATES(and)
WIDTHS(or, "")
IMMEDIATES(or)
WIDTHS(xor, "lock ")
IMMEDIATES(xor)
BITS(bts)
BITS(btr)
BITS(btc)
FORM(movnti4, "movntil %%ebx, (%%rdi)")
FORM(movnti8, "movntiq %%rbx, (%%rdi)")
FORM(movhigh, "movb %%bh, (%%rdi)")
FORM(addhigh, "addb %%ch, (%%rdi)")
FORM(stos1, "stosb")
FORM(stos2, "stosw")
FORM(stos4, "stosl")
FORM(stos8, "stosq")
FORM(stosdown, "std\n\tstosq")
FORM(repstos, "and $7, %%ecx\n\trep stosq")
FORM(repnone, "xor %%ecx, %%ecx\n\trep stosq")
FORM(indexed, "and $3, %%ecx\n\tmovq %%rbx, -24(%%rdi, %%rcx, 8)")

#define FOUR(op, kind)                                                                         \
	{ #op "b", op##1, 1, kind }, { #op "w", op##2, 2, kind }, { #op "l", op##4, 4, kind }, \
	{                                                                                      \
#op "q", op##8, 8, kind                                                        \
	}
#define IMM(op, kind)                                                       \
	{ #op "b imm", op##i1, 1, kind }, { #op "w imm", op##i2, 2, kind }, \
		{ #op "l imm", op##i4, 4, kind },                           \
	{                                                                   \
#op "q imm", op##i8, 8, kind                                \
	}
#define BITOP(op)                                                                           \
	{ #op "w", op##2, 2, BIT }, { #op "l", op##4, 4, BIT }, { #op "q", op##8, 8, BIT }, \
		{ #op "w imm", op##i2, 2, BIT }, { #op "l imm", op##i4, 4, BIT },           \
	{                                                                                   \
#op "q imm", op##i8, 8, BIT                                                 \
	}

static const struct form forms[] = {
	FOUR(mov, WHOLE),
	IMM(mov, WHOLE),
	FOUR(xchg, WHOLE),
	FOUR(cmpxchg, WHOLE),
	FOUR(xadd, WHOLE),
	FOUR(add, WHOLE),
	IMM(add, WHOLE),
	FOUR(sub, WHOLE),
	IMM(sub, WHOLE),
	FOUR(and, LOGIC),
	IMM(and, LOGIC),
	FOUR(or, LOGIC),
	IMM(or, LOGIC),
	FOUR(xor, LOGIC),
	IMM(xor, LOGIC),
	BITOP(bts),
	BITOP(btr),
	BITOP(btc),
	{ "movnti l", movnti4, 4, WHOLE },
	{ "movnti q", movnti8, 8, WHOLE },
	{ "mov high byte", movhigh, 1, WHOLE },
	{ "add high byte", addhigh, 1, WHOLE },
	{ "stosb", stos1, 1, WHOLE },
	{ "stosw", stos2, 2, WHOLE },
	{ "stosl", stos4, 4, WHOLE },
	{ "stosq", stos8, 8, WHOLE },
	{ "stosq down", stosdown, 8, WHOLE },
	{ "rep stosq", repstos, 8, LOGIC },
	{ "rep stosq of none", repnone, 8, LOGIC },
	{ "mov indexed", indexed, 8, LOGIC },
};

#define FLAGS_COMPARED 0x8d5UL /* OF SF ZF AF PF CF */
#define FLAG_AF	       0x10UL
#define FLAG_CF	       0x1UL
#define PTE_G	       0x100UL		     /* the hypervisor's own business */
#define NOT_PRESENT    ~0x0101010101010101UL /* no byte may make an entry present */

static uint64_t *table, *plain;

/* xorshift: the same numbers in every run */
static uint64_t next_random(void)
{
	static uint64_t x = 88172645463325252UL;

	x ^= x << 13;
	x ^= x >> 7;
	return x ^= x << 17;
}

static void fill(void)
{
	struct mmu_update u[64];

	for (unsigned int i = 0; i < 64; i++) {
		uint64_t v = next_random() & NOT_PRESENT;

		plain[i] = v;
		u[i] = (struct mmu_update){ virt_to_mfn(table) << PAGE_SHIFT | i * 8, v };
	}
	if (mmu_update(u, 64, NULL, DOMID_SELF)) {
		CHECK(false, "entries that are not present hold anything");
	}
}

static struct machine registers(uint64_t old)
{
	struct machine m = { .rax = next_random() & NOT_PRESENT,
			     .rbx = next_random() & NOT_PRESENT,
			     .rcx = next_random() & NOT_PRESENT,
			     .flags = 0x202 | (next_random() & FLAGS_COMPARED) };

	if (next_random() & 1) {
		m.rax = old; /* so that cmpxchg succeeds, too */
	}
	return m;
}

static bool same(const struct form *f, const struct machine *a, const struct machine *b)
{
	static const uint64_t care[] = { FLAGS_COMPARED, FLAGS_COMPARED & ~FLAG_AF, FLAG_CF };

	return a->rax == b->rax && a->rbx == b->rbx && a->rcx == b->rcx &&
	       a->rdi - (uint64_t)plain == b->rdi - (uint64_t)table &&
	       !((a->flags ^ b->flags) & care[f->flags]) && !memcmp(plain, table, PAGE_SIZE);
}

static void one_form(const struct form *f)
{
	unsigned int wrong = 0;

	for (unsigned int round = 0; round < 8; round++) {
		unsigned int at = 32 * 8 + (unsigned int)(round * f->width) % 8;
		struct machine a, b;
		uint64_t old = 0;

		fill();
		memcpy(&old, (char *)plain + at, f->width);
		a = b = registers(old);
		if (f->flags == BIT) {
			a.rbx = b.rbx = (b.rbx | 1) & (f->width * 8 - 1);
		}
		a.rdi = (uint64_t)plain + at;
		b.rdi = (uint64_t)table + at;
		f->run(&a);
		f->run(&b);
		wrong += !same(f, &a, &b);
	}
	CHECK_EQ(wrong, 0, "%s", f->text);
}

struct write {
	void *at;
	uint64_t value;
};

static void write8(void *arg)
{
	struct write *w = arg;

	__asm__ volatile("movq %1, %0" : "=m"(*(uint64_t *)w->at) : "r"(w->value) : "memory");
}

static void write4(void *arg)
{
	struct write *w = arg;

	__asm__ volatile("movl %1, %0" : "=m"(*(uint32_t *)w->at) : "r"((uint32_t)w->value));
}

static void exchange16(void *arg)
{
	struct write *w = arg;
	uint64_t *p = w->at;

	__asm__ volatile("lock cmpxchg16b %0"
			 : "+m"(*(uint64_t(*)[2])p)
			 : "a"(p[0]), "d"(p[1]), "b"(w->value), "c"(w->value)
			 : "cc");
}

static void faults(void (*f)(void *), void *at, uint64_t value, const char *what)
{
	struct write w = { at, value };
	struct trap_seen t;

	memcpy(plain, table, PAGE_SIZE);
	t = trap_try(f, &w);
	CHECK_EQ(t.vector, 14, "%s: a page fault", what);
	CHECK_EQ(t.error, 3, "a write to a present page, by the kernel");
	CHECK(t.cr2 - (uint64_t)at < 8, "at its address");
	CHECK(!memcmp(plain, table, PAGE_SIZE), "nothing changed");
}

static void mapping(void)
{
	char *data = page_alloc(), *window = (char *)0x600000000000UL;
	uint64_t *l2 = page_alloc(), *l3 = page_alloc(), t = virt_to_mfn(table);
	uint64_t good = virt_to_mfn(data) << PAGE_SHIFT | PTE_P | PTE_RW | PTE_US;
	struct mmu_update u;

	l2[0] = t << PAGE_SHIFT | PTE_USUAL;
	l3[0] = virt_to_mfn(l2) << PAGE_SHIFT | PTE_USUAL;
	CHECK_EQ(update_va_mapping((uint64_t)l2, virt_to_mfn(l2) << PAGE_SHIFT | PTE_P | PTE_US,
				   UVMF_INVLPG) |
			 update_va_mapping((uint64_t)l3,
					   virt_to_mfn(l3) << PAGE_SHIFT | PTE_P | PTE_US,
					   UVMF_INVLPG),
		 0, "two upper tables");
	u = (struct mmu_update){ pte_machine_address(pte_of(window, 4)),
				 virt_to_mfn(l3) << PAGE_SHIFT | PTE_USUAL };
	CHECK_EQ(mmu_update(&u, 1, NULL, DOMID_SELF), 0, "the table is in use");
	table[0] = good;
	data[5] = 77;
	CHECK_EQ(window[5], 77, "a whole entry written maps a page");
	((volatile uint32_t *)table)[2] = (uint32_t)good & ~1U;
	((volatile uint32_t *)table)[3] = (uint32_t)(good >> 32);
	((volatile uint8_t *)table)[8] |= 1;
	CHECK_EQ(window[PAGE_SIZE + 5], 77, "so do its parts");
	CHECK_EQ(__atomic_exchange_n(&table[1], 0, __ATOMIC_SEQ_CST) & ~PTE_G, good | PTE_A,
		 "an exchange has the old entry, marked by the CPU meanwhile");
	CHECK_EQ(table[1], 0, "and is gone");
	faults(write8, &table[2], t << PAGE_SHIFT | PTE_USUAL, "the table itself, writable");
	faults(write8, &table[2], 0x3ffffffffUL << PAGE_SHIFT | PTE_USUAL, "no memory");
	faults(write4, &l3[0], good, "half of an upper entry, to what is no table");
	CHECK_EQ(window[5], 77, "the page is still there");
	u.val = 0;
	CHECK_EQ(mmu_update(&u, 1, NULL, DOMID_SELF), 0, "taken out of use");
	CHECK_EQ(update_va_mapping((uint64_t)l3, virt_to_mfn(l3) << PAGE_SHIFT | PTE_USUAL,
				   UVMF_INVLPG),
		 0, "and written as a plain page");
}

/* Two pages side by side, the table one of them: an operand over the edge is no write to one entry. */
static void edges(void)
{
	char *pages = page_alloc(), *second = page_alloc();
	uint64_t t = virt_to_mfn(table), own[2] = { virt_to_mfn(pages), virt_to_mfn(second) };
	uint64_t value = virt_to_mfn(plain) << PAGE_SHIFT | (PTE_USUAL & ~PTE_RW);

	CHECK_EQ(second - pages, PAGE_SIZE, "two pages in a row");
	CHECK_EQ(update_va_mapping((uint64_t)second, t << PAGE_SHIFT | PTE_P | PTE_US, UVMF_INVLPG),
		 0, "the table behind a plain page");
	*(uint64_t *)(second - 8) = 0x5555555555555555UL;
	faults(write8, second - 4, value << 32 | value >> 32, "over the edge into the table");
	CHECK_EQ(*(uint64_t *)(second - 8), 0x5555555555555555UL, "nor did the plain page");
	faults(write4, second - 1, value << 8, "by three bytes of four");
	CHECK_EQ(*(uint64_t *)(second - 8), 0x5555555555555555UL, "nor did the plain page");
	*(uint64_t *)second = 0x1110;
	CHECK_EQ(*(uint64_t *)second, 0x1110, "its first entry is written as ever");
	CHECK_EQ(update_va_mapping((uint64_t)second, own[1] << PAGE_SHIFT | PTE_USUAL,
				   UVMF_INVLPG) |
			 update_va_mapping((uint64_t)pages, t << PAGE_SHIFT | PTE_P | PTE_US,
					   UVMF_INVLPG),
		 0, "the table before it");
	memset(second, 0x66, 8);
	faults(write8, second - 4, value, "over the edge out of the table");
	CHECK_EQ(*(uint64_t *)second, 0x6666666666666666UL, "nor did the plain page");
	CHECK_EQ(update_va_mapping((uint64_t)pages, own[0] << PAGE_SHIFT | PTE_USUAL, UVMF_INVLPG),
		 0, "as it was");
	faults(write8, (char *)table + 20, value, "over two entries");
	faults(exchange16, &table[4], value, "two entries at once");
}

enum verdict guest_main(void)
{
	struct mmuext_op pin = { .cmd = MMUEXT_PIN_L1_TABLE };

	CHECK_EQ(hcall2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_writable_pagetables),
		 0, "writable page tables");
	plain = page_alloc();
	table = page_alloc();
	CHECK_EQ(update_va_mapping((uint64_t)table,
				   virt_to_mfn(table) << PAGE_SHIFT | PTE_P | PTE_US, UVMF_INVLPG),
		 0, "a page that may only be read");
	pin.arg1.mfn = virt_to_mfn(table);
	CHECK_EQ(mmuext_op(&pin, 1, NULL, DOMID_SELF), 0, "is a table");
	for (unsigned int i = 0; i < ARRAY_SIZE(forms); i++) {
		one_form(&forms[i]);
	}
	memset(plain, 0, PAGE_SIZE);
	edges();
	for (unsigned int i = 0; i < 512; i++) {
		table[i] = 0;
	}
	mapping();
	return SUCCESS;
}
