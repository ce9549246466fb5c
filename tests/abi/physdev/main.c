/*
 * physdev_op (<xen/physdev.h>), what of it is served to the domain that owns the devices: lines and messages become pirqs and
 * pirqs event channels; an interrupt of a real device, the clock's, arrives by one, waits while that is masked, and comes no
 * more when it is closed; interrupt controllers can be asked who they are, and not be changed; devices that there are not are
 * not added.  Each refusal has its errno and changes nothing.
 */
#include "frontends/rt/test.h"
#include "tests/abi/lib/event.h"

#include <xen/physdev.h>

#define CLOCK_LINE 8
#define SPARE_LINE 5 /* nobody's */
#define NO_LINE	   200
#define CLOCK	   0x70 /* ports: which register, what is in it */
#define DISKS	   0xfa /* 00:1f.2, the disk controller of these machines */
#define NO_DEVICE  0x50 /* 00:0a.0 */
#define IO_APIC	   0xfec00000UL

static long physdev(int cmd, void *arg)
{
	return hcall2(__HYPERVISOR_physdev_op, (uint64_t)cmd, ptr_arg(arg));
}

/* ---- lines ---- */

/* The pirq, or -errno. */
static long map_line(int line, int pirq)
{
	struct physdev_map_pirq m = {
		.domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = line, .pirq = pirq
	};
	long rc = physdev(PHYSDEVOP_map_pirq, &m);

	return rc ? rc : m.pirq;
}

static long unmap(int pirq)
{
	struct physdev_unmap_pirq u = { .domid = DOMID_SELF, .pirq = pirq };

	return physdev(PHYSDEVOP_unmap_pirq, &u);
}

static long setup_line(int line)
{
	struct physdev_setup_gsi s = { .gsi = line };

	return physdev(PHYSDEVOP_setup_gsi, &s);
}

static long vector_of(uint32_t line)
{
	struct physdev_irq i = { .irq = line };

	return physdev(PHYSDEVOP_alloc_irq_vector, &i);
}

static void lines(void)
{
	struct physdev_irq_status_query status = { .irq = SPARE_LINE };
	struct physdev_eoi eoi = { .irq = SPARE_LINE };
	struct physdev_get_free_pirq free = { .type = MAP_PIRQ_TYPE_GSI };

	CHECK_EQ(physdev(PHYSDEVOP_irq_status_query, &status), -XEN_EINVAL, "a line not mapped");
	CHECK_EQ(map_line(SPARE_LINE, SPARE_LINE), SPARE_LINE, "mapped");
	CHECK_EQ(map_line(SPARE_LINE, SPARE_LINE), SPARE_LINE, "once more: the same");
	CHECK_EQ(map_line(SPARE_LINE, 40), -XEN_EEXIST, "not by two numbers");
	CHECK_EQ(map_line(6, SPARE_LINE), -XEN_EBUSY, "nor two by one");
	CHECK_EQ(map_line(6, 1 << 20), -XEN_EINVAL, "nor by a number that is none");
	CHECK_EQ(map_line(NO_LINE, -1), -XEN_EINVAL, "no such line");
	CHECK_EQ(map_line(-1, -1), -XEN_EINVAL, "nor such a one");
	CHECK_EQ(vector_of(SPARE_LINE), 0, "a vector for it");
	CHECK_EQ(vector_of(NO_LINE), -XEN_EINVAL, "none for no line");
	CHECK_EQ(setup_line(SPARE_LINE), 0, "set up");
	CHECK_EQ(setup_line(SPARE_LINE), -XEN_EEXIST, "once");
	CHECK_EQ(setup_line(NO_LINE), -XEN_EINVAL, "no such line");
	CHECK_EQ(setup_line(-1), -XEN_EINVAL, "nor such a one");
	CHECK_EQ(physdev(PHYSDEVOP_irq_status_query, &status), 0, "its state");
	CHECK(!(status.flags & XENIRQSTAT_needs_eoi), "on its edge: it needs no end");
	CHECK_EQ(physdev(PHYSDEVOP_eoi, &eoi), 0, "but may have one");
	CHECK_EQ(physdev(PHYSDEVOP_get_free_pirq, &free), 0, "a free number");
	CHECK(free.pirq >= 16 && free.pirq != 40, "above those of old: %u", free.pirq);
	CHECK_EQ(unmap(SPARE_LINE), 0, "unmapped");
	CHECK_EQ(unmap(SPARE_LINE), -XEN_EINVAL, "once");
	CHECK_EQ(unmap(-1), -XEN_EINVAL, "no such number");
	CHECK_EQ(physdev(PHYSDEVOP_eoi, &eoi), -XEN_EINVAL, "no end of what is not mapped");
}

/* ---- a device ---- */

