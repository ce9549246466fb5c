/* Finds and writes the MSI and MSI-X capabilities; see msi.h. */
#include "x86/msi.h"

#include <xen/errno.h>

#include "base/log.h"
#include "base/refuse.h"
#include "mm/frame.h"
#include "x86/irq.h"
#include "x86/machine.h"

#define CAP_MSI		0x05
#define CAP_MSIX	0x11
#define COMMAND		0x04
#define STATUS		0x06
#define COMMAND_MEMORY	2
#define STATUS_CAPS	0x10
#define MSI_ENABLE	1u
#define MSIX_ENABLE	0x8000u
#define ROW_SIZE	16u
#define ROW_MASKED	1u
#define MESSAGE_BASE	0xfee00000u
#define MAX_TABLE_PAGES 64

/* Table pages are mapped once and for ever: few, and ioremap() has no way back. */
static struct {
	paddr_t page;
	char *at;
} table_page[MAX_TABLE_PAGES];

static uint32_t read_cfg(const struct msi *m, unsigned int reg, unsigned int bytes)
{
	return pci_read(m->seg, m->bus, m->devfn, reg, bytes);
}

static void write_cfg(const struct msi *m, unsigned int reg, unsigned int bytes, uint32_t value)
{
	pci_write(m->seg, m->bus, m->devfn, reg, bytes, value);
}

bool pci_present(uint16_t seg, uint8_t bus, uint8_t devfn)
{
	uint32_t id = pci_read(seg, bus, devfn, 0, 2);

	return id != 0xffff && id != 0;
}

uint8_t pci_find_capability(uint16_t seg, uint8_t bus, uint8_t devfn, uint8_t id)
{
	unsigned int at, header_type;

	if (!pci_present(seg, bus, devfn) ||
	    !(pci_read(seg, bus, devfn, STATUS, 2) & STATUS_CAPS)) {
		return 0;
	}
	header_type = pci_read(seg, bus, devfn, 0x0e, 1) & 0x7f;
	at = pci_read(seg, bus, devfn, header_type == 2 ? 0x14 : 0x34, 1) & 0xfc;
	/* A list can't have more items than fit; a loop ends here too. */
	for (unsigned int i = 0; i < 48 && at >= 0x40; i++) {
		uint32_t head = pci_read(seg, bus, devfn, at, 2);

		if ((head & 0xff) == id) {
			return (uint8_t)at;
		}
		at = head >> 8 & 0xfc;
	}
	return 0;
}

/* The memory BAR's address, or 0. */
static paddr_t read_bar(const struct msi *m, unsigned int index)
{
	uint32_t low;
	paddr_t high = 0;

	if (index > 5) {
		return 0;
	}
	low = read_cfg(m, 0x10 + 4 * index, 4);
	if (low & 1) {
		return 0;
	}
	if ((low & 6) == 4 && index < 5) {
		high = read_cfg(m, 0x14 + 4 * index, 4);
	}
	return high << 32 | (low & ~0xfu);
}

static char *map_table_page(paddr_t page)
{
	for (unsigned int i = 0; i < MAX_TABLE_PAGES; i++) {
		if (table_page[i].at && table_page[i].page == page) {
			return table_page[i].at;
		}
		if (!table_page[i].at) {
			table_page[i].page = page;
			table_page[i].at = ioremap(page, PAGE_SIZE);
			return table_page[i].at;
		}
	}
	return NULL;
}

static bool is_device_memory(paddr_t p)
{
	mfn_t frame = paddr_to_mfn(p);

	return p >= 0x100000 && (!frame_valid(frame) || frame_of(frame)->owner == FRAME_OWNER_IO);
}

static int find_row(struct msi *m)
{
	uint32_t control = read_cfg(m, m->cap + 2u, 2), where = read_cfg(m, m->cap + 4u, 4);
	paddr_t bar = read_bar(m, where & 7), row;
	char *page;

	if (m->entry > (control & 0x7ff) || m->count != 1) {
		return refuse_at(-XEN_EINVAL, REASON_BAD_MESSAGE, m->entry);
	}
	if (!(read_cfg(m, COMMAND, 2) & COMMAND_MEMORY)) {
		return refuse(-XEN_ENXIO, REASON_DEVICE_ASLEEP);
	}
	/* Virtual functions have empty BARs: there the control domain's word counts, within the same check. */
	row = (bar ? bar + (where & ~7u) : m->table_base) + (paddr_t)m->entry * ROW_SIZE;
	if (!is_device_memory(row)) {
		return refuse_at(-XEN_EPERM, REASON_DEVICE_MEMORY, row >> PAGE_SHIFT);
	}
	page = map_table_page(row & PAGE_MASK);
	if (!page) {
		return refuse(-XEN_ENOMEM, REASON_NO_HEAP);
	}
	m->row = (volatile uint32_t *)(page + (row & ~PAGE_MASK));
	return 0;
}

