/*
 * Two sets of page tables.  User mode runs on those of MMUEXT_NEW_USER_BASEPTR and sees nothing of the kernel's: neither its
 * memory nor what it has at the same address.  Every way in leads to the kernel's tables and every iret back, at once and
 * without what the TLB had of the others; and where the hypervisor acts for user mode it uses the tables that are meant:
 * the user's for the memory that an instruction names, the kernel's for bitmaps and descriptors (public/xen.h,
 * MMUEXT_NEW_USER_BASEPTR, MMUEXT_SET_LDT; public/physdev.h, set_iobitmap).
 */
#include "frontends/rt/test.h"

#include <xen/physdev.h>
#include <xen/vcpu.h>

#include "hypervisor/lib/string.h"

#define BASE	   0x600000000000UL /* of user mode: code, data, stack, a hole, what is read-only */
#define CODE	   BASE
#define DATA	   (BASE + PAGE_SIZE)
#define STACK	   (BASE + 2 * PAGE_SIZE)
#define HOLE	   (BASE + 3 * PAGE_SIZE)
#define READ_ONLY  (BASE + 4 * PAGE_SIZE)
#define LATCH	   0xcf8 /* a port of 32 bits, in the hypervisor for each domain */
#define DELAY	   0x80	 /* one of 8 bits, that nobody listens to */
#define HYPERVISOR 0xffff830000000000UL
#define UD	   6
#define GP	   13
#define PF	   14
#define USER	   4 /* in the error code of a page fault */

/* Programs of user mode, which work wherever they are.  RDI is theirs; UD2 is the end. */
extern char programs[], u_read[], u_write[], u_jump[], u_outs[], u_ins[], u_in[], u_load[],
	u_spin[], programs_end[];
__asm__(".pushsection .text\n"
	"programs:\n"
	"u_read: mov (%rdi), %rax\n ud2\n"
	"u_write: mov %rdi, (%rdi)\n ud2\n"
	"u_jump: jmp *%rdi\n"
	"u_outs: mov $0xcf8, %edx\n mov %rdi, %rsi\n outsl\n ud2\n"
	"u_ins: mov $0xcf8, %edx\n insl\n ud2\n"
	"u_in: mov %edi, %edx\n in %dx, %al\n ud2\n"
	"u_load: mov %edi, %ds\n ud2\n"
	"u_spin: mov (%rdi), %rax\n pause\n jmp u_spin\n"
	"programs_end:\n"
	".popsection");

static uint64_t *user_data, *kernel_data; /* what is at DATA, for each */
static uint64_t *l1;

static struct trap_frame run(const char *program, uint64_t rdi)
{
	struct iret_frame f = user_frame((char *)CODE + (program - programs));

	f.rsp = STACK + PAGE_SIZE;
	return iret_try(&f, rdi);
}

static long ext(unsigned int cmd, const void *table)
{
	struct mmuext_op op = { .cmd = cmd, .arg1.mfn = table ? virt_to_mfn(table) : 0 };

	return mmuext_op(&op, 1, NULL, DOMID_SELF);
}

static uint64_t entry(const void *page, uint64_t flags)
{
	return virt_to_mfn(page) << PAGE_SHIFT | flags;
}

static long to_table(const void *page)
{
	return update_va_mapping((uint64_t)page, entry(page, PTE_USUAL & ~PTE_RW), UVMF_INVLPG);
}

static long to_page(const void *table)
{
	return update_va_mapping((uint64_t)table, entry(table, PTE_USUAL), UVMF_INVLPG);
}

