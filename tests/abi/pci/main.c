/*
 * PCI configuration space by ports, as the control domain has it: an address in 0xcf8, which is a domain's own and only
 * takes 32 bits, and data at 0xcfc in bytes, words and double words.  A function that there is not, and an address
 * without its highest bit, read as ones and write nothing (PCI Local Bus 3.0, 3.2.2.3.2; public/physdev.h).
 */
#include "frontends/rt/test.h"

#include <xen/physdev.h>

#define ADDRESS	  0xcf8
#define DATA	  0xcfc
#define ENABLE	  (1u << 31)
#define VENDOR	  0x00
#define CLASS	  0x08
#define BARS	  0x10
#define INTERRUPT 0x3c /* its low byte is a note that nobody but software looks at */
#define FUNCTIONS 256
#define NO_DEVICE 0xffffffffu
#define BRIDGE	  0x06 /* class */

#define IN(name, type)                                               \
	static type name(uint16_t port)                              \
	{                                                            \
		type v;                                              \
		__asm__ volatile("in %1, %0" : "=a"(v) : "d"(port)); \
		return v;                                            \
	}
#define OUT(name, type)                                             \
	static void name(uint16_t port, type v)                     \
	{                                                           \
		__asm__ volatile("out %0, %1" ::"a"(v), "d"(port)); \
	}
IN(in8, uint8_t)
IN(in16, uint16_t)
IN(in32, uint32_t)
OUT(out8, uint8_t)
OUT(out16, uint16_t)
OUT(out32, uint32_t)

static uint32_t address(unsigned int devfn, unsigned int reg)
{
	return ENABLE | devfn << 8 | reg;
}

static uint32_t config(unsigned int devfn, unsigned int reg)
{
	out32(ADDRESS, address(devfn, reg));
	return in32(DATA);
}

/* A function of bus 0 that is no bridge, or -1; how many there are. */
static int find_device(unsigned int *count)
{
	int found = -1;

	*count = 0;
	for (unsigned int devfn = 0; devfn < FUNCTIONS; devfn++) {
		if (config(devfn, VENDOR) == NO_DEVICE) {
			continue;
		}
		(*count)++;
		if (config(devfn, CLASS) >> 24 != BRIDGE) {
			found = (int)devfn;
		}
	}
	return found;
}

static void reading(unsigned int devfn)
{
	uint32_t id = config(devfn, VENDOR), class = config(devfn, CLASS);

	CHECK((id & 0xffff) != 0 && (id & 0xffff) != 0xffff, "maker %#x, device %#x", id & 0xffff,
	      id >> 16);
	out32(ADDRESS, address(devfn, VENDOR));
	CHECK_EQ(in32(ADDRESS), address(devfn, VENDOR), "the address is read back");
	CHECK_EQ(in16(DATA), id & 0xffff, "its lower word");
	CHECK_EQ(in16(DATA + 2), id >> 16, "its upper word");
	for (unsigned int i = 0; i < 4; i++) {
		CHECK_EQ(in8(DATA + i), id >> (8 * i) & 0xff, "its byte %u", i);
	}
	CHECK_EQ(config(devfn, CLASS), class, "the next register is another");
	CHECK(class != id, "indeed");
}

static void writing(unsigned int devfn)
{
	uint32_t before = config(devfn, INTERRUPT), now;

	out8(DATA, 0x5a);
	now = config(devfn, INTERRUPT);
	CHECK_EQ(now, (before & ~0xffu) | 0x5a, "a byte is written, and no other");
	out16(DATA, (uint16_t)((before & 0xff00) | 0xa5));
	CHECK_EQ(config(devfn, INTERRUPT), (before & ~0xffu) | 0xa5, "a word");
	out32(DATA, (before & ~0xffu) | 0x3c);
	CHECK_EQ(config(devfn, INTERRUPT), (before & ~0xffu) | 0x3c, "a double word");
	out32(ADDRESS, address(devfn, INTERRUPT) & ~ENABLE);
	out8(DATA, 0x11);
	CHECK_EQ(in8(DATA), 0xff, "without the highest bit there is nothing to read");
	CHECK_EQ(in16(DATA + 2), 0xffff, "in words");
	CHECK_EQ(in32(DATA), NO_DEVICE, "or more");
	CHECK_EQ(config(devfn, INTERRUPT) & 0xff, 0x3c, "and nothing was written");
	out8(DATA, (uint8_t)before);
	CHECK_EQ(config(devfn, INTERRUPT), before, "as it was");
}

/* Only 32 bits at once are the address; beside it, and in pieces, are other ports. */
static void address_port(unsigned int devfn)
{
	uint32_t mine = address(devfn, VENDOR), id = config(devfn, VENDOR);

	out32(ADDRESS, mine);
	out8(ADDRESS, 0x40);
	out16(ADDRESS, 0x40);
	CHECK_EQ(in32(ADDRESS), mine, "pieces do not change the address");
	CHECK_EQ(in32(DATA), id, "nor what it stands for");
	CHECK_EQ(config(devfn, BARS) == id, 0, "another register");
	out32(ADDRESS, NO_DEVICE);
	CHECK_EQ(in32(ADDRESS) & 0x80fffffc, 0x80fffffc, "any address");
	CHECK_EQ(in32(DATA), NO_DEVICE, "where nothing is");
	out32(DATA, 0);
	CHECK_EQ(config(devfn, VENDOR), id, "and the device is there");
}

static void no_device(void)
{
	for (unsigned int devfn = 0; devfn < FUNCTIONS; devfn++) {
		uint32_t id = config(devfn, VENDOR);

		if (id == NO_DEVICE) {
			CHECK_EQ(in8(DATA + 3), 0xff, "function %#x is not there", devfn);
			out32(DATA, 0x12345678);
			CHECK_EQ(in32(DATA), NO_DEVICE, "nor after a write");
			return;
		}
	}
}

enum verdict guest_main(void)
{
	struct physdev_set_iopl level = { .iopl = 1 };
	unsigned int count;
	int devfn;

	hcall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, ptr_arg(&level));
	if (!is_control_domain()) {
		out32(ADDRESS, address(0, VENDOR));
		CHECK_EQ(in32(DATA), NO_DEVICE, "a guest sees no devices");
		return SUCCESS;
	}
	devfn = find_device(&count);
	CHECK(count > 0, "%u functions on bus 0", count);
	no_device();
	if (devfn < 0) {
		return SKIP; /* a machine of bridges */
	}
	reading((unsigned int)devfn);
	writing((unsigned int)devfn);
	address_port((unsigned int)devfn);
	return SUCCESS;
}
