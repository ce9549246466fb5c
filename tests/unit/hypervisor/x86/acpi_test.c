/*
 * ACPI tables, synthetic and hostile.  Memory that acpi.c maps is handed out as a copy of exactly the
 * size asked for, so that the address sanitizer sees any read past a table's end.
 */
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "x86/machine.h"

#define MEMORY 0x120000u
#define RSDP   0xf5000u
#define ROOT   0x100000u
#define MADT   0x101000u
#define FADT   0x102000u
#define HPET   0x103000u
#define MCFG   0x104000u

static uint8_t *memory;
static void *mapped[4096];
static unsigned int mappings;

void *ioremap(paddr_t p, size_t n)
{
	uint8_t *copy = malloc(n);

	for (size_t i = 0; i < n; i++) {
		copy[i] = p + i < MEMORY ? memory[p + i] : 0xff;
	}
	cr_assert_lt(mappings, 4096);
	mapped[mappings++] = copy;
	return copy;
}

void log_print(enum log_level level, const char *fmt, ...)
{
	char line[256];
	va_list args;

	(void)level;
	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args); /* the formats are exercised too */
	va_end(args);
}

static void unmap_all(void)
{
	while (mappings) {
		free(mapped[--mappings]);
	}
}

static void setup(void)
{
	memory = calloc(1, MEMORY);
}

static void teardown(void)
{
	unmap_all();
	free(memory);
}

TestSuite(acpi, .init = setup, .fini = teardown);

static void put(uint32_t at, uint64_t value, unsigned int bytes)
{
	memcpy(memory + at, &value, bytes);
}

static void fix_sum(uint32_t at, uint32_t length, uint32_t where)
{
	uint8_t sum = 0;

	memory[at + where] = 0;
	for (uint32_t i = 0; i < length; i++) {
		sum = (uint8_t)(sum + memory[at + i]);
	}
	memory[at + where] = (uint8_t)-sum;
}

static void finish_table(uint32_t at, const char *signature, uint32_t length)
{
	memcpy(memory + at, signature, 4);
	put(at + 4, length, 4);
	fix_sum(at, length, 9);
}

static void finish_rsdp(uint32_t at, uint8_t revision, uint32_t rsdt, uint64_t xsdt)
{
	memcpy(memory + at, "RSD PTR ", 8);
	put(at + 15, revision, 1);
	put(at + 16, rsdt, 4);
	put(at + 20, 36, 4);
	put(at + 24, xsdt, 8);
	fix_sum(at, 20, 8);
	fix_sum(at, 36, 32);
}

static uint32_t madt_end;

static void madt_begin(void)
{
	put(MADT + 36, 0xfee00000, 4);
	madt_end = MADT + 44;
}

static void madt_entry(const uint8_t *bytes, unsigned int n)
{
	memcpy(memory + madt_end, bytes, n);
	madt_end += n;
}

static void madt_cpu(uint8_t acpi_id, uint8_t apic_id, uint8_t flags)
{
	madt_entry((const uint8_t[]){ 0, 8, acpi_id, apic_id, flags, 0, 0, 0 }, 8);
}