/* Tables that have user mode's pages and nothing else; the lowest is told.  Its top table, pinned. */
static uint64_t *make_tables(const void *data, uint64_t **lowest)
{
	static void *code, *stack, *read_only;
	uint64_t *t[4];
	long rc = 0;

	if (!code) {
		code = page_alloc();
		stack = page_alloc();
		read_only = page_alloc();
		memcpy(code, programs, (size_t)(programs_end - programs));
		rc |= to_table(code);
	}
	for (unsigned int i = 0; i < 4; i++) {
		t[i] = page_alloc();
	}
	t[0][0] = entry(code, PTE_P | PTE_US | PTE_A);
	t[0][1] = entry(data, PTE_USUAL | PTE_NX);
	t[0][2] = entry(stack, PTE_USUAL | PTE_NX);
	t[0][4] = entry(read_only, PTE_P | PTE_US | PTE_A | PTE_NX);
	t[1][0] = entry(t[0], PTE_USUAL);
	t[2][0] = entry(t[1], PTE_USUAL);
	t[3][BASE >> 39 & 511] = entry(t[2], PTE_USUAL);
	for (unsigned int i = 0; i < 4; i++) {
		rc |= to_table(t[i]);
	}
	rc |= ext(MMUEXT_PIN_L4_TABLE, t[3]);
	CHECK_EQ(rc, 0, "tables of user mode's own");
	*lowest = t[0];
	return t[3];
}

/* ---- what each sees ---- */

static volatile uint64_t *const shared_place = (volatile uint64_t *)DATA;

static void same_address(void)
{
	unsigned int wrong = 0;
	struct trap_frame f;

	for (uint64_t i = 1; i <= 64; i++) {
		*user_data = 1000 + i;
		*kernel_data = 2000 + i;
		wrong += *shared_place != 2000 + i;
		f = run(u_read, DATA);
		wrong += f.vector != UD || f.rax != 1000 + i;
		wrong += *shared_place != 2000 + i;
	}
	CHECK_EQ(wrong, 0, "at one address user mode sees its page, the kernel its own");
	*user_data = *kernel_data = 0;
	f = run(u_write, DATA);
	CHECK(f.vector == UD && *user_data == DATA && *kernel_data == 0, "and writes its own");
	*shared_place = 7;
	CHECK(*user_data == DATA && *kernel_data == 7, "so does the kernel");
}

static void fault(const char *program, uint64_t at, uint64_t error, const char *what)
{
	struct trap_frame f = run(program, at);

	CHECK(f.vector == PF && f.error == error && vcpu_info()->arch.cr2 == at,
	      "%s (%lu, error %#lx, at %#lx)", what, f.vector, f.error, vcpu_info()->arch.cr2);
}

static void not_there(void)
{
	static uint64_t on_stack_of_kernel;
	uint64_t local = (uint64_t)&on_stack_of_kernel;
	struct trap_frame f;

	fault(u_read, (uint64_t)guest_main, USER, "the kernel's code is not there to be read");
	fault(u_jump, (uint64_t)guest_main, USER | 0x10, "nor run");
	fault(u_write, local, USER | 2, "nor its data to be written");
	fault(u_read, (uint64_t)start_info, USER, "nor what the builder left");
	fault(u_read, start_info->pt_base, USER, "nor its tables");
	fault(u_read, (uint64_t)kernel_entry_stack, USER, "nor its stack");
	fault(u_read, HOLE, USER, "what is nowhere");
	fault(u_write, READ_ONLY, USER | 3, "what is read-only");
	fault(u_jump, DATA, USER | 0x11, "what is no code");
	f = run(u_read, HYPERVISOR);
	CHECK(f.vector == PF && vcpu_info()->arch.cr2 == HYPERVISOR, "the hypervisor's memory");
	f = run(u_write, (uint64_t)l1);
	CHECK_EQ(f.vector, PF, "its own tables, which are the kernel's to map");
}

/* ---- what the hypervisor does for it ---- */

static long physdev(int cmd, void *arg)
{
	return hcall2(__HYPERVISOR_physdev_op, (uint64_t)cmd, ptr_arg(arg));
}

static long set_iopl(uint32_t level)
{
	struct physdev_set_iopl op = { .iopl = level };

	return physdev(PHYSDEVOP_set_iopl, &op);
}

static uint32_t latch(void)
{
	uint32_t value;

	__asm__ volatile("inl %w1, %0" : "=a"(value) : "d"(LATCH));
	return value;
}

