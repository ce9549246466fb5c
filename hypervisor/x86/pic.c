/*
 * The two 8259 interrupt controllers of old: moved out of the exceptions' way and masked for good.
 * Interrupts come through the IO-APICs; a spurious one from here lands on 0x20..0x2f and is dropped.
 */
#include "x86/io.h"
#include "x86/machine.h"

#define PIC1	   0x20
#define PIC2	   0xa0
#define VECTOR_PIC 0x20

/* A write to port 0x80 gives old chips the microsecond they need between commands. */
static void put(uint16_t port, uint8_t value)
{
	outb(port, value);
	outb(0x80, 0);
}

void pic_init(void)
{
	put(PIC1, 0x11); /* edge, cascade, four command words */
	put(PIC2, 0x11);
	put(PIC1 + 1, VECTOR_PIC);
	put(PIC2 + 1, VECTOR_PIC + 8);
	put(PIC1 + 1, 4); /* the second hangs on line 2 */
	put(PIC2 + 1, 2);
	put(PIC1 + 1, 1); /* 8086 mode */
	put(PIC2 + 1, 1);
	put(PIC1 + 1, 0xff);
	put(PIC2 + 1, 0xff);
}
