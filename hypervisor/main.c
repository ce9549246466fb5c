/*
 * The boot story, top to bottom.  x86/boot/head.S comes before; after it, each CPU
 * is either in a guest or in the idle loop, and everything happens in answer to a trap.
 */
#include "arch/cpu.h"
#include "base/bug.h"
#include "base/log.h"
#include "core/audit.h"
#include "core/domain.h"
#include "core/sched/sched.h"
#include "core/softirq.h"
#include "core/stretchkey.h"
#include "core/time.h"
#include "core/timer.h"
#include "core/version.h"
#include "ctl/physdev.h"
#include "lib/args.h"
#include "lib/string.h"
#include "mm/alloc.h"
#include "pv/guest.h"
#include "x86/boot/mb.h"
#include "x86/bootinfo.h"
#include "x86/cpu.h"
#include "x86/machine.h"
#include "x86/paging.h"
#include "x86/percpu.h"
#include "x86/reboot.h"
#include "x86/thunk.h"

void boot_main(uint32_t magic, uint32_t info) __attribute__((noreturn));

extern bool domain_noreboot;

static char opt_dom0_mem[ARG_STRING_MAX], opt_com1[ARG_STRING_MAX], opt_console[ARG_STRING_MAX];
static char opt_loglvl[ARG_STRING_MAX], opt_guest_loglvl[ARG_STRING_MAX], opt_sched[ARG_STRING_MAX];
static char opt_spec_ctrl[ARG_STRING_MAX];
static unsigned int opt_dom0_max_vcpus, opt_maxcpus = MAX_CPUS;
static bool opt_noreboot;

/* The README's table of options is made from these rows. */
static const struct arg options[] = {
	{ "dom0_mem", ARG_STRING, opt_dom0_mem,
	  "memory of the control domain: a list of SIZE, min:SIZE, max:SIZE (K, M, G; bare numbers are KiB; -SIZE: leave so much); default: all but 1/8" },
	{ "dom0_max_vcpus", ARG_UINT, &opt_dom0_max_vcpus,
	  "vCPUs of the control domain; default: one a CPU" },
	{ "console", ARG_STRING, opt_console, "com1 (default) or none" },
	{ "com1", ARG_STRING, opt_com1,
	  "serial line: BAUD,8n1[,PORT[,IRQ]]; default 115200,8n1,0x3f8,4" },
	{ "loglvl", ARG_STRING, opt_loglvl, "none, error, warning, info (default), debug, all" },
	{ "guest_loglvl", ARG_STRING, opt_guest_loglvl,
	  "the same for messages about guests; default warning" },
	{ "noreboot", ARG_BOOL, &opt_noreboot,
	  "halt after a panic or crash of the control domain" },
	{ "sched", ARG_STRING, opt_sched, "scheduling policy: credit (default), rr" },
	{ "spec-ctrl", ARG_STRING, opt_spec_ctrl,
	  "bti-thunk=retpoline or bti-thunk=jmp; default: what the CPU needs" },
	{ "maxcpus", ARG_UINT, &opt_maxcpus, "bring up at most this many CPUs" },
};

static void unknown_option(const char *word)
{
	log_warn("unknown option '%s' is ignored", word);
}

static void bad_option(const char *word)
{
	log_warn("option '%s' is ill-formed and is ignored", word);
}

/* What the control domain gets, and what it may grow to: that much, unless max: says more. */
static void dom0_memory(uint64_t *size, uint64_t *most)
{
	uint64_t total = alloc_free_count() << PAGE_SHIFT, all = total - total / 64;
	struct args_memory m = { .max = UINT64_MAX };

	if (*opt_dom0_mem && !args_memory(opt_dom0_mem, total, &m)) {
		bad_option("dom0_mem");
	}
	*size = MIN(MAX(m.size ? m.size : all - all / 8, m.min), m.max);
	*most = m.max == UINT64_MAX ? *size : m.max;
}

static unsigned int dom0_vcpus(void)
{
	if (opt_dom0_max_vcpus > MAX_VCPUS) {
		log_warn("dom0_max_vcpus=%u: a domain has at most %u", opt_dom0_max_vcpus,
			 MAX_VCPUS);
	}
	return MIN(opt_dom0_max_vcpus ? opt_dom0_max_vcpus : cpu_count(), (unsigned int)MAX_VCPUS);
}

static void set_log_level(void)
{
	if (!log_set_level(*opt_loglvl ? opt_loglvl : "info",
			   *opt_guest_loglvl ? opt_guest_loglvl : "warning")) {
		bad_option("loglvl or guest_loglvl");
	}
}

/* The field's word is a list, of which we have one: another name alone is told of, on that one. */
static void choose_console(void)
{
	if (strcmp(opt_console, "none") == 0) {
		serial_off();
		return;
	}
	serial_init(*opt_com1 ? opt_com1 : NULL);
	if (*opt_console && !strstr(opt_console, "com1")) {
		log_warn("console=%s: there is only com1, which it is", opt_console);
	}
}

static void init_idle(unsigned int cpu)
{
	static struct vcpu idle[MAX_CPUS];

	idle[cpu].id = cpu;
	sched_init_cpu(cpu, &idle[cpu]);
	cpu_info()->current = &idle[cpu];
}

void boot_main(uint32_t magic, uint32_t info)
{
	bool known = mb_read(magic, info);
	uint64_t dom0_size, dom0_most;

	/* Here, since nobody returns through this frame.  The zero byte stays: it stops overruns by strings. */
	__stack_chk_guard = cpu_random() & ~0xffUL;
	/* First words: a console, then what we were asked to do. */
	serial_init(NULL);
	if (!known) {
		panic("not started by a Multiboot loader");
	}
	args_parse(bootinfo.cmdline, options, ARRAY_SIZE(options), unknown_option, bad_option);
	choose_console();
	set_log_level();
	version_set_commandline(bootinfo.cmdline);
	reboot_set_noreboot(opt_noreboot);
	domain_noreboot = opt_noreboot;
	log_info("Pavane, started by %s: %s", bootinfo.loader, bootinfo.cmdline);

	/* Memory and this CPU. */
	cpu_detect();
	paging_init();
	paging_give_heap();
	percpu_init_bsp();
	percpu_load(0);
	thunk_init(opt_spec_ctrl);

	/* The machine. */
	acpi_init(bootinfo.rsdp);
	pic_init();
	clock_init();
	apic_init_bsp(); /* measures its timer by the clock */
	ioapic_init();
	irq_init();

	/* What domains are made of. */
	timers_init();
	sched_init(*opt_sched ? opt_sched : "credit");
	init_idle(0);
	domains_init();
	audit_init();
	stretchkey_init();
	time_set_wallclock(clock_rtc_seconds(), 0, cpu_time_now());

	/* The other CPUs, then the control domain. */
	smp_boot_aps(opt_maxcpus);
	paging_seal();
	physdev_init();
	serial_irq_start();
	log_info("%u CPUs, %lu MiB free", cpu_count(), alloc_free_count() >> 8);
	dom0_memory(&dom0_size, &dom0_most);
	dom0_build(dom0_size, dom0_most, dom0_vcpus());
	guest_start_idle();
}

void ap_main(unsigned int cpu)
{
	init_idle(cpu);
	guest_start_idle();
}
