/*
 * The boot story, top to bottom.  x86/boot/head.S comes before; after it, each CPU
 * is either in a guest or in the idle loop, and everything happens in answer to a trap.
 */
#include "arch/cpu.h"
#include "base/bug.h"
#include "base/log.h"
#include "core/domain.h"
#include "core/sched/sched.h"
#include "core/softirq.h"
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

void boot_main(uint32_t magic, uint32_t info) __attribute__((noreturn));

extern bool domain_noreboot;

static char opt_dom0_mem[ARG_STRING_MAX], opt_com1[ARG_STRING_MAX], opt_console[ARG_STRING_MAX];
static char opt_loglvl[ARG_STRING_MAX], opt_guest_loglvl[ARG_STRING_MAX], opt_sched[ARG_STRING_MAX];
static unsigned int opt_dom0_max_vcpus, opt_maxcpus = MAX_CPUS;
static bool opt_noreboot;

/* The README's table of options is made from these rows. */
static const struct arg options[] = {
	{ "dom0_mem", ARG_STRING, opt_dom0_mem,
	  "memory of the control domain: SIZE or SIZE,max:SIZE (K, M, G; bare numbers are KiB); default: all but 1/8" },
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
	{ "maxcpus", ARG_UINT, &opt_maxcpus, "bring up at most this many CPUs" },
};

static void unknown_option(const char *word)
{
	log_warn("unknown option '%s' is ignored", word);
}

static const char *skip_name(const char *line)
{
	const char *end = strchr(line, ' ');
	const char *slash = strchr(line, '/');

	return slash && (!end || slash < end) ? (end ? end : "") : line;
}

static void bad_option(const char *word)
{
	log_warn("option '%s' is ill-formed and is ignored", word);
}

/* "512M,max:1G": the first size counts; "max:1G" alone is a size too. */
static uint64_t dom0_bytes(void)
{
	uint64_t bytes = 0, most = (alloc_free_count() - alloc_free_count() / 64) << PAGE_SHIFT;
	char *comma = strchr(opt_dom0_mem, ',');
	const char *text = opt_dom0_mem;

	if (comma) {
		*comma = 0;
	}
	if (strncmp(text, "max:", 4) == 0) {
		text += 4;
	}
	if (*text && args_size(text, &bytes) && bytes) {
		return bytes;
	}
	if (*text) {
		bad_option("dom0_mem");
	}
	return most - most / 8;
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

	/* First words: a console, then what we were asked to do. */
	serial_init(NULL);
	if (!known) {
		panic("not started by a Multiboot loader");
	}
	/* Some loaders put the image's own name first. */
	args_parse(skip_name(bootinfo.cmdline), options, ARRAY_SIZE(options), unknown_option,
		   bad_option);
	log_set_level(*opt_loglvl ? opt_loglvl : "info",
		      *opt_guest_loglvl ? opt_guest_loglvl : "warning");
	choose_console();
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
	time_set_wallclock(clock_rtc_seconds(), 0, cpu_time_now());

	/* The other CPUs, then the control domain. */
	smp_boot_aps(opt_maxcpus);
	paging_seal();
	physdev_init();
	serial_irq_start();
	log_info("%u CPUs, %lu MiB free", cpu_count(), alloc_free_count() >> 8);
	dom0_build(dom0_bytes(), opt_dom0_max_vcpus
					 ? MIN(opt_dom0_max_vcpus, (unsigned int)MAX_VCPUS)
					 : MIN(cpu_count(), (unsigned int)MAX_VCPUS));
	guest_start_idle();
}

void ap_main(unsigned int cpu)
{
	init_idle(cpu);
	guest_start_idle();
}
