/*
 * The first serial port, a 16550: our console until the control domain has one, and its
 * console afterwards.  Output is polled with a bounded wait, so a port that is absent or held by
 * flow control costs time once and never hangs; input comes by interrupt.
 */
#include "x86/serial.h"

#include "arch/cpu.h"
#include "arch/upcall.h"
#include "base/log.h"
#include "x86/io.h"
#include "x86/irq.h"
#include "x86/machine.h"

enum { DATA, IER, FCR, LCR, MCR, LSR, MSR, SCR }; /* registers, from the port on */
#define LSR_DATA  0x01
#define LSR_EMPTY 0x20
#define FIFO_SIZE 16
#define PATIENCE  200000 /* polls: 16 bytes at 9600 baud take some 20 ms */

static struct serial_line line = {
	.baud = 115200, .data_bits = 8, .stop_bits = 1, .parity = 'n', .port = 0x3f8, .irq = 4
};
static bool present;
static bool stuck; /* the last wait was in vain: poll once only until it moves again */

static bool parse_number(const char **s, unsigned int *n)
{
	const char *p = *s;
	unsigned int base = p[0] == '0' && (p[1] == 'x' || p[1] == 'X') ? 16 : 10, v = 0;
	const char *first = base == 16 ? p + 2 : p;

	for (p = first;; p++) {
		unsigned int digit = *p >= '0' && *p <= '9' ? (unsigned int)(*p - '0')
				     : (*p | 32) >= 'a' && (*p | 32) <= 'f'
					     ? (unsigned int)((*p | 32) - 'a') + 10
					     : 99;

		if (digit >= base || v > 100000000) {
			break;
		}
		v = v * base + digit;
	}
	*n = v;
	*s = p;
	return p != first;
}

static bool parse_frame(const char **s, struct serial_line *l)
{
	const char *p = *s;

	if (p[0] < '5' || p[0] > '8') {
		return false;
	}
	if (p[1] != 'n' && p[1] != 'o' && p[1] != 'e' && p[1] != 'm' && p[1] != 's') {
		return false;
	}
	if (p[2] != '1' && p[2] != '2') {
		return false;
	}
	l->data_bits = (uint8_t)(p[0] - '0');
	l->parity = p[1];
	l->stop_bits = (uint8_t)(p[2] - '0');
	*s = p + 3;
	return true;
}

static bool parse_speed(const char **s, struct serial_line *l)
{
	const char *p = *s;

	if (p[0] == 'a' && p[1] == 'u' && p[2] == 't' && p[3] == 'o') {
		l->baud = 0;
		*s = p + 4;
		return true;
	}
	return parse_number(s, &l->baud) && l->baud <= 115200 &&
	       (l->baud == 0 || 115200 % l->baud == 0);
}

bool serial_parse(const char *option, struct serial_line *out)
{
	struct serial_line l = *out;
	const char *p = option;
	unsigned int n;

	for (unsigned int field = 0; *p; field++) {
		bool ok = true;

		if (*p == ',') {
			p++;
			continue;
		}
		switch (field) {
		case 0:
			ok = parse_speed(&p, &l);
			break;
		case 1:
			ok = parse_frame(&p, &l);
			break;
		case 2:
			ok = parse_number(&p, &n) && n && n <= 0xfff8;
			l.port = (uint16_t)n;
			break;
		case 3:
			ok = parse_number(&p, &n) && n < 16;
			l.irq = (uint8_t)n;
			break;
		default:
			ok = false;
			break;
		}
		if (!ok || (*p && *p != ',')) {
			return false;
		}
		p += *p == ',';
	}
	*out = l;
	return true;
}

const struct serial_line *serial_current(void)
{
	static const struct serial_line none;

	return present ? &line : &none;
}

static uint8_t in(unsigned int reg)
{
	return inb((uint16_t)(line.port + reg));
}

static void out(unsigned int reg, uint8_t value)
{
	outb((uint16_t)(line.port + reg), value);
}

static uint8_t frame_bits(void)
{
	uint8_t parity = line.parity == 'o'   ? 0x08
			 : line.parity == 'e' ? 0x18
			 : line.parity == 'm' ? 0x28
			 : line.parity == 's' ? 0x38
					      : 0;

	return (uint8_t)((line.data_bits - 5) | (line.stop_bits == 2 ? 4 : 0) | parity);
}

void serial_init(const char *com1_option)
{
	bool understood = !com1_option || serial_parse(com1_option, &line);

	out(IER, 0);
	out(SCR, 0x5a);
	present = in(SCR) == 0x5a && in(LSR) != 0xff;
	if (!present) {
		return;
	}
	out(LCR, 0x80 | frame_bits());
	if (line.baud) {
		uint16_t divisor = (uint16_t)(115200 / line.baud);

		out(DATA, (uint8_t)divisor);
		out(IER, (uint8_t)(divisor >> 8));
	}
	out(LCR, frame_bits());
	out(FCR, 0x01); /* FIFOs on; what the firmware still sends is not dropped */
	out(MCR, 0x0b); /* DTR, RTS, OUT2: the last lets interrupts through */
	stuck = false;
	if (!understood) {
		log_warn("com1=%s: not understood", com1_option);
	}
}

void serial_off(void)
{
	present = false;
}

static bool wait_empty(void)
{
	for (unsigned int i = 0; i < PATIENCE; i++) {
		if (in(LSR)&LSR_EMPTY) {
			stuck = false;
			return true;
		}
		if (stuck) {
			return false;
		}
		__asm__ volatile("pause");
	}
	stuck = true;
	return false;
}

void serial_write(const char *s, size_t n)
{
	unsigned int room = 0;

	if (!present) {
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (room < 2) {
			if (!wait_empty()) {
				return; /* the rest is in the ring */
			}
			room = FIFO_SIZE;
		}
		if (s[i] == '\n') {
			out(DATA, '\r');
			room--;
		}
		out(DATA, (uint8_t)s[i]);
		room--;
	}
}

void cpu_console_write(const char *s, size_t n)
{
	serial_write(s, n);
}

/* Bounded, as a port that floats would say "data" for ever. */
static void receive(void *unused)
{
	unsigned int gsi;
	bool level, active_low;

	(void)unused;
	for (unsigned int i = 0; i < 256 && (in(LSR)&LSR_DATA); i++) {
		upcall_console_byte((char)in(DATA));
	}
	ioapic_isa(line.irq, &gsi, &level, &active_low);
	irq_gsi_done(gsi); /* matters only where the firmware wired it as a level */
}

void serial_irq_start(void)
{
	int rc;

	if (!present || !line.irq) {
		return;
	}
	rc = irq_claim_isa(line.irq, receive, NULL);
	if (rc) {
		log_warn("serial: no interrupt %u (%d): no console input", line.irq, rc);
		return;
	}
	out(IER, 0x01);
	receive(NULL);
}
