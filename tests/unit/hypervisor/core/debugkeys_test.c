/* Keys that ask the hypervisor: who listens to the console, and what it says of domains, vCPUs, CPUs and events. */
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/xen.h>
#include <xen/event_channel.h>

#include "arch/cpu.h"
#include "arch/upcall.h"
#include "base/log.h"
#include "core/console_io.h"
#include "core/debugkeys.h"
#include "core/hypercall.h"
#include "mm/alloc.h"
#include "tests/fake/guest_fake.h"

#define CTRL_A	 "\001\001\001"
#define REBOOTED 42

static char said[8192], passed_on[64];
static struct domain *d0, *d1;

void log_print(enum log_level level, const char *fmt, ...)
{
	size_t n = strlen(said);
	va_list ap;

	(void)level;
	va_start(ap, fmt);
	vsnprintf(said + n, sizeof(said) - n - 1, fmt, ap);
	va_end(ap);
	strcat(said, "\n");
}

void console_input(char c)
{
	strncat(passed_on, &c, 1);
}

uint64_t alloc_free_count(void)
{
	return 4321;
}

void cpu_reboot(void)
{
	exit(REBOOTED);
}

static void setup(void)
{
	world_start();
	d0 = world.domain[0];
	d1 = world_domain(1, 3);
}

TestSuite(debugkeys, .init = setup, .fini = world_stop);

static const char *press(char key)
{
	said[0] = 0;
	debugkeys_press(key);
	return said;
}

static void type(const char *s)
{
	said[0] = passed_on[0] = 0;
	for (; *s; s++) {
		upcall_console_byte(*s);
	}
}

/* Lines of what was said that have this in them. */
static unsigned int lines_with(const char *part)
{
	unsigned int n = 0;

	for (const char *p = said; (p = strstr(p, part)) != NULL; p++) {
		n++;
	}
	return n;
}

Test(debugkeys, input_is_the_control_domains_until_ctrl_a_three_times)
{
	type("h\r");
	cr_expect_str_eq(passed_on, "h\r");
	cr_expect_str_empty(said);
	type("\001\001x\001\001");
	cr_expect_str_eq(passed_on, "\001\001x\001\001", "twice is the control domain's own");
	type("\001");
	cr_expect_str_empty(passed_on, "the third is not");
	cr_expect(strstr(said, "to the hypervisor"));
	type("h\r\n");
	cr_expect_str_empty(passed_on);
	cr_expect(strstr(said, "this list"));
	cr_expect(!strstr(said, "no such key"), "the end of a line is no key");
	type("\001Z");
	cr_expect(strstr(said, "no such key"));
	type(CTRL_A);
	cr_expect(strstr(said, "to the control domain"));
	type("h");
	cr_expect_str_eq(passed_on, "h");
	cr_expect_str_empty(said);
}

static unsigned int first, second;

static void key_one(void)
{
	first++;
}

static void key_two(void)
{
	second++;
}

Test(debugkeys, others_add_keys_and_the_last_of_one_name_stays)
{
	cr_expect(strstr(press('x'), "no such key"));
	debugkeys_register('x', "one", key_one);
	cr_expect_str_empty(press('x'));
	debugkeys_register('x', "two", key_two);
	press('x');
	cr_expect(first == 1 && second == 1);
	press('h');
	cr_expect(strstr(said, "x  two") && !strstr(said, "x  one"));
	for (char key = 'A'; key <= 'Z'; key++) { /* more than there is room for: the first stay */
		if (key != 'R') {
			debugkeys_register(key, "more", key_one);
		}
	}
	press('x');
	cr_expect_eq(second, 2);
	cr_expect(strstr(press('Z'), "no such key"));
}

Test(debugkeys, the_list_names_each_key)
{
	press('h');
	for (const char *key = "hdqeR"; *key; key++) {
		char line[] = { '\n', ' ', ' ', *key, ' ', ' ', 0 };

		cr_expect(strstr(said, line) || strncmp(said, line + 1, 5) == 0, "%c", *key);
	}
}