static void strings(void)
{
	CHECK_EQ(set_iopl(3), 0, "user mode may use ports");
	*user_data = 0x80001234;
	*kernel_data = 0x80005678;
	CHECK_EQ(run(u_outs, DATA).vector, UD, "OUTS");
	CHECK_EQ(latch(), 0x80001234, "of what user mode has there");
	*user_data = 0;
	CHECK_EQ(run(u_ins, DATA).vector, UD, "INS");
	CHECK(*user_data == 0x80001234 && *kernel_data == 0x80005678, "to where it has it");
	fault(u_outs, (uint64_t)start_info, USER, "OUTS of the kernel's memory");
	fault(u_ins, (uint64_t)start_info, USER | 2, "INS to it");
	CHECK_EQ(latch(), 0x80001234, "nothing was put out");
	fault(u_ins, READ_ONLY, USER | 3, "INS to what is read-only");
	CHECK_EQ(set_iopl(1), 0, "no more");
}

static void bitmap(void)
{
	static uint8_t bits[0x100 / 8];
	struct physdev_set_iobitmap op = { .nr_ports = 0x100 };
	struct trap_frame f;

	memset(bits, 0xff, sizeof(bits));
	set_xen_guest_handle(op.bitmap, bits);
	CHECK_EQ(physdev(PHYSDEVOP_set_iobitmap, &op), 0, "a bitmap in the kernel's memory");
	CHECK_EQ(run(u_in, DELAY).vector, GP, "a port that it has closed");
	bits[DELAY / 8] &= (uint8_t) ~(1u << DELAY % 8);
	CHECK_EQ(run(u_in, DELAY).vector, UD, "and open");
	*user_data = 55;
	f = run(u_read, DATA);
	CHECK(f.vector == UD && f.rax == 55, "and user mode is where it was");
	op.nr_ports = 0;
	CHECK_EQ(physdev(PHYSDEVOP_set_iobitmap, &op), 0, "no bitmap");
}

#define LDT_SELECTOR 0x0f /* entry 1, level 3 */
#define DATA_SEGMENT 0x00cff3000000ffffUL

static void descriptors(void)
{
	uint64_t *ldt = page_alloc();
	struct mmuext_op op = { .cmd = MMUEXT_SET_LDT,
				.arg1.linear_addr = (unsigned long)ldt,
				.arg2.nr_ents = 2 };
	struct trap_frame f;

	ldt[1] = DATA_SEGMENT;
	CHECK_EQ(update_va_mapping((uint64_t)ldt, 0, UVMF_INVLPG), 0, "a page not mapped");
	CHECK_EQ(mmuext_op(&op, 1, NULL, DOMID_SELF), 0, "for an LDT in the kernel's memory");
	f = run(u_load, LDT_SELECTOR);
	CHECK(f.vector == PF && vcpu_info()->arch.cr2 == (uint64_t)&ldt[1],
	      "user mode loads of it: page fault there (%lu at %#lx)", f.vector,
	      vcpu_info()->arch.cr2);
	CHECK_EQ(to_table(ldt), 0, "mapped by the kernel");
	CHECK_EQ(run(u_load, LDT_SELECTOR).vector, UD, "now it is found");
	__asm__ volatile("mov %0, %%ds" ::"r"(0));
	op.arg2.nr_ents = 0;
	CHECK_EQ(mmuext_op(&op, 1, NULL, DOMID_SELF), 0, "no LDT");
	CHECK_EQ(to_page(ldt), 0, "and the page is free");
}

/* ---- what changes ---- */

static bool reads(uint64_t value)
{
	struct trap_frame f = run(u_read, DATA);

	return f.vector == UD && f.rax == value;
}