static uint8_t clock_read(uint8_t reg)
{
	uint8_t value;

	__asm__ volatile("outb %0, %w1" ::"a"(reg), "d"(CLOCK));
	__asm__ volatile("inb %w1, %b0" : "=a"(value) : "d"(CLOCK + 1));
	return value;
}

static void clock_write(uint8_t reg, uint8_t value)
{
	__asm__ volatile("outb %0, %w1" ::"a"(reg), "d"(CLOCK));
	__asm__ volatile("outb %b0, %w1" ::"a"(value), "d"(CLOCK + 1));
}

static volatile unsigned int ticks;
static unsigned int enough;
static evtchn_port_t port;

/* Until its register C is read it says no more. */
static void on_tick(evtchn_port_t p)
{
	(void)p;
	ticks++;
	clock_read(0x0c);
}

static bool ticked(void)
{
	return ticks >= enough;
}

static bool waits(void)
{
	return event_is_pending(port);
}

static bool never(void)
{
	return false;
}

static bool tick_on(unsigned int more)
{
	enough = ticks + more;
	return wait_for(ticked, 20000000000UL);
}

static long bind(evtchn_port_t *p)
{
	struct evtchn_bind_pirq b = { .pirq = CLOCK_LINE };
	long rc = event_op(EVTCHNOP_bind_pirq, &b);

	*p = b.port;
	return rc;
}

static void interrupts(void)
{
	uint8_t b = clock_read(0x0b);
	unsigned int before;

	CHECK_EQ(map_line(CLOCK_LINE, CLOCK_LINE), CLOCK_LINE, "the clock's line");
	CHECK_EQ(bind(&port), 0, "bound");
	event_set_handler(port, on_tick);
	clock_write(0x0a, 0x26); /* 1024 times a second */
	clock_write(0x0b, b | 0x40);
	clock_read(0x0c);
	CHECK(tick_on(10), "it interrupts");
	event_mask(port);
	clock_read(0x0c);
	CHECK(wait_for(waits, 20000000000UL), "masked, it waits");
	before = ticks;
	wait_for(never, 20000000);
	CHECK_EQ(ticks, before, "and is not heard");
	CHECK_EQ(event_unmask(port), 0, "unmasked");
	CHECK(ticks > before, "it is, at once");
	CHECK(tick_on(10), "and goes on");
	CHECK_EQ(event_close(port), 0, "closed");
	before = ticks;
	clock_read(0x0c);
	wait_for(never, 20000000);
	CHECK(ticks == before && !event_is_pending(port), "no more");
	CHECK_EQ(bind(&port), 0, "bound again");
	event_set_handler(port, on_tick);
	clock_read(0x0c);
	CHECK(tick_on(10), "it interrupts again");
	clock_write(0x0b, b);
	CHECK_EQ(event_close(port), 0, "closed");
	CHECK_EQ(unmap(CLOCK_LINE), 0, "and unmapped");
	CHECK_EQ(bind(&port), -XEN_EINVAL, "then there is nothing to bind");
}

/* ---- messages ---- */

static long map_message(int type, int bus, int devfn, int entry)
{
	struct physdev_map_pirq m = { .domid = DOMID_SELF,
				      .type = type,
				      .index = -1,
				      .pirq = -1,
				      .bus = bus,
				      .devfn = devfn,
				      .entry_nr = entry };
	long rc = physdev(PHYSDEVOP_map_pirq, &m);

	return rc ? rc : m.pirq;
}

static void messages(void)
{
	struct physdev_restore_msi restore = { .devfn = DISKS };
	long pirq = map_message(MAP_PIRQ_TYPE_MSI_SEG, 0, DISKS, 0);

	CHECK(pirq >= 16, "messages of a device: pirq %ld", pirq);
	CHECK(map_message(MAP_PIRQ_TYPE_MSI_SEG, 0, DISKS, 0) < 0, "once");
	CHECK_EQ(physdev(PHYSDEVOP_restore_msi, &restore), 0, "told to it again");
	CHECK_EQ(unmap((int)pirq), 0, "unmapped");
	CHECK_EQ(map_message(MAP_PIRQ_TYPE_MSI, 0, DISKS, 0), pirq,
		 "and had again, by the old type");
	CHECK_EQ(unmap((int)pirq), 0, "unmapped");
	CHECK_EQ(map_message(MAP_PIRQ_TYPE_MSI_SEG, 0, NO_DEVICE, 0), -XEN_ENODEV,
		 "no such device");
	CHECK_EQ(map_message(MAP_PIRQ_TYPE_MSI, 256, DISKS, 0), -XEN_EINVAL, "no such bus");
	CHECK_EQ(map_message(MAP_PIRQ_TYPE_MSI, 0, 256, 0), -XEN_EINVAL, "nor function");
	CHECK_EQ(map_message(MAP_PIRQ_TYPE_MULTI_MSI, 0, DISKS, 0), -XEN_EINVAL, "none of many");
	CHECK_EQ(map_message(MAP_PIRQ_TYPE_MULTI_MSI, 0, DISKS, 33), -XEN_EINVAL, "too many");
	CHECK_EQ(map_message(MAP_PIRQ_TYPE_MSI_SEG, 0, DISKS, 0), pirq, "the refusals took none");
	CHECK_EQ(unmap((int)pirq), 0, "unmapped");
}

