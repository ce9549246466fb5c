/* The machine's console: only the control domain writes and reads it. */
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <xen/errno.h>
#include <xen/xen.h>
#include <xen/event_channel.h>

#include "base/log.h"
#include "core/console_io.h"
#include "core/hypercall.h"
#include "tests/fake/guest_fake.h"

static char written[4096], guest_line[256];
static struct domain *d1;

void log_write_raw(const char *s, size_t n)
{
	strncat(written, s, n);
}

void log_guest(enum log_level level, unsigned int domid, const char *fmt, ...)
{
	va_list ap;

	(void)level;
	(void)domid;
	va_start(ap, fmt);
	vsnprintf(guest_line, sizeof(guest_line), fmt, ap);
	va_end(ap);
}

static void setup(void)
{
	world_start();
	d1 = world_domain(1, 1);
}

TestSuite(console_io, .init = setup, .fini = world_stop);

static long io(struct domain *as, unsigned int cmd, uint64_t count, const void *buf)
{
	world_enter(as);
	return do_console_io(cmd, count, WORLD_GVA(buf), 0, 0);
}

Test(console_io, the_control_domain_writes_verbatim)
{
	char text[301];

	memset(text, 'a', 300);
	text[300] = 0;
	text[150] = '\n';
	cr_expect_eq(io(dom0, CONSOLEIO_write, 300, text), 0);
	cr_expect_str_eq(written, text);
	cr_expect_eq(io(dom0, CONSOLEIO_write, 5, NULL), -XEN_EFAULT);
	cr_expect_eq(io(dom0, CONSOLEIO_write, 0xffffffff, text), -XEN_EINVAL);
	cr_expect_eq(io(dom0, 7, 1, text), -XEN_ENOSYS);
}

Test(console_io, a_long_write_stops_between_pieces)
{
	char text[301];

	memset(text, 'b', 300);
	world.preempt_every = 1;
	io(dom0, CONSOLEIO_write, 300, text);
	cr_assert(world.restarted);
	cr_expect_eq(world.restart_args[1] + strlen(written), 300);
	cr_expect_eq(world.restart_args[2], WORLD_GVA(text) + strlen(written));
}

Test(console_io, guests_are_refused_and_their_line_is_logged_harmlessly)
{
	cr_expect_eq(io(d1, CONSOLEIO_write, 12, "hi %s \033[2J\r\n"), -XEN_EPERM);
	cr_expect_str_eq(guest_line, "hi %s .[2J");
	cr_expect_eq(io(d1, CONSOLEIO_write, 0, "x"), -XEN_EPERM);
	cr_expect_eq(io(d1, CONSOLEIO_write, ~0ULL, NULL), -XEN_EPERM);
	cr_expect_eq(io(d1, CONSOLEIO_read, 5, NULL), -XEN_EPERM);
	cr_expect_eq(written[0], 0);
}

Test(console_io, input_waits_and_the_control_domain_is_told)
{
	struct evtchn_bind_virq b = { .virq = VIRQ_CONSOLE };
	char got[2000] = { 0 };
	unsigned int i;

	world_enter(dom0);
	cr_assert_eq(do_event_channel_op(EVTCHNOP_bind_virq, WORLD_GVA(&b), 0, 0, 0), 0);
	cr_expect_eq(io(dom0, CONSOLEIO_read, 10, got), 0);
	console_input('o');
	console_input('k');
	cr_expect(world_pending(dom0, b.port));
	cr_expect_eq(io(dom0, CONSOLEIO_read, 1, got), 1);
	cr_expect_eq(io(dom0, CONSOLEIO_read, 10, got + 1), 1);
	cr_expect_str_eq(got, "ok");
	for (i = 0; i < 3000; i++) {
		console_input((char)('a' + i % 26));
	}
	cr_expect_eq(io(dom0, CONSOLEIO_read, sizeof(got), got), 1024,
		     "what came too much is dropped");
	cr_expect_eq(got[0], 'a');
	cr_expect_eq(got[1023], 'a' + 1023 % 26);
	cr_expect_eq(io(dom0, CONSOLEIO_read, 1, got), 0);
}

Test(console_io, what_cannot_be_told_waits_on)
{
	char got[300] = { 0 };

	for (unsigned int i = 0; i < 200; i++) {
		console_input((char)('a' + i % 26));
	}
	cr_expect_eq(io(dom0, CONSOLEIO_read, 10, NULL), -XEN_EFAULT);
	/* A buffer that ends before the second piece: what went before it is told. */
	world.fault_writes = true;
	world.fault_writes_after = 1;
	cr_expect_eq(io(dom0, CONSOLEIO_read, 200, got), 128);
	world.fault_writes = false;
	cr_expect_eq(io(dom0, CONSOLEIO_read, 200, got + 128), 72);
	for (unsigned int i = 0; i < 200; i++) {
		cr_expect_eq(got[i], 'a' + i % 26);
	}
}