static void changes(uint64_t *one, uint64_t *other, const void *other_data)
{
	struct mmu_update u = { pte_machine_address(&l1[1]), 0 };
	struct mmuext_op flush = { .cmd = MMUEXT_INVLPG_LOCAL, .arg1.linear_addr = DATA };
	unsigned int wrong = 0;

	*user_data = 1;
	*(uint64_t *)other_data = 2;
	for (unsigned int i = 0; i < 16; i++) {
		wrong += ext(MMUEXT_NEW_USER_BASEPTR, other) != 0 || !reads(2);
		wrong += ext(MMUEXT_NEW_USER_BASEPTR, one) != 0 || !reads(1);
	}
	CHECK_EQ(wrong, 0, "other tables are in use with the next iret");
	for (unsigned int i = 0; i < 16; i++) {
		u.val = i & 1 ? entry(user_data, PTE_USUAL) : entry(other_data, PTE_USUAL);
		flush.cmd = i & 2 ? MMUEXT_INVLPG_LOCAL : MMUEXT_TLB_FLUSH_LOCAL;
		wrong += mmu_update(&u, 1, NULL, DOMID_SELF) != 0;
		wrong += mmuext_op(&flush, 1, NULL, DOMID_SELF) != 0;
		wrong += !reads(i & 1 ? 1 : 2);
	}
	CHECK_EQ(wrong, 0, "so is another entry, with a flush");
	u.val = 0;
	CHECK(mmu_update(&u, 1, NULL, DOMID_SELF) == 0 &&
		      mmuext_op(&flush, 1, NULL, DOMID_SELF) == 0,
	      "an entry taken out");
	fault(u_read, DATA, USER, "is gone");
	u.val = entry(user_data, PTE_USUAL);
	CHECK_EQ(mmu_update(&u, 1, NULL, DOMID_SELF), 0, "and back");
}

static volatile bool enough;

static void busy(void)
{
	while (!enough) {
		barrier();
	}
}

/* Events, and with one CPU another vCPU too, come between; user mode goes on, on its own tables. */
static void interrupted(void)
{
	bool second = vcpu_op(VCPUOP_is_up, 1, NULL) >= 0 && worker_start(1) == 0;
	unsigned int wrong = 0;

	*user_data = 99;
	*kernel_data = 11;
	if (second) {
		worker_begin(busy);
	}
	for (unsigned int i = 0; i < 8; i++) {
		unsigned int before = timer_count;
		struct trap_frame f;

		upcalls_off();
		timer_arm(system_time() + 20000000);
		event_hook = user_leave;
		f = run(u_spin, DATA);
		event_hook = NULL;
		wrong += timer_count != before + 1 || f.rax != 99 || f.rip - CODE >= PAGE_SIZE;
		wrong += *shared_place != 11;
	}
	enough = true;
	CHECK_EQ(wrong, 0, "interrupted by events%s", second ? " and another vCPU" : "");
	CHECK(!second || worker_ready(), "which ends");
}

static void in_use(uint64_t *one, uint64_t *other)
{
	CHECK_EQ(ext(MMUEXT_UNPIN_TABLE, one), 0, "not pinned any more");
	CHECK(to_page(one) < 0, "but a table while it is in use");
	CHECK(reads(99), "which it is");
	CHECK_EQ(ext(MMUEXT_NEW_USER_BASEPTR, other), 0, "others");
	CHECK_EQ(to_page(one), 0, "and it is a plain page");
	CHECK_EQ(ext(MMUEXT_NEW_USER_BASEPTR, NULL), 0, "none");
	CHECK(to_page(other) < 0, "a table that is pinned");
	CHECK_EQ(ext(MMUEXT_UNPIN_TABLE, other), 0, "is one no more");
	CHECK_EQ(to_page(other), 0, "when it is not");
}

enum verdict guest_main(void)
{
	uint64_t *one, *other, *unused, *other_data;

	user_data = page_alloc();
	kernel_data = page_alloc();
	other_data = page_alloc();
	CHECK_EQ(user_init(), 0, "user mode");
	CHECK_EQ(map_at(DATA, kernel_data), 0, "the kernel has something there, too");
	one = make_tables(user_data, &l1);
	other = make_tables(other_data, &unused);
	CHECK_EQ(ext(MMUEXT_NEW_USER_BASEPTR, one), 0, "in use");
	same_address();
	not_there();
	strings();
	bitmap();
	descriptors();
	changes(one, other, other_data);
	interrupted();
	in_use(one, other);
	return SUCCESS;
}
