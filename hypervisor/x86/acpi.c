/*
 * What we need of the firmware's tables: processors, IO-APICs and overrides (MADT), HPET, power
 * registers (FADT), PCI configuration space (MCFG).  The rest, and all its byte code, is the control
 * domain's.  Nothing here trusts a length: each table is mapped as long as it says it is, at
 * most TABLE_MAX, and every read is checked against that.
 */
#include "base/log.h"
#include "lib/string.h"
#include "x86/machine.h"

#define TABLE_MAX    (1u << 20)
#define HEADER_SIZE  36u
#define BIOS_START   0xe0000u
#define BIOS_END     0x100000u
#define EBDA_POINTER 0x40eu

struct acpi_info acpi;

struct table {
	const uint8_t *bytes;
	uint32_t size;
};

/* Little-endian field of 1..8 bytes; what lies outside reads as 0. */
static uint64_t field(struct table t, uint32_t at, unsigned int bytes)
{
	uint64_t v = 0;

	if (at > t.size || bytes > t.size - at) {
		return 0;
	}
	for (unsigned int i = bytes; i-- > 0;) {
		v = v << 8 | t.bytes[at + i];
	}
	return v;
}

static bool sum_is_zero(const uint8_t *p, uint32_t n)
{
	uint8_t sum = 0;

	for (uint32_t i = 0; i < n; i++) {
		sum = (uint8_t)(sum + p[i]);
	}
	return sum == 0;
}

/* --- the single tables --- */

static void add_cpu(uint32_t apic_id, uint32_t acpi_id, uint32_t flags)
{
	if (!(flags & 1)) {
		return; /* absent, or to be plugged in later */
	}
	for (unsigned int i = 0; i < acpi.cpus; i++) {
		if (acpi.cpu[i].apic_id == apic_id) {
			return;
		}
	}
	if (acpi.cpus == ARRAY_SIZE(acpi.cpu)) {
		log_warn("ACPI: more than %u CPUs; APIC id %u is left out", MAX_CPUS, apic_id);
		return;
	}
	acpi.cpu[acpi.cpus++] =
		(struct acpi_cpu){ .apic_id = apic_id, .acpi_id = acpi_id, .enabled = true };
}

static void add_ioapic(struct table e)
{
	if (acpi.ioapics < ARRAY_SIZE(acpi.ioapic)) {
		acpi.ioapic[acpi.ioapics++] = (struct acpi_ioapic){
			.id = (uint8_t)field(e, 2, 1),
			.address = (uint32_t)field(e, 4, 4),
			.gsi_base = (uint32_t)field(e, 8, 4),
		};
	} else {
		log_warn("ACPI: too many IO-APICs");
	}
}

static void add_override(struct table e)
{
	if (acpi.overrides < ARRAY_SIZE(acpi.override)) {
		acpi.override[acpi.overrides++] = (struct acpi_override){
			.source = (uint8_t)field(e, 3, 1),
			.gsi = (uint32_t)field(e, 4, 4),
			.flags = (uint16_t)field(e, 8, 2),
		};
	}
}

static void parse_madt_entry(struct table e)
{
	/* The shortest form of each kind we know. */
	static const uint8_t shortest[] = { [0] = 8, [1] = 12, [2] = 10, [5] = 12, [9] = 16 };
	uint8_t type = (uint8_t)field(e, 0, 1);

	if (type >= sizeof(shortest) || !shortest[type] || e.size < shortest[type]) {
		return;
	}
	switch (type) {
	case 0:
		add_cpu((uint32_t)field(e, 3, 1), (uint32_t)field(e, 2, 1),
			(uint32_t)field(e, 4, 4));
		break;
	case 1:
		add_ioapic(e);
		break;
	case 2:
		add_override(e);
		break;
	case 5:
		acpi.lapic_address = field(e, 4, 8);
		break;
	case 9:
		add_cpu((uint32_t)field(e, 4, 4), (uint32_t)field(e, 12, 4),
			(uint32_t)field(e, 8, 4));
		break;
	default:
		break;
	}
}

static void parse_madt(struct table t)
{
	uint32_t at = 44;

	acpi.lapic_address = field(t, 36, 4);
	while (at + 2 <= t.size) {
		uint32_t length = t.bytes[at + 1];

		if (length < 2 || length > t.size - at) {
			log_warn("ACPI: MADT is damaged at byte %u", at);
			return;
		}
		parse_madt_entry((struct table){ t.bytes + at, length });
		at += length;
	}
}

static void parse_hpet(struct table t)
{
	if (field(t, 40, 1) == 0 && t.size >= 52) { /* in memory */
		acpi.hpet_address = field(t, 44, 8);
	}
}

static void parse_fadt(struct table t)
{
	uint32_t flags = (uint32_t)field(t, 112, 4);

	acpi.sci_gsi = (uint16_t)field(t, 46, 2);
	acpi.pm1a_event = (uint32_t)field(t, 56, 4);
	acpi.pm1a_control = (uint32_t)field(t, 64, 4);
	acpi.pm1b_control = (uint32_t)field(t, 68, 4);
	acpi.pm_timer_port = (uint32_t)field(t, 76, 4);
	acpi.pm_timer_32 = flags & (1u << 8);
	acpi.rtc_century = (uint8_t)field(t, 108, 1);
	acpi.has_8042 = field(t, 109, 2) & 2;
	acpi.reset_supported = (flags & (1u << 10)) && t.size >= 129;
	acpi.reset_space = (uint8_t)field(t, 116, 1);
	acpi.reset_address = field(t, 120, 8);
	acpi.reset_value = (uint8_t)field(t, 128, 1);
}