static int find_msi(struct msi *m)
{
	uint32_t control = read_cfg(m, m->cap + 2u, 2);
	unsigned int able = 1u << (control >> 1 & 7);

	m->wide = control & 0x80;
	m->maskable = control & 0x100;
	return m->count && !(m->count & (m->count - 1)) && m->count <= MIN(able, 32u)
		       ? 0
		       : refuse_at(-XEN_EINVAL, REASON_BAD_MESSAGE, m->count);
}

static unsigned int data_reg(const struct msi *m)
{
	return m->cap + (m->wide ? 12u : 8u);
}

static unsigned int mask_reg(const struct msi *m)
{
	return m->cap + (m->wide ? 16u : 12u);
}

static uint32_t message_address(const struct msi *m)
{
	return MESSAGE_BASE | apic_id_of(m->cpu) << 12;
}

static void write_message(struct msi *m, uint32_t masked)
{
	uint32_t control;

	if (m->x) {
		m->row[3] |= ROW_MASKED; /* never a half-written message */
		m->row[0] = message_address(m);
		m->row[1] = 0;
		m->row[2] = m->vector;
		control = read_cfg(m, m->cap + 2u, 2);
		write_cfg(m, m->cap + 2u, 2, control | MSIX_ENABLE);
		if (!masked) {
			m->row[3] &= ~ROW_MASKED;
		}
		(void)m->row[3];
		return;
	}
	control = read_cfg(m, m->cap + 2u, 2) & ~(MSI_ENABLE | 0x70u);
	write_cfg(m, m->cap + 2u, 2, control);
	write_cfg(m, m->cap + 4u, 4, message_address(m));
	if (m->wide) {
		write_cfg(m, m->cap + 8u, 4, 0);
	}
	write_cfg(m, data_reg(m), 2, m->vector);
	if (m->maskable) {
		write_cfg(m, mask_reg(m), 4, masked);
	}
	control |= MSI_ENABLE | (uint32_t)__builtin_ctz(m->count) << 4;
	write_cfg(m, m->cap + 2u, 2, control);
}

int msi_setup(struct msi *m)
{
	int rc;

	m->cap = pci_find_capability(m->seg, m->bus, m->devfn, m->x ? CAP_MSIX : CAP_MSI);
	if (!m->cap) {
		return refuse_at(-XEN_ENODEV, REASON_NO_SUCH_DEVICE,
				 ((unsigned)m->bus << 8) | m->devfn);
	}
	rc = m->x ? find_row(m) : find_msi(m);
	if (rc) {
		return rc;
	}
	rc = irq_vector_alloc(m->count);
	if (rc < 0) {
		return rc;
	}
	m->vector = (uint8_t)rc;
	m->cpu = irq_pick_cpu();
	write_message(m, 0xffffffff);
	return 0;
}

void msi_mask(struct msi *m, unsigned int i, bool masked)
{
	uint32_t bits;

	if (m->x) {
		m->row[3] = masked ? m->row[3] | ROW_MASKED : m->row[3] & ~ROW_MASKED;
		(void)m->row[3]; /* posted writes have arrived when the read returns */
	} else if (m->maskable) {
		bits = read_cfg(m, mask_reg(m), 4);
		write_cfg(m, mask_reg(m), 4, masked ? bits | 1u << i : bits & ~(1u << i));
	}
}

void msi_restore(struct msi *m, uint32_t masked_vectors)
{
	if (!m->x || (read_cfg(m, COMMAND, 2) & COMMAND_MEMORY)) {
		write_message(m, masked_vectors);
	}
}

void msi_teardown(struct msi *m)
{
	if (m->x) {
		if (read_cfg(m, COMMAND, 2) & COMMAND_MEMORY) {
			m->row[3] |= ROW_MASKED;
			(void)m->row[3];
		}
	} else {
		write_cfg(m, m->cap + 2u, 2, read_cfg(m, m->cap + 2u, 2) & ~MSI_ENABLE);
	}
	irq_vector_free(m->vector, m->count);
}
