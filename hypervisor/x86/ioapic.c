/*
 * The IO-APICs: one entry for each interrupt line.  All of it runs under irq.c's lock except what only
 * reads what was found at boot.
 */
#include "base/log.h"
#include "x86/irq.h"
#include "x86/machine.h"

#define ENTRY_MASKED	 (1u << 16)
#define ENTRY_LEVEL	 (1u << 15)
#define ENTRY_REMOTE_IRR (1u << 14)
#define ENTRY_ACTIVE_LOW (1u << 13)
#define MAX_IOAPICS	 8

static struct ioapic {
	volatile uint32_t *registers; /* index at 0, data at 16 */
	paddr_t address;
	unsigned int gsi_base, lines;
	uint8_t version;
} ioapic[MAX_IOAPICS];
static unsigned int ioapics;

static uint32_t read_reg(const struct ioapic *a, unsigned int reg)
{
	a->registers[0] = reg;
	return a->registers[4];
}

static void write_reg(const struct ioapic *a, unsigned int reg, uint32_t value)
{
	a->registers[0] = reg;
	a->registers[4] = value;
}

static const struct ioapic *find(unsigned int gsi, unsigned int *line)
{
	for (unsigned int i = 0; i < ioapics; i++) {
		if (gsi >= ioapic[i].gsi_base && gsi - ioapic[i].gsi_base < ioapic[i].lines) {
			*line = gsi - ioapic[i].gsi_base;
			return &ioapic[i];
		}
	}
	return NULL;
}

unsigned int ioapic_gsi_end(void)
{
	unsigned int end = 0;

	for (unsigned int i = 0; i < ioapics; i++) {
		end = MAX(end, ioapic[i].gsi_base + ioapic[i].lines);
	}
	return end;
}

bool ioapic_has_gsi(unsigned int gsi)
{
	unsigned int line;

	return find(gsi, &line) != NULL;
}

static unsigned int low_of(unsigned int line)
{
	return 0x10 + 2 * line;
}

void ioapic_write_entry(unsigned int gsi, uint8_t vector, uint32_t apic_id, bool level,
			bool active_low)
{
	unsigned int line;
	const struct ioapic *a = find(gsi, &line);
	uint32_t low = vector | ENTRY_MASKED | (level ? ENTRY_LEVEL : 0) |
		       (active_low ? ENTRY_ACTIVE_LOW : 0);

	if (a) {
		write_reg(a, low_of(line), low); /* masked first: the halves are two writes */
		write_reg(a, low_of(line) + 1, apic_id << 24);
	}
}

static void set_mask(unsigned int gsi, bool masked)
{
	unsigned int line;
	const struct ioapic *a = find(gsi, &line);
	uint32_t low;

	if (a) {
		low = read_reg(a, low_of(line));
		write_reg(a, low_of(line), masked ? low | ENTRY_MASKED : low & ~ENTRY_MASKED);
	}
}

/* The read in between makes the mask take effect before the interrupt is acknowledged. */
void ioapic_mask(unsigned int gsi)
{
	unsigned int line;
	const struct ioapic *a = find(gsi, &line);

	set_mask(gsi, true);
	if (a) {
		(void)read_reg(a, low_of(line));
	}
}

void ioapic_unmask(unsigned int gsi)
{
	set_mask(gsi, false);
}

/* Polarity and trigger of an override; 0 in either means the bus's own, here ISA's: edge, active high. */
static void read_flags(uint16_t flags, bool *level, bool *active_low)
{
	*active_low = (flags & 3) == 3;
	*level = (flags >> 2 & 3) == 3;
}

void ioapic_isa(unsigned int isa_irq, unsigned int *gsi, bool *level, bool *active_low)
{
	*gsi = isa_irq;
	*level = *active_low = false;
	for (unsigned int i = 0; i < acpi.overrides; i++) {
		if (acpi.override[i].source == isa_irq) {
			*gsi = acpi.override[i].gsi;
			read_flags(acpi.override[i].flags, level, active_low);
		}
	}
}

void ioapic_default(unsigned int gsi, bool *level, bool *active_low)
{
	for (unsigned int i = 0; i < acpi.overrides; i++) {
		if (acpi.override[i].gsi == gsi) {
			read_flags(acpi.override[i].flags, level, active_low);
			return;
		}
	}
	*level = *active_low = gsi >= 16;
}

static bool open_ioapic(const struct acpi_ioapic *from)
{
	struct ioapic *a = &ioapic[ioapics];
	uint32_t version;

	a->address = from->address;
	a->gsi_base = from->gsi_base;
	a->registers = ioremap(from->address, 32);
	version = read_reg(a, 1);
	if (version == 0xffffffff) {
		log_warn("IO-APIC at %#x does not answer", from->address);
		return false;
	}
	a->version = (uint8_t)version;
	a->lines = MIN((version >> 16 & 0xff) + 1, 240u);
	if (a->gsi_base > 4096) {
		log_warn("IO-APIC at %#x starts at line %u; left out", from->address, a->gsi_base);
		return false;
	}
	return true;
}

void ioapic_init(void)
{
	for (unsigned int i = 0; i < acpi.ioapics && ioapics < MAX_IOAPICS; i++) {
		const struct ioapic *a = &ioapic[ioapics];

		if (!open_ioapic(&acpi.ioapic[i])) {
			continue;
		}
		ioapics++;
		for (unsigned int line = 0; line < a->lines; line++) {
			write_reg(a, low_of(line), ENTRY_MASKED);
			write_reg(a, low_of(line) + 1, 0);
		}
		log_info("IO-APIC: version %#x at %#lx, lines %u to %u", a->version,
			 (unsigned long)a->address, a->gsi_base, a->gsi_base + a->lines - 1);
	}
}

bool ioapic_read(paddr_t base, uint8_t reg, uint32_t *value)
{
	for (unsigned int i = 0; i < ioapics; i++) {
		if (ioapic[i].address == base) {
			/* Identity only: entries are ours alone. */
			*value = reg <= 2 ? read_reg(&ioapic[i], reg) : 0;
			return true;
		}
	}
	return false;
}

unsigned int ioapic_count(void)
{
	return ioapics;
}

paddr_t ioapic_address(unsigned int i)
{
	return ioapic[i].address;
}
