/*
 * MSI and MSI-X on a make-believe device: what is read from its configuration space is hostile, and
 * what is written to it is exact.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include <xen/errno.h>

#include "mm/frame.h"
#include "x86/irq.h"
#include "x86/machine.h"
#include "x86/msi.h"

#define BAR   0xfebd0000u
#define TABLE 0x800u /* offset in the BAR */

static uint8_t config[256];
static uint32_t table_page[PAGE_SIZE / 4];
static unsigned int reads, freed_first, freed_count, vectors_wanted;
static int next_vector;
static bool absent;

struct frame *frame_table;
uint64_t frame_max;

uint32_t pci_read(uint16_t seg, uint8_t bus, uint8_t devfn, unsigned int reg, unsigned int bytes)
{
	uint32_t v = 0;

	(void)seg, (void)bus, (void)devfn;
	cr_assert_leq(reg + bytes, 256);
	cr_assert_eq(reg & (bytes - 1), 0);
	cr_assert_lt(reads++, 1000, "it reads for ever");
	if (absent) {
		return bytes == 4 ? 0xffffffff : (1u << 8 * bytes) - 1;
	}
	memcpy(&v, config + reg, bytes);
	return v;
}

void pci_write(uint16_t seg, uint8_t bus, uint8_t devfn, unsigned int reg, unsigned int bytes,
	       uint32_t value)
{
	(void)seg, (void)bus, (void)devfn;
	cr_assert_leq(reg + bytes, 256);
	memcpy(config + reg, &value, bytes);
}

void *ioremap(paddr_t p, size_t n)
{
	cr_assert_eq(p & ~PAGE_MASK, 0);
	cr_assert_eq(n, PAGE_SIZE);
	return table_page;
}

uint32_t apic_id_of(unsigned int cpu)
{
	return cpu + 4;
}

unsigned int irq_pick_cpu(void)
{
	return 1;
}

int irq_vector_alloc(unsigned int count)
{
	vectors_wanted = count;
	return next_vector;
}

void irq_vector_free(uint8_t first, unsigned int count)
{
	freed_first = first;
	freed_count = count;
}

static void put(unsigned int at, uint32_t value, unsigned int bytes)
{
	memcpy(config + at, &value, bytes);
}

static uint32_t get(unsigned int at, unsigned int bytes)
{
	uint32_t v = 0;

	memcpy(&v, config + at, bytes);
	return v;
}

static void setup(void)
{
	memset(config, 0, sizeof(config));
	memset(table_page, 0xee, sizeof(table_page));
	reads = 0;
	absent = false;
	next_vector = 0x40;
	put(0, 0x10d38086, 4);
	put(4, 2, 2);	 /* memory on */
	put(6, 0x10, 2); /* capabilities */
	put(0x10, BAR | 4, 4);
	put(0x34, 0x40, 1);
	put(0x40, 0x5001, 2); /* power management, then */
	put(0x50, 0x7005, 2); /* MSI: 64-bit, maskable, up to 8 */
	put(0x52, 0x0186, 2);
	put(0x70, 0x0011, 2); /* MSI-X: 5 entries */
	put(0x72, 4, 2);
	put(0x74, TABLE, 4);
	frame_max = 16;
	frame_table = calloc(frame_max, sizeof(*frame_table));
}

static void teardown(void)
{
	free(frame_table);
}

TestSuite(msi, .init = setup, .fini = teardown);

static struct msi plain(unsigned int count)
{
	return (struct msi){ .devfn = 0xfa, .count = count };
}

static struct msi entry(unsigned int i)
{
	return (struct msi){ .devfn = 0x10, .x = true, .entry = i, .count = 1, .table_base = BAR };
}

static uint32_t *row(unsigned int i)
{
	return table_page + (TABLE + i * 16) / 4;
}

Test(msi, capabilities_are_found_along_the_list)
{
	cr_assert_eq(pci_find_capability(0, 0, 0, 5), 0x50);
	cr_assert_eq(pci_find_capability(0, 0, 0, 17), 0x70);
	cr_assert_eq(pci_find_capability(0, 0, 0, 99), 0);
}

Test(msi, a_list_that_loops_or_leaves_ends)
{
	put(0x71, 0x40, 1);
	cr_assert_eq(pci_find_capability(0, 0, 0, 99), 0);
	put(0x71, 0xff, 1); /* aligned down to the last four bytes, which end it */
	cr_assert_eq(pci_find_capability(0, 0, 0, 99), 0);
	put(0x71, 0x10, 1); /* into the header */
	cr_assert_eq(pci_find_capability(0, 0, 0, 99), 0);
	put(6, 0, 2); /* has none at all */
	cr_assert_eq(pci_find_capability(0, 0, 0, 5), 0);
	absent = true;
	cr_assert_eq(pci_find_capability(0, 0, 0, 5), 0);
	cr_assert_not(pci_present(0, 0, 0));
}

Test(msi, a_message_is_written_masked_and_unmasked_on_demand)
{
	struct msi m = plain(1);

	cr_assert_eq(msi_setup(&m), 0);
	cr_assert_eq(get(0x54, 4), 0xfee00000u | 5u << 12);
	cr_assert_eq(get(0x58, 4), 0);
	cr_assert_eq(get(0x5c, 2), 0x40);
	cr_assert_eq(get(0x60, 4), 0xffffffff);
	cr_assert_eq(get(0x52, 2) & 1, 1, "enabled");
	cr_assert_eq(get(0x52, 2) >> 4 & 7, 0);
	msi_mask(&m, 0, false);
	cr_assert_eq(get(0x60, 4), 0xfffffffe);
	msi_mask(&m, 0, true);
	cr_assert_eq(get(0x60, 4), 0xffffffff);
	msi_teardown(&m);
	cr_assert_eq(get(0x52, 2) & 1, 0);
	cr_assert_eq(freed_first, 0x40);
	cr_assert_eq(freed_count, 1);
}