static void build(void)
{
	madt_begin();
	madt_cpu(7, 0, 1);
	madt_cpu(8, 1, 1);
	madt_cpu(9, 2, 0);  /* absent */
	madt_cpu(10, 1, 1); /* a second time the same */
	madt_entry((const uint8_t[]){ 1, 12, 3, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0 }, 12);
	madt_entry((const uint8_t[]){ 2, 10, 0, 9, 9, 0, 0, 0, 0x0d, 0 }, 10);
	madt_entry((const uint8_t[]){ 9, 16, 0, 0, 0x34, 0x12, 0, 0, 1, 0, 0, 0, 0x2a, 0, 0, 0 },
		   16);
	madt_entry((const uint8_t[]){ 77, 4, 1, 2 }, 4); /* of a kind from the future */
	finish_table(MADT, "APIC", madt_end - MADT);

	put(FADT + 46, 9, 2);
	put(FADT + 64, 0x604, 4);
	put(FADT + 76, 0x608, 4);
	put(FADT + 108, 0x32, 1);
	put(FADT + 112, 1u << 10 | 1u << 8, 4);
	put(FADT + 116, 1, 1);
	put(FADT + 120, 0xcf9, 8);
	put(FADT + 128, 0x0f, 1);
	finish_table(FADT, "FACP", 244);

	put(HPET + 44, 0xfed00000, 8);
	finish_table(HPET, "HPET", 56);

	put(MCFG + 44, 0xb0000000, 8);
	put(MCFG + 55, 255, 1);
	finish_table(MCFG, "MCFG", 60);

	put(ROOT + 36, MADT, 8);
	put(ROOT + 44, FADT, 8);
	put(ROOT + 52, HPET, 8);
	put(ROOT + 60, MCFG, 8);
	finish_table(ROOT, "XSDT", 68);
	finish_rsdp(RSDP, 2, 0, ROOT);
}

Test(acpi, everything_is_found_from_the_bios_area)
{
	build();
	acpi_init(0);
	cr_assert_eq(acpi.rsdp, RSDP);
	cr_assert_eq(acpi.cpus, 3);
	cr_assert_eq(acpi.cpu[1].apic_id, 1);
	cr_assert_eq(acpi.cpu[1].acpi_id, 8);
	cr_assert_eq(acpi.cpu[2].apic_id, 0x1234);
	cr_assert_eq(acpi.cpu[2].acpi_id, 0x2a);
	cr_assert_eq(acpi.ioapics, 1);
	cr_assert_eq(acpi.ioapic[0].address, 0xfec00000);
	cr_assert_eq(acpi.overrides, 1);
	cr_assert_eq(acpi.override[0].source, 9);
	cr_assert_eq(acpi.override[0].gsi, 9);
	cr_assert_eq(acpi.override[0].flags, 0x0d);
	cr_assert_eq(acpi.lapic_address, 0xfee00000);
	cr_assert_eq(acpi.hpet_address, 0xfed00000);
	cr_assert_eq(acpi.sci_gsi, 9);
	cr_assert_eq(acpi.pm1a_control, 0x604);
	cr_assert_eq(acpi.pm_timer_port, 0x608);
	cr_assert(acpi.pm_timer_32);
	cr_assert_eq(acpi.rtc_century, 0x32);
	cr_assert(acpi.reset_supported);
	cr_assert_eq(acpi.reset_address, 0xcf9);
	cr_assert_eq(acpi.reset_value, 0x0f);
	cr_assert_eq(acpi.mcfgs, 1);
	cr_assert_eq(acpi.mcfg[0].bus_last, 255);
}

Test(acpi, the_root_pointer_may_be_in_the_extended_bios_data_area)
{
	build();
	memset(memory + RSDP, 0, 36);
	put(0x40e, 0x9fc0, 2);
	finish_rsdp(0x9fc10, 0, ROOT + 0x8000, 0);
	put(ROOT + 0x8000 + 36, HPET, 4);
	finish_table(ROOT + 0x8000, "RSDT", 40);
	acpi_init(0);
	cr_assert_eq(acpi.rsdp, 0x9fc10);
	cr_assert_eq(acpi.hpet_address, 0xfed00000);
}

Test(acpi, a_hint_is_believed_and_a_wrong_hint_leaves_one_cpu)
{
	build();
	acpi_init(RSDP);
	cr_assert_eq(acpi.cpus, 3);
	unmap_all();
	acpi_init(0x12340);
	cr_assert_eq(acpi.cpus, 0);
	cr_assert_eq(acpi.hpet_address, 0);
}

