/* The com1= option. */
#include <criterion/criterion.h>
#include <string.h>

#include "arch/upcall.h"
#include "base/log.h"
#include "x86/irq.h"
#include "x86/serial.h"

/* What serial.c calls besides; no test gets there. */
void log_print(enum log_level level, const char *fmt, ...)
{
	(void)level, (void)fmt;
}
void upcall_console_byte(char c)
{
	(void)c;
}
int irq_claim_isa(unsigned int irq, irq_handler fn, void *arg)
{
	(void)irq, (void)fn, (void)arg;
	return 0;
}
void irq_gsi_done(unsigned int gsi)
{
	(void)gsi;
}
void ioapic_isa(unsigned int i, unsigned int *g, bool *l, bool *a)
{
	(void)i, (void)g, (void)l, (void)a;
}

static const struct serial_line start = { 115200, 8, 1, 'n', 0x3f8, 4 };

Test(serial, every_part_may_be_given_or_left_out)
{
	struct serial_line l = start;

	cr_assert(serial_parse("9600", &l));
	cr_assert_eq(l.baud, 9600);
	cr_assert(serial_parse("57600,7e2,0x2f8,3", &l));
	cr_assert_eq(l.baud, 57600);
	cr_assert_eq(l.data_bits, 7);
	cr_assert_eq(l.parity, 'e');
	cr_assert_eq(l.stop_bits, 2);
	cr_assert_eq(l.port, 0x2f8);
	cr_assert_eq(l.irq, 3);
	l = start;
	cr_assert(serial_parse("115200,8n1", &l));
	cr_assert_eq(l.port, 0x3f8);
	cr_assert_eq(l.irq, 4);
	cr_assert(serial_parse("auto,,1016,0", &l));
	cr_assert_eq(l.baud, 0);
	cr_assert_eq(l.data_bits, 8);
	cr_assert_eq(l.port, 0x3f8);
	cr_assert_eq(l.irq, 0);
	cr_assert(serial_parse("", &l));
}

Test(serial, what_is_ill_formed_changes_nothing)
{
	static const char *const bad[] = { "fast",
					   "115200,9n1",
					   "115200,8x1",
					   "115200,8n3",
					   "115200,8n1,0x",
					   "1234567",
					   "115200,8n1,0x1fff9",
					   "115200,8n1,0x3f8,16",
					   "115200,8n1,0x3f8,4,5",
					   "7000",
					   "115200 ",
					   "99999999999999999999",
					   "115200,8n",
					   "115200,8" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct serial_line l = start;

		cr_assert_not(serial_parse(bad[i], &l), "%s", bad[i]);
		cr_assert_eq(memcmp(&l, &start, sizeof(l)), 0, "%s", bad[i]);
	}
}