Test(debugkeys, domains_and_what_their_vcpus_do)
{
	atomic_store(&d1->vcpu[0]->pause_flags, 0);
	atomic_store(&d1->vcpu[0]->running, true);
	atomic_store(&d1->vcpu[1]->running, false);
	atomic_store(&d1->vcpu[1]->pause_flags, VPF_DOWN);
	atomic_store(&d1->vcpu[2]->pause_flags, VPF_POLLING);
	d1->vcpu[2]->info->evtchn_upcall_pending = 1;
	d1->vcpu[2]->info->evtchn_upcall_mask = 1;
	d1->pages.total = 77;
	d1->pages.max = 99;
	press('q');
	cr_expect(strstr(said, "4321 frames free"));
	cr_expect(strstr(said, "d0:") && strstr(said, "d1: 77 of 99 pages"));
	cr_expect(!strstr(said, "shut down") && !strstr(said, "dying"));
	cr_expect(strstr(said, "d1v0: running"));
	cr_expect(strstr(said, "d1v1: down"));
	cr_expect(strstr(said, "d1v2: blocked"));
	cr_expect(strstr(said, "events pending, masked"));
	atomic_store(&d1->vcpu[0]->running, false);
	atomic_store(&d1->vcpu[1]->pause_flags, VPF_PAUSED);
	atomic_store(&d1->vcpu[2]->pause_flags, VPF_SHUTDOWN);
	d1->shutdown = true;
	d1->dying = true;
	press('q');
	cr_expect(strstr(said, "d1v0: ready"));
	cr_expect(strstr(said, "d1v1: paused"));
	cr_expect(strstr(said, "d1v2: shut down"));
	cr_expect(strstr(said, "references, shut down, dying"));
	d1->shutdown = d1->dying = false;
}

Test(debugkeys, what_the_cpus_run)
{
	for (unsigned int i = 0; i < d0->max_vcpus; i++) {
		atomic_store(&d0->vcpu[i]->running, false);
	}
	atomic_store(&d1->vcpu[1]->running, true);
	atomic_store(&d1->vcpu[1]->cpu, 5);
	press('d');
	cr_expect(strstr(said, "CPU 5 runs d1v1"));
	cr_expect_eq(lines_with(" runs "), 1);
}

static long op(struct domain *as, unsigned int cmd, void *arg)
{
	world_enter(as);
	return do_event_channel_op(cmd, WORLD_GVA(arg), 0, 0, 0);
}

static void expect_port(unsigned int port, const char *rest)
{
	char line[80];

	snprintf(line, sizeof(line), "  %4u %s\n", port, rest);
	cr_expect(strstr(said, line), "%s in:\n%s", line, said);
}

Test(debugkeys, ports_with_who_is_at_the_other_end)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = 1 };
	struct evtchn_alloc_unbound open = { .dom = DOMID_SELF, .remote_dom = 0 };
	struct evtchn_bind_virq virq = { .virq = VIRQ_DEBUG, .vcpu = 1 };
	struct evtchn_bind_ipi ipi = { .vcpu = 2 };
	struct evtchn_bind_interdomain pair = { .remote_dom = 0 };

	cr_assert_eq(op(d0, EVTCHNOP_alloc_unbound, &a), 0);
	pair.remote_port = a.port;
	cr_assert_eq(op(d1, EVTCHNOP_bind_interdomain, &pair), 0);
	cr_assert_eq(op(d1, EVTCHNOP_alloc_unbound, &open), 0);
	cr_assert_eq(op(d1, EVTCHNOP_bind_virq, &virq), 0);
	cr_assert_eq(op(d1, EVTCHNOP_bind_ipi, &ipi), 0);
	world_clear_pending(d1, pair.local_port); /* binding rings it */
	world_mask(d1, virq.port, true);
	cr_assert_eq(evtchn_port_pending(d1, ipi.port), 0);
	press('e');
	cr_expect(strstr(said, "d0: event channels") && strstr(said, "d1: event channels"));
	expect_port(a.port, "interdomain 1 to v0");
	expect_port(pair.local_port, "interdomain 0 to v0");
	expect_port(open.port, "unbound 0 to v0");
	expect_port(virq.port, "virq 1 to v1 masked");
	expect_port(ipi.port, "ipi 0 to v2");
	cr_expect_eq(lines_with(" to v"), 5);
	cr_assert_eq(op(d0, EVTCHNOP_send, &(struct evtchn_send){ a.port }), 0);
	press('e');
	expect_port(pair.local_port, "interdomain 0 to v0 pending");
}

Test(debugkeys, one_key_ends_it_all, .exit_code = REBOOTED)
{
	press('R');
}