Test(acpi, a_damaged_extended_root_falls_back_to_the_old_one)
{
	build();
	memory[ROOT + 40] ^= 1;
	finish_rsdp(RSDP, 2, ROOT + 0x8000, ROOT);
	put(ROOT + 0x8000 + 36, MADT, 4);
	finish_table(ROOT + 0x8000, "RSDT", 40);
	acpi_init(0);
	cr_assert_eq(acpi.cpus, 3);
	cr_assert_eq(acpi.hpet_address, 0);
}

Test(acpi, a_table_with_a_wrong_checksum_is_ignored_alone)
{
	build();
	memory[MADT + 40] ^= 0x10;
	acpi_init(0);
	cr_assert_eq(acpi.cpus, 0);
	cr_assert_eq(acpi.hpet_address, 0xfed00000);
}

Test(acpi, lengths_that_lie_are_not_followed)
{
	build();
	put(MADT + 4, 0xffffffff, 4);
	put(HPET + 4, 12, 4);
	acpi_init(0);
	cr_assert_eq(acpi.cpus, 0);
	cr_assert_eq(acpi.hpet_address, 0);
	cr_assert_eq(acpi.pm1a_control, 0x604);
}

Test(acpi, madt_entries_end_the_list_when_they_do_not_fit)
{
	build();
	madt_begin();
	madt_cpu(0, 5, 1);
	madt_entry((const uint8_t[]){ 0, 0, 0, 0 }, 4); /* of length 0: would loop */
	madt_cpu(0, 6, 1);
	finish_table(MADT, "APIC", madt_end - MADT);
	acpi_init(0);
	cr_assert_eq(acpi.cpus, 1);

	madt_begin();
	madt_cpu(0, 5, 1);
	madt_entry((const uint8_t[]){ 0, 200, 0, 0 }, 4);
	finish_table(MADT, "APIC", madt_end - MADT);
	acpi_init(0);
	cr_assert_eq(acpi.cpus, 1);

	madt_begin();
	madt_entry((const uint8_t[]){ 0, 4, 0, 9 }, 4); /* too short for its kind */
	madt_cpu(0, 5, 1);
	finish_table(MADT, "APIC", madt_end - MADT);
	acpi_init(0);
	cr_assert_eq(acpi.cpus, 1);
	cr_assert_eq(acpi.cpu[0].apic_id, 5);
}

Test(acpi, more_cpus_than_we_have_room_for_are_left_out)
{
	build();
	madt_begin();
	for (unsigned int i = 0; i < 100; i++) {
		madt_cpu((uint8_t)i, (uint8_t)i, 1);
	}
	finish_table(MADT, "APIC", madt_end - MADT);
	acpi_init(0);
	cr_assert_eq(acpi.cpus, MAX_CPUS);
}

/* Random damage with checksums mended, so that it gets past them: whatever is read stays inside. */
Test(acpi, random_damage_never_reads_outside_a_table)
{
	static const uint32_t tables[] = { ROOT, MADT, FADT, HPET, MCFG };

	srand(20261123);
	for (unsigned int round = 0; round < 3000; round++) {
		memset(memory + ROOT, 0, MEMORY - ROOT);
		build();
		for (unsigned int i = 0; i < 6; i++) {
			uint32_t table = tables[(unsigned int)rand() % 5];

			memory[table + (unsigned int)rand() % 120] = (uint8_t)rand();
		}
		for (unsigned int i = 0; i < 5; i++) {
			uint32_t length;

			memcpy(&length, memory + tables[i] + 4, 4);
			if (length >= 36 && length <= 0x1000) {
				fix_sum(tables[i], length, 9);
			}
		}
		acpi_init(RSDP);
		cr_assert_leq(acpi.cpus, MAX_CPUS);
		cr_assert_leq(acpi.ioapics, ARRAY_SIZE(acpi.ioapic));
		cr_assert_leq(acpi.overrides, ARRAY_SIZE(acpi.override));
		cr_assert_leq(acpi.mcfgs, ARRAY_SIZE(acpi.mcfg));
		unmap_all();
	}
}