static void parse_mcfg(struct table t)
{
	for (uint32_t at = 44; at + 16 <= t.size && acpi.mcfgs < ARRAY_SIZE(acpi.mcfg); at += 16) {
		struct acpi_mcfg m = {
			.base = field(t, at, 8),
			.segment = (uint16_t)field(t, at + 8, 2),
			.bus_first = (uint8_t)field(t, at + 10, 1),
			.bus_last = (uint8_t)field(t, at + 11, 1),
		};

		if (m.base && !(m.base & 0xfffff) && m.bus_first <= m.bus_last) {
			acpi.mcfg[acpi.mcfgs++] = m;
		}
	}
}

static const struct {
	char signature[5];
	void (*parse)(struct table t);
} known[] = {
	{ "APIC", parse_madt },
	{ "HPET", parse_hpet },
	{ "FACP", parse_fadt },
	{ "MCFG", parse_mcfg },
};

/* --- finding them --- */

/* Maps a table if its header looks right; size 0 otherwise. */
static struct table map_table(paddr_t p, bool whole)
{
	struct table t = { ioremap(p, HEADER_SIZE), HEADER_SIZE };
	uint32_t size;

	if (!t.bytes) {
		return (struct table){ NULL, 0 };
	}
	if (!whole) {
		return t;
	}
	size = (uint32_t)field(t, 4, 4);
	if (size < HEADER_SIZE || size > TABLE_MAX) {
		log_warn("ACPI: %.4s claims %u bytes; ignored", (const char *)t.bytes, size);
		return (struct table){ NULL, 0 };
	}
	t = (struct table){ ioremap(p, size), size };
	if (!t.bytes || !sum_is_zero(t.bytes, size)) {
		log_warn("ACPI: table at %#lx has a wrong checksum; ignored", (unsigned long)p);
		return (struct table){ NULL, 0 };
	}
	return t;
}

static void read_table(paddr_t p)
{
	struct table head = map_table(p, false);

	for (size_t i = 0; head.size && i < ARRAY_SIZE(known); i++) {
		if (memcmp(head.bytes, known[i].signature, 4) == 0) {
			struct table t = map_table(p, true);

			if (t.size) {
				known[i].parse(t);
			}
			return;
		}
	}
}

static bool read_root(paddr_t p, bool extended)
{
	struct table t = map_table(p, true);
	unsigned int width = extended ? 8 : 4;

	if (!t.size || memcmp(t.bytes, extended ? "XSDT" : "RSDT", 4) != 0) {
		return false;
	}
	for (uint32_t at = HEADER_SIZE; at + width <= t.size; at += width) {
		paddr_t entry = field(t, at, width);

		if (entry) {
			read_table(entry);
		}
	}
	return true;
}

static bool rsdp_good(const uint8_t *p, size_t room)
{
	return room >= 20 && memcmp(p, "RSD PTR ", 8) == 0 && sum_is_zero(p, 20);
}

/* On 16-byte boundaries of [start, end). 0 if it is not there. */
static paddr_t search(paddr_t start, paddr_t end)
{
	const uint8_t *p = ioremap(start, end - start);

	for (size_t at = 0; p && at + 36 <= end - start; at += 16) {
		if (rsdp_good(p + at, end - start - at)) {
			return start + at;
		}
	}
	return 0;
}

static paddr_t search_bios(void)
{
	const uint8_t *pointer = ioremap(EBDA_POINTER, 2);
	paddr_t ebda = pointer ? (paddr_t)(pointer[0] | pointer[1] << 8) << 4 : 0;
	paddr_t found = 0;

	if (ebda >= 0x400 && ebda <= 0xa0000 - 1024) {
		found = search(ebda, ebda + 1024);
	}
	return found ? found : search(BIOS_START, BIOS_END);
}

static bool read_rsdp(paddr_t p)
{
	struct table t = { ioremap(p, 36), 36 };
	bool extended;

	if (!t.bytes || !rsdp_good(t.bytes, 36)) {
		return false;
	}
	extended = field(t, 15, 1) >= 2 && field(t, 24, 8) && sum_is_zero(t.bytes, 36);
	if (extended && read_root(field(t, 24, 8), true)) {
		return true;
	}
	return read_root(field(t, 16, 4), false);
}

void acpi_init(uint64_t rsdp_hint)
{
	acpi = (struct acpi_info){ .rsdp = rsdp_hint };
	if (!acpi.rsdp) {
		acpi.rsdp = search_bios();
	}
	if (!acpi.rsdp || !read_rsdp(acpi.rsdp)) {
		log_err("ACPI: no tables: one CPU, no IO-APIC");
		return;
	}
	if (!acpi.lapic_address) {
		acpi.lapic_address = 0xfee00000;
	}
	log_info("ACPI: %u CPUs, %u IO-APICs, %u overrides%s%s, SCI %u", acpi.cpus, acpi.ioapics,
		 acpi.overrides, acpi.hpet_address ? ", HPET" : "", acpi.mcfgs ? ", MCFG" : "",
		 acpi.sci_gsi);
}