Test(msi, a_32_bit_capability_has_its_data_lower)
{
	struct msi m = plain(1);

	put(0x52, 0x0000, 2);
	put(0x60, 0x12345678, 4);
	cr_assert_eq(msi_setup(&m), 0);
	cr_assert_eq(get(0x58, 2), 0x40);
	cr_assert_eq(get(0x5c, 4), 0);
	cr_assert_eq(get(0x60, 4), 0x12345678, "no mask register here");
	msi_mask(&m, 0, false);
	cr_assert_eq(get(0x60, 4), 0x12345678);
}

Test(msi, several_vectors_up_to_what_the_device_can)
{
	struct msi m = plain(4);

	cr_assert_eq(msi_setup(&m), 0);
	cr_assert_eq(vectors_wanted, 4);
	cr_assert_eq(get(0x52, 2) >> 4 & 7, 2);
	m = plain(16);
	cr_assert_eq(msi_setup(&m), -XEN_EINVAL);
	m = plain(3);
	cr_assert_eq(msi_setup(&m), -XEN_EINVAL);
	m = plain(0);
	cr_assert_eq(msi_setup(&m), -XEN_EINVAL);
}

Test(msi, a_table_row_is_written_masked_and_unmasked_on_demand)
{
	struct msi m = entry(2);

	put(0x72, 0x4004, 2); /* function mask: the control domain's business */
	row(2)[3] = 0xabcd0000;
	cr_assert_eq(msi_setup(&m), 0);
	cr_assert_eq(row(2)[0], 0xfee00000u | 5u << 12);
	cr_assert_eq(row(2)[1], 0);
	cr_assert_eq(row(2)[2], 0x40);
	cr_assert_eq(row(2)[3], 0xabcd0001, "masked, the rest kept");
	cr_assert_eq(get(0x72, 2), 0xc004, "enabled, function mask kept");
	cr_assert_eq(row(1)[0], 0xeeeeeeee, "neighbours untouched");
	cr_assert_eq(row(3)[0], 0xeeeeeeee);
	msi_mask(&m, 0, false);
	cr_assert_eq(row(2)[3], 0xabcd0000);
	msi_teardown(&m);
	cr_assert_eq(row(2)[3], 0xabcd0001);
}

Test(msi, a_row_past_the_table_is_refused)
{
	struct msi m = entry(5);

	cr_assert_eq(msi_setup(&m), -XEN_EINVAL);
	m = entry(4);
	cr_assert_eq(msi_setup(&m), 0);
}

Test(msi, a_table_with_memory_off_is_refused)
{
	struct msi m = entry(0);

	put(4, 0, 2);
	cr_assert_eq(msi_setup(&m), -XEN_ENXIO);
}

/* The BAR decides, and it may not lie in RAM, whatever it says. */
Test(msi, a_table_in_ram_is_refused)
{
	struct msi m = entry(0);

	put(0x10, 0x5000, 4);
	cr_assert_eq(msi_setup(&m), -XEN_EPERM);
	put(0x10, 0x200000, 4);
	frame_max = 0x201;
	free(frame_table);
	frame_table = calloc(frame_max, sizeof(*frame_table));
	cr_assert_eq(msi_setup(&m), -XEN_EPERM);
	frame_table[0x200].owner = FRAME_OWNER_IO;
	cr_assert_eq(msi_setup(&m), 0);
	cr_assert_eq(table_page[TABLE / 4], 0xfee00000u | 5u << 12);
}

Test(msi, a_port_bar_or_an_unknown_one_holds_no_table)
{
	struct msi m = entry(0);

	m.table_base = 0;
	put(0x10, 0xc001, 4);
	cr_assert_eq(msi_setup(&m), -XEN_EPERM);
	put(0x74, TABLE | 7, 4);
	cr_assert_eq(msi_setup(&m), -XEN_EPERM);
}

Test(msi, no_vector_or_no_capability_is_said_so)
{
	struct msi m = entry(0);

	next_vector = -XEN_ENOSPC;
	cr_assert_eq(msi_setup(&m), -XEN_ENOSPC);
	put(0x70, 0, 2);
	cr_assert_eq(msi_setup(&m), -XEN_ENODEV);
	absent = true;
	m = plain(1);
	cr_assert_eq(msi_setup(&m), -XEN_ENODEV);
}

Test(msi, a_device_that_lost_everything_gets_its_messages_back)
{
	struct msi m = entry(1), p = plain(2);

	cr_assert_eq(msi_setup(&m), 0);
	memset(table_page, 0, sizeof(table_page));
	put(0x72, 4, 2);
	msi_restore(&m, 0);
	cr_assert_eq(row(1)[0], 0xfee00000u | 5u << 12);
	cr_assert_eq(row(1)[3], 0, "bound ones come back open");
	cr_assert_eq(get(0x72, 2) & 0x8000, 0x8000);
	cr_assert_eq(msi_setup(&p), 0);
	put(0x54, 0, 4);
	put(0x60, 0, 4);
	msi_restore(&p, 2);
	cr_assert_eq(get(0x54, 4), 0xfee00000u | 5u << 12);
	cr_assert_eq(get(0x60, 4), 2);
}
