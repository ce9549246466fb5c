/*
 * I/O ports.  The control domain reaches the devices; everybody else reads all ones.
 * PCI configuration is shared with the hypervisor, so 0xcf8 is a latch of each domain's own.
 */
#include "core/rights.h"
#include "pv/guest.h"
#include "x86/io.h"
#include "x86/machine.h"

static uint32_t ones(unsigned int bytes)
{
	return bytes == 4 ? ~0u : (1u << (8 * bytes)) - 1;
}

static bool is_pci_data(unsigned int port, unsigned int bytes)
{
	return port >= 0xcfc && port + bytes <= 0xd00;
}

static uint32_t pci_data_in(struct domain *d, unsigned int port, unsigned int bytes)
{
	uint32_t a = d->pv->pci_address;

	if (!(a & 0x80000000u)) {
		return ones(bytes);
	}
	return pci_read(0, (uint8_t)(a >> 16), (uint8_t)(a >> 8), (a & 0xfc) + (port & 3), bytes);
}

static void pci_data_out(struct domain *d, unsigned int port, unsigned int bytes, uint32_t value)
{
	uint32_t a = d->pv->pci_address;

	if (a & 0x80000000u) {
		pci_write(0, (uint8_t)(a >> 16), (uint8_t)(a >> 8), (a & 0xfc) + (port & 3), bytes,
			  value);
	}
}

uint32_t guest_port_in(struct domain *d, unsigned int port, unsigned int bytes)
{
	if (port == 0xcf8 && bytes == 4) {
		return d->pv->pci_address;
	}
	if (!rights_ioport(d, port, bytes)) {
		return ones(bytes);
	}
	if (is_pci_data(port, bytes)) {
		return pci_data_in(d, port, bytes) & ones(bytes);
	}
	return bytes == 1   ? inb((uint16_t)port)
	       : bytes == 2 ? inw((uint16_t)port)
			    : inl((uint16_t)port);
}

void guest_port_out(struct domain *d, unsigned int port, unsigned int bytes, uint32_t value)
{
	if (port == 0xcf8 && bytes == 4) {
		d->pv->pci_address = value;
		return;
	}
	if (!rights_ioport(d, port, bytes)) {
		return;
	}
	if (is_pci_data(port, bytes)) {
		pci_data_out(d, port, bytes, value & ones(bytes));
	} else if (bytes == 1) {
		outb((uint16_t)port, (uint8_t)value);
	} else if (bytes == 2) {
		outw((uint16_t)port, (uint16_t)value);
	} else {
		outl((uint16_t)port, value);
	}
}