/* ---- who is there ---- */

static long apic(int cmd, unsigned long base, uint32_t reg, uint32_t *value)
{
	struct physdev_apic a = { .apic_physbase = base, .reg = reg, .value = *value };
	long rc = physdev(cmd, &a);

	*value = a.value;
	return rc;
}

static void controllers(void)
{
	uint32_t value = 0;

	CHECK_EQ(apic(PHYSDEVOP_apic_read, IO_APIC, 1, &value), 0, "an interrupt controller");
	CHECK_EQ(value >> 16 & 0xff, 23, "of 24 lines");
	CHECK_EQ(value & 0xff, 0x20, "of that version");
	CHECK_EQ(apic(PHYSDEVOP_apic_read, IO_APIC + 0x10000, 1, &value), -XEN_EINVAL,
		 "none there");
	if (is_pavane()) {
		CHECK_EQ(apic(PHYSDEVOP_apic_read, IO_APIC, 0x100, &value), -XEN_EINVAL,
			 "no such register");
		value = 0x10000;
		CHECK_EQ(apic(PHYSDEVOP_apic_write, IO_APIC, 0x10, &value), -XEN_EPERM,
			 "which is not ours to change");
	}
}

static void devices(void)
{
	struct physdev_manage_pci old = { .devfn = DISKS };
	struct physdev_pci_device_add add = { .devfn = DISKS };
	struct physdev_pci_device device = { .devfn = NO_DEVICE };
	struct physdev_pci_mmcfg_reserved window = { .start_bus = 5, .end_bus = 4 };

	CHECK_EQ(physdev(PHYSDEVOP_pci_device_add, &add), 0, "a device that there is");
	CHECK_EQ(physdev(PHYSDEVOP_manage_pci_add, &old), 0, "by the old call as well");
	add.devfn = old.devfn = NO_DEVICE;
	CHECK_EQ(physdev(PHYSDEVOP_pci_device_add, &add), -XEN_ENODEV, "one that there is not");
	CHECK_EQ(physdev(PHYSDEVOP_manage_pci_add, &old), -XEN_ENODEV, "nor by the old call");
	CHECK_EQ(physdev(PHYSDEVOP_prepare_msix, &device), -XEN_ENODEV, "nor made ready");
	CHECK_EQ(physdev(PHYSDEVOP_pci_mmcfg_reserved, &window), -XEN_EINVAL,
		 "a window that ends before it begins");
}

/* ---- the page that says which lines need an end ---- */

static void eoi_page(void)
{
	char *page = page_alloc(), *other = page_alloc();
	struct physdev_pirq_eoi_gmfn e = { .gmfn = 1UL << 39 };
	struct mmuext_op pin = { .cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = virt_to_mfn(page) };

	CHECK_EQ(physdev(PHYSDEVOP_pirq_eoi_gmfn_v2, &e), -XEN_EINVAL, "a page that is none");
	e.gmfn = virt_to_mfn((void *)start_info->pt_base);
	CHECK(physdev(PHYSDEVOP_pirq_eoi_gmfn_v2, &e) < 0, "a page table");
	e.gmfn = virt_to_mfn(page);
	CHECK_EQ(physdev(PHYSDEVOP_pirq_eoi_gmfn_v2, &e), 0, "a page");
	e.gmfn = virt_to_mfn(other);
	CHECK_EQ(physdev(PHYSDEVOP_pirq_eoi_gmfn_v2, &e), -XEN_EBUSY, "one only");
	update_va_mapping((uint64_t)page, virt_to_mfn(page) << PAGE_SHIFT | PTE_P | PTE_US,
			  UVMF_INVLPG);
	CHECK(mmuext_op(&pin, 1, NULL, DOMID_SELF) < 0, "which is no page table meanwhile");
	update_va_mapping((uint64_t)other, virt_to_mfn(other) << PAGE_SHIFT | PTE_P | PTE_US,
			  UVMF_INVLPG);
	pin.arg1.mfn = virt_to_mfn(other);
	CHECK_EQ(mmuext_op(&pin, 1, NULL, DOMID_SELF), 0, "the one refused may be");
}

enum verdict guest_main(void)
{
	struct physdev_set_iopl iopl = { .iopl = 1 };

	if (!is_control_domain()) {
		return SKIP;
	}
	CHECK_EQ(physdev(PHYSDEVOP_set_iopl, &iopl), 0, "ports");
	lines();
	interrupts();
	messages();
	controllers();
	devices();
	eoi_page();
	return SUCCESS;
}
