/*
 * CPUID, leaf by leaf, where tests/abi/cpu only looks at the features that matter most.  Leaves that there are not say
 * nothing, wherever they are: neither past a range's last nor between the ranges, where a processor answers with
 * something of its own.  What is counted, woken by or measured is not a guest's; the areas of XSAVE add up to the size
 * that is said, without what is not on; the ABI's own leaves tell of the counter what the time page tells, and of
 * addresses what leaf 0x80000008 does (public/arch-x86/cpuid.h; Intel SDM vol. 1, 13.2).
 */
#include "frontends/rt/test.h"

struct leaf {
	uint32_t a, b, c, d;
};

static struct leaf cpuid(uint32_t leaf, uint32_t sub)
{
	struct leaf l = { .a = leaf, .c = sub };

	__asm__ volatile("ud2\n\t.ascii \"xen\"\n\tcpuid"
			 : "+a"(l.a), "=b"(l.b), "+c"(l.c), "=d"(l.d));
	return l;
}

static bool says_nothing(uint32_t leaf, uint32_t sub)
{
	struct leaf l = cpuid(leaf, sub);

	return !(l.a | l.b | l.c | l.d);
}

static void no_leaves(void)
{
	static const uint32_t between[] = { 0x1000,	0x3fffffff, 0x40000006, 0x400000ff,
					    0x40000100, 0x40000500, 0x4000ffff, 0x40010000,
					    0x50000000, 0x7fffffff, 0x80860000, 0x8fffffff,
					    0xc0000000, 0xffffffff };
	uint32_t basic = cpuid(0, 0).a, extended = cpuid(0x80000000, 0).a, said = 0;

	for (uint32_t i = 1; i < 64; i++) {
		said += !says_nothing(basic + i, 0) + !says_nothing(basic + i, i);
		said += !says_nothing(extended + i, 0);
	}
	CHECK_EQ(said, 0, "past %#x and %#x there is nothing", basic, extended);
	for (unsigned int i = 0; i < ARRAY_SIZE(between); i++) {
		CHECK(says_nothing(between[i], 0), "leaf %#x says nothing", between[i]);
	}
}

static void not_ours(void)
{
	static const struct {
		uint32_t leaf;
		const char *what;
	} t[] = { { 3, "serial number" },
		  { 5, "MONITOR" },
		  { 6, "power" },
		  { 9, "direct cache access" },
		  { 0xa, "performance counters" } };
	struct leaf l;

	for (unsigned int i = 0; i < ARRAY_SIZE(t); i++) {
		CHECK(says_nothing(t[i].leaf, 0), "%s: none", t[i].what);
	}
	l = cpuid(7, 0);
	for (uint32_t sub = l.a + 1; sub < l.a + 4; sub++) {
		CHECK(says_nothing(7, sub), "no features in leaf 7, %u", sub);
	}
	CHECK(!(l.c & (1u << 2 | 1u << 3 | 1u << 16)), "UMIP, PKU, LA57: no");
	l = cpuid(0x80000007, 0);
	CHECK(!(l.a | l.b | l.c) && !(l.d & ~(1u << 8)), "a steady counter, at most");
	l = cpuid(0x80000001, 0);
	CHECK(!(l.c & (1u << 3 | 1u << 4 | 1u << 10)), "no local APIC's registers, CR8, IBS");
	l = cpuid(0x80000008, 0);
	CHECK_EQ(l.a >> 8 & 0xff, 48, "bits of a linear address");
	CHECK_EQ(l.d, 0, "and nothing of RDPRU");
}

static void xsave(void)
{
	struct leaf l = cpuid(0xd, 0), x = cpuid(0xd, 1);
	uint32_t on = l.a, end = 512 + 64, wrong = 0;

	if (!(cpuid(1, 0).c & 1u << 26)) {
		CHECK(says_nothing(0xd, 0), "no XSAVE, no areas");
		return;
	}
	CHECK((on & 3) == 3 && (on & ~0xe7u) == 0, "areas that a guest may have: %#x", on);
	CHECK_EQ(l.d, 0, "none of the high ones");
	for (uint32_t i = 2; i < 64; i++) {
		struct leaf s = cpuid(0xd, i);

		if (i < 32 && on >> i & 1) {
			end = s.b + s.a > end ? s.b + s.a : end;
			wrong += s.a == 0 || s.b < 512 + 64;
		} else {
			wrong += (s.a | s.b | s.c | s.d) != 0;
		}
	}
	CHECK_EQ(wrong, 0, "each area that is on, and no other, has a place");
	CHECK_EQ(l.c, end, "they end where the size says");
	CHECK(l.b >= 512 + 64 && l.b <= l.c, "and what is on now has room in it");
	CHECK(!(x.a & 1u << 3), "no XSAVES");
	CHECK(!(x.c | x.d), "and nothing for it to save");
	CHECK(says_nothing(0xd, 64), "no area 64");
}

/* Thousands of ticks a second, as the time page has it. */
static uint64_t khz_by_time_page(void)
{
	const volatile struct vcpu_time_info *t = &vcpu_info()->time;
	uint64_t v = (1000000UL << 32) / t->tsc_to_system_mul;

	return t->tsc_shift < 0 ? v << -t->tsc_shift : v >> t->tsc_shift;
}

static void time_leaf(void)
{
	struct leaf l = cpuid(0x40000003, 0), host = cpuid(0x40000003, 2);
	uint64_t khz = khz_by_time_page(), off = host.a > khz ? host.a - khz : khz - host.a;

	CHECK(!(l.a & 1), "the counter is not emulated");
	CHECK_EQ(l.a >> 2 & 1, cpuid(0x80000001, 0).d >> 27 & 1, "RDTSCP, as among the features");
	CHECK_EQ(l.b, 0, "mode: the default");
	CHECK(l.c == 0 || l.c == host.a, "%u kHz for us, if not emulated", l.c);
	CHECK_EQ(l.d, 0, "never moved");
	CHECK(off * 1000 <= khz, "%u kHz in the machine, %lu by the time page", host.a, khz);
	CHECK(!(host.b | host.c | host.d), "and no more");
	l = cpuid(0x40000003, 1);
	CHECK(!(l.a | l.b), "no offset");
	CHECK(says_nothing(0x40000003, 3), "no fourth part");
}

static void other_abi_leaves(void)
{
	struct leaf l;
	uint32_t bits = cpuid(0x80000008, 0).a & 0xff;

	CHECK_EQ(cpuid(0x40000000, 0).a, 0x40000005, "the ABI's last leaf");
	CHECK(says_nothing(0x40000004, 0), "nothing of other kinds of guest");
	l = cpuid(0x40000005, 0);
	CHECK(l.b >= 29 && l.b <= bits, "machine addresses of %u bits, of %u", l.b, bits);
	CHECK_EQ(l.a, 0, "in one part");
	CHECK(says_nothing(0x40000005, 1), "no second");
}

enum verdict guest_main(void)
{
	no_leaves();
	not_ours();
	xsave();
	time_leaf();
	other_abi_leaves();
	return SUCCESS;
}
