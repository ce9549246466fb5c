/* The com1= option, parsed: pure, so that its tests run on the host.  The line itself is in machine.h. */
#ifndef PAVANE_X86_SERIAL_H
#define PAVANE_X86_SERIAL_H

#include "lib/types.h"

struct serial_line {
	unsigned int baud; /* 0: leave as the firmware set it */
	uint8_t data_bits, stop_bits;
	char parity;   /* n o e m s */
	uint16_t port; /* first of eight */
	uint8_t irq;   /* 0: never ask for interrupts */
};

/* "115200,8n1,0x3f8,4": every part may be left out; "auto" keeps the speed.  False leaves *line as it was. */
bool serial_parse(const char *option, struct serial_line *line);
/* Where the console is; port 0 if there is none. */
const struct serial_line *serial_current(void);

#endif
