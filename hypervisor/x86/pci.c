/*
 * PCI configuration space: the first 256 bytes of a function through ports 0xcf8/0xcfc, the rest and
 * other segments through the memory window that MCFG describes, one bus mapped at a time when first used.
 */
#include "base/lock.h"
#include "x86/io.h"
#include "x86/machine.h"

#define BUS_WINDOW (1u << 20)

static struct spinlock config_lock = SPINLOCK_INIT(LOCK_IRQ);
static char *bus_window[ARRAY_SIZE(((struct acpi_info *)0)->mcfg)][256];

/* What an absent function answers. */
static uint32_t nothing(unsigned int bytes)
{
	return bytes == 4 ? 0xffffffff : (1u << (bytes * 8)) - 1;
}

static bool reachable_by_ports(uint16_t seg, unsigned int reg)
{
	return seg == 0 && reg < 256;
}

/* The bus's window; two CPUs that both map it waste one, and that is all. */
static char *window(uint16_t seg, uint8_t bus)
{
	for (unsigned int i = 0; i < acpi.mcfgs; i++) {
		const struct acpi_mcfg *m = &acpi.mcfg[i];

		if (m->segment == seg && bus >= m->bus_first && bus <= m->bus_last) {
			if (!bus_window[i][bus]) {
				/* The window starts at bus 0, whatever the first one described is. */
				bus_window[i][bus] = ioremap(m->base + (paddr_t)bus * BUS_WINDOW,
							     BUS_WINDOW);
			}
			return bus_window[i][bus];
		}
	}
	return NULL;
}

static bool well_formed(unsigned int reg, unsigned int bytes)
{
	return (bytes == 1 || bytes == 2 || bytes == 4) && reg < 4096 && !(reg & (bytes - 1));
}

static uint32_t address(uint8_t bus, uint8_t devfn, unsigned int reg)
{
	return 1u << 31 | (uint32_t)bus << 16 | (uint32_t)devfn << 8 | (reg & 0xfc);
}

uint32_t pci_read(uint16_t seg, uint8_t bus, uint8_t devfn, unsigned int reg, unsigned int bytes)
{
	uint32_t v;

	if (!well_formed(reg, bytes)) {
		return nothing(bytes == 1 || bytes == 2 ? bytes : 4);
	}
	if (!reachable_by_ports(seg, reg)) {
		const volatile char *w = window(seg, bus);

		if (!w) {
			return nothing(bytes);
		}
		w += (uint32_t)devfn << 12 | reg;
		return bytes == 1   ? *(const volatile uint8_t *)w
		       : bytes == 2 ? *(const volatile uint16_t *)w
				    : *(const volatile uint32_t *)w;
	}
	spin_lock(&config_lock);
	outl(0xcf8, address(bus, devfn, reg));
	v = bytes == 1	 ? inb((uint16_t)(0xcfc + (reg & 3)))
	    : bytes == 2 ? inw((uint16_t)(0xcfc + (reg & 2)))
			 : inl(0xcfc);
	spin_unlock(&config_lock);
	return v;
}

static void write_window(volatile char *w, unsigned int bytes, uint32_t value)
{
	if (bytes == 1) {
		*(volatile uint8_t *)w = (uint8_t)value;
	} else if (bytes == 2) {
		*(volatile uint16_t *)w = (uint16_t)value;
	} else {
		*(volatile uint32_t *)w = value;
	}
}

void pci_write(uint16_t seg, uint8_t bus, uint8_t devfn, unsigned int reg, unsigned int bytes,
	       uint32_t value)
{
	if (!well_formed(reg, bytes)) {
		return;
	}
	if (!reachable_by_ports(seg, reg)) {
		char *w = window(seg, bus);

		if (w) {
			write_window(w + ((uint32_t)devfn << 12 | reg), bytes, value);
		}
		return;
	}
	spin_lock(&config_lock);
	outl(0xcf8, address(bus, devfn, reg));
	if (bytes == 1) {
		outb((uint16_t)(0xcfc + (reg & 3)), (uint8_t)value);
	} else if (bytes == 2) {
		outw((uint16_t)(0xcfc + (reg & 2)), (uint16_t)value);
	} else {
		outl(0xcfc, value);
	}
	spin_unlock(&config_lock);
}
