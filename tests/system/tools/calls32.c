/*
 * A 32-bit program, without a C library so that it needs none: system calls by int 0x80
 * and through the vDSO's entry (sysenter or syscall, as the kernel chose for this CPU),
 * with the registers that must survive, and a thread-local segment of its own, which must
 * still be there after other programs have run.
 *
 *   calls32   prints "int80 ok sysenter ok segment ok"; exit status 0: all of them
 */
#include <stdint.h>

enum {
	NR_EXIT = 1,
	NR_WRITE = 4,
	NR_GETPID = 20,
	NR_GETPPID = 64,
	NR_YIELD = 158,
	NR_SET_THREAD_AREA = 243
};
enum { AT_SYSINFO = 32 };
#define ROUNDS 20000

struct user_desc {
	uint32_t entry;
	uint32_t base;
	uint32_t limit;
	uint32_t bits;
};

static uint32_t segment[4] = { 0x51a7e000, 0x51a7e001, 0x51a7e002, 0x51a7e003 };

static long by_int80(long nr, long a, long b, long c)
{
	long ret;

	__asm__ volatile("int $0x80" : "=a"(ret) : "a"(nr), "b"(a), "c"(b), "d"(c) : "memory");
	return ret;
}

/*
 * A call without arguments, with a pattern in every other register; disturbed counts the
 * calls after which one of them was another.
 */
#define PATTERNS(op) op(1, ebx) op(2, ecx) op(3, edx) op(4, esi) op(5, edi) op(6, ebp)
#define SET(n, reg)  "mov $0x" #n "a5a5a5" #n ", %" #reg "\n"
#define TEST(n, reg) "cmp $0x" #n "a5a5a5" #n ", %" #reg "; jne 1f\n"
#define ENTER	     "push %ebx; push %esi; push %edi; push %ebp; mov 20(%esp), %eax\n"
#define LEAVE	     "jmp 2f; 1: incl disturbed; 2: pop %ebp; pop %edi; pop %esi; pop %ebx; ret\n"
#define CALL_FUNCTION(name, way) \
	long name(long nr);      \
	__asm__(#name ": " ENTER PATTERNS(SET) way "\n" PATTERNS(TEST) LEAVE)

uint32_t sysinfo, disturbed;
CALL_FUNCTION(plain_int80, "int $0x80");
CALL_FUNCTION(plain_vdso, "call *sysinfo");

static void say(const char *text)
{
	long length = 0;

	while (text[length]) {
		length++;
	}
	by_int80(NR_WRITE, 1, (long)text, length);
}

/* What the vDSO's entry is made of on this CPU. */
static const char *vdso_way(void)
{
	const uint8_t *code = (const uint8_t *)sysinfo;

	for (int i = 0; code && i < 24; i++) {
		if (code[i] == 0x0f && code[i + 1] == 0x34) {
			return "sysenter";
		}
		if (code[i] == 0x0f && code[i + 1] == 0x05) {
			return "syscall";
		}
	}
	return "vdso";
}

/* nr answers want each of many times, and every other register is as before. */
static int keeps_registers(long (*call)(long), long nr, long want)
{
	for (int i = 0; i < ROUNDS; i++) {
		if (call(nr) != want) {
			return 0;
		}
	}
	return !disturbed;
}

static uint32_t through_gs(uint32_t offset)
{
	uint32_t value;

	__asm__ volatile("mov %%gs:(%1), %0" : "=r"(value) : "r"(offset));
	return value;
}

static int keeps_segment(void)
{
	struct user_desc d = { .entry = (uint32_t)-1,
			       .base = (uint32_t)segment,
			       .limit = 0xfffff,
			       /* 32-bit, limit in pages, usable. */
			       .bits = 1 | 1 << 4 | 1 << 6 };

	if (by_int80(NR_SET_THREAD_AREA, (long)&d, 0, 0)) {
		return 0;
	}
	__asm__ volatile("mov %w0, %%gs" : : "r"(d.entry << 3 | 3));
	for (int i = 0; i < ROUNDS; i++) {
		by_int80(NR_YIELD, 0, 0, 0);
		if (through_gs(4 * (i & 3)) != 0x51a7e000u + (i & 3)) {
			return 0;
		}
	}
	return 1;
}

static int report(const char *what, int good)
{
	say(what);
	say(good ? " ok" : " BAD");
	return good;
}

__attribute__((used)) static _Noreturn void run(uint32_t *stack)
{
	uint32_t *p = stack + 1 + stack[0] + 1;
	long pid = by_int80(NR_GETPID, 0, 0, 0), parent = by_int80(NR_GETPPID, 0, 0, 0);
	int good;

	/* Past the arguments and the environment are the kernel's own words to us. */
	while (*p++) {
	}
	for (; p[0]; p += 2) {
		if (p[0] == AT_SYSINFO) {
			sysinfo = p[1];
		}
	}
	good = report("int80", pid > 0 && keeps_registers(plain_int80, NR_GETPPID, parent));
	say(" ");
	good &= report(vdso_way(), sysinfo && keeps_registers(plain_vdso, NR_GETPID, pid));
	say(" ");
	good &= report("segment", keeps_segment());
	say("\n");
	for (;;) {
		by_int80(NR_EXIT, !good, 0, 0);
	}
}

__asm__(".globl _start\n"
	"_start:\n"
	"	mov %esp, %eax\n"
	"	and $-16, %esp\n"
	"	sub $12, %esp\n"
	"	push %eax\n"
	"	call run\n");
