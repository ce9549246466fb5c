/*
 * Physical devices, for the domain that owns them: which interrupt is which pirq, how lines are wired,
 * what the PCI bus holds.  The order in which a kernel asks is in the ABI notes: map, setup_gsi or
 * message, bind (an event-channel operation), eoi.
 */
#include "ctl/physdev.h"

#include <xen/errno.h>
#include <xen/physdev.h>
#include <xen/xen.h>

#include "arch/cpu.h"
#include "base/log.h"
#include "base/refuse.h"
#include "core/copy.h"
#include "core/debugkeys.h"
#include "core/domain.h"
#include "core/hypercall.h"
#include "core/rights.h"
#include "core/vcpu.h"
#include "pv/guest.h"
#include "pv/pirq.h"
#include "x86/irq.h"
#include "x86/machine.h"
#include "x86/msi.h"
#include "x86/serial.h"
#include "x86/ucopy.h"

static void show_interrupts(void)
{
	if (dom0) {
		pirq_dump(dom0);
	}
}

void physdev_init(void)
{
	const struct serial_line *com1 = serial_current();

	rights_reserve_iomem(paddr_to_mfn(acpi.lapic_address), acpi.lapic_address ? 1 : 0);
	for (unsigned int i = 0; i < ioapic_count(); i++) {
		rights_reserve_iomem(paddr_to_mfn(ioapic_address(i)), 1);
	}
	rights_reserve_ioport(0x20, 2);
	rights_reserve_ioport(0xa0, 2);
	rights_reserve_ioport(com1->port, com1->port ? 8 : 0);
	debugkeys_register('i', "the control domain's interrupts", show_interrupts);
}

static struct domain *caller(void)
{
	return cpu_current()->domain;
}

/* --- interrupts --- */

static long op_eoi(gva_t arg)
{
	struct physdev_eoi req;

	return copy_in(&req, arg) ? -XEN_EFAULT : pirq_eoi(caller(), req.irq);
}

static long op_irq_status_query(gva_t arg)
{
	struct physdev_irq_status_query req;
	int rc;

	if (copy_in(&req, arg)) {
		return -XEN_EFAULT;
	}
	req.flags = 0;
	rc = pirq_status(caller(), req.irq, &req.flags);
	return rc ? rc : copy_out(arg, &req) ? -XEN_EFAULT : 0;
}

/* Vectors are given when a line is set up; kernels of this ABI only look whether the call succeeds. */
static long op_alloc_irq_vector(gva_t arg)
{
	struct physdev_irq req;

	if (copy_in(&req, arg)) {
		return -XEN_EFAULT;
	}
	if (!ioapic_has_gsi(req.irq)) {
		return refuse_at(-XEN_EINVAL, REASON_NO_SUCH_LINE, req.irq);
	}
	req.vector = (uint32_t)irq_gsi_vector(req.irq);
	return copy_out(arg, &req) ? -XEN_EFAULT : 0;
}

static long op_setup_gsi(gva_t arg)
{
	struct physdev_setup_gsi req;
	int rc;

	if (copy_in(&req, arg)) {
		return -XEN_EFAULT;
	}
	if (req.gsi < 0) {
		return refuse_at(-XEN_EINVAL, REASON_NO_SUCH_LINE, (uint32_t)req.gsi);
	}
	rc = irq_gsi_setup((unsigned int)req.gsi, req.triggering != 0, req.polarity != 0);
	return rc == -XEN_EEXIST ? refuse_at(rc, REASON_PIRQ_TAKEN, (uint32_t)req.gsi) : rc;
}

/* The message source a map_pirq names, per type. */
static int read_source(struct physdev_map_pirq *req, struct msi *m)
{
	unsigned int seg = req->type == MAP_PIRQ_TYPE_MSI ? 0 : (unsigned int)req->bus >> 16;

	if (req->devfn < 0 || req->devfn > 0xff ||
	    (req->type == MAP_PIRQ_TYPE_MSI && (req->bus < 0 || req->bus > 0xff))) {
		return refuse_at(-XEN_EINVAL, REASON_BAD_ARGUMENT, (uint32_t)req->devfn);
	}
	*m = (struct msi){ .seg = (uint16_t)seg,
			   .bus = (uint8_t)req->bus,
			   .devfn = (uint8_t)req->devfn,
			   .count = 1 };
	if (req->type == MAP_PIRQ_TYPE_MULTI_MSI) {
		if (req->entry_nr < 1 || req->entry_nr > 32 || req->table_base) {
			return refuse_at(-XEN_EINVAL, REASON_BAD_MESSAGE, (uint32_t)req->entry_nr);
		}
		m->count = (unsigned int)req->entry_nr;
		return 0;
	}
	m->x = req->table_base != 0;
	if (m->x) {
		if (req->entry_nr < 0 || req->entry_nr > 2047) {
			return refuse_at(-XEN_EINVAL, REASON_BAD_MESSAGE, (uint32_t)req->entry_nr);
		}
		m->entry = (unsigned int)req->entry_nr;
		m->table_base = req->table_base;
	}
	return 0;
}

static int map_message(struct physdev_map_pirq *req)
{
	struct msi m;
	int rc = read_source(req, &m);

	/* A count that is no power of two is taken as the next: kernels round the same way. */
	while (!rc && (m.count & (m.count - 1))) {
		m.count++;
	}
	return rc ? rc : pirq_map_msi(caller(), &m, req->pirq < 0 ? -1 : req->pirq);
}

/* DOMID_SELF or the hardware domain itself: nobody else has pirqs. */
static bool names_self(domid_t id)
{
	return id == DOMID_SELF || id == caller()->id;
}

static long op_map_pirq(gva_t arg)
{
	struct physdev_map_pirq req;
	int rc;

	if (copy_in(&req, arg)) {
		return -XEN_EFAULT;
	}
	if (!names_self(req.domid)) {
		return refuse_at(-XEN_EOPNOTSUPP, REASON_NO_DEVICES, req.domid);
	}
	switch (req.type) {
	case MAP_PIRQ_TYPE_GSI:
		rc = req.index < 0
			     ? refuse_at(-XEN_EINVAL, REASON_NO_SUCH_LINE, (uint32_t)req.index)
			     : pirq_map_gsi(caller(), (unsigned int)req.index,
					    req.pirq < 0 ? -1 : req.pirq);
		break;
	case MAP_PIRQ_TYPE_MSI:
	case MAP_PIRQ_TYPE_MSI_SEG:
	case MAP_PIRQ_TYPE_MULTI_MSI:
		rc = map_message(&req);
		break;
	default:
		rc = refuse_at(-XEN_EINVAL, REASON_BAD_ARGUMENT, (uint32_t)req.type);
		break;
	}
	if (rc < 0) {
		log_debug("map_pirq type %d index %d %02x:%02x.%u entry %d: %d", req.type,
			  req.index, req.bus & 0xff, req.devfn >> 3, req.devfn & 7u, req.entry_nr,
			  rc);
		return rc;
	}
	req.pirq = rc;
	if (copy_out(arg, &req)) {
		pirq_unmap(caller(), (unsigned int)rc);
		return -XEN_EFAULT;
	}
	return 0;
}

static long op_unmap_pirq(gva_t arg)
{
	struct physdev_unmap_pirq req;

	if (copy_in(&req, arg)) {
		return -XEN_EFAULT;
	}
	if (!names_self(req.domid)) {
		return refuse_at(-XEN_EOPNOTSUPP, REASON_NO_DEVICES, req.domid);
	}
	return req.pirq < 0 ? refuse_at(-XEN_EINVAL, REASON_NO_SUCH_PIRQ, (uint32_t)req.pirq)
			    : pirq_unmap(caller(), (unsigned int)req.pirq);
}

static long op_get_free_pirq(gva_t arg)
{
	struct physdev_get_free_pirq req;
	int rc;

	if (copy_in(&req, arg)) {
		return -XEN_EFAULT;
	}
	rc = pirq_find_free(caller(), req.type != MAP_PIRQ_TYPE_GSI);
	if (rc < 0) {
		return rc;
	}
	req.pirq = (uint32_t)rc;
	return copy_out(arg, &req) ? -XEN_EFAULT : 0;
}

/* Version 1 would make EOI unmask the event channel as well: no kernel since 2011 asks for it. */
static long op_pirq_eoi_gmfn(gva_t arg)
{
	struct physdev_pirq_eoi_gmfn req;

	return copy_in(&req, arg) ? -XEN_EFAULT : pirq_set_eoi_frame(caller(), mfn(req.gmfn));
}

static long op_apic(gva_t arg, bool write)
{
	struct physdev_apic req;

	if (copy_in(&req, arg)) {
		return -XEN_EFAULT;
	}
	if (write) {
		return refuse(-XEN_EPERM, REASON_NOT_SERVED); /* the IO-APICs are ours */
	}
	if (req.reg > 0xff || !ioapic_read(req.apic_physbase, (uint8_t)req.reg, &req.value)) {
		return refuse_at(-XEN_EINVAL, REASON_BAD_ARGUMENT, req.reg);
	}
	return copy_out(arg, &req) ? -XEN_EFAULT : 0;
}

/* --- devices --- */

static long known_device(uint16_t seg, uint8_t bus, uint8_t devfn)
{
	return pci_present(seg, bus, devfn) ? 0
					    : refuse_at(-XEN_ENODEV, REASON_NO_SUCH_DEVICE,
							((unsigned)bus << 8) | devfn);
}

static long op_manage_pci(gva_t arg, bool add)
{
	struct physdev_manage_pci req;

	if (copy_in(&req, arg)) {
		return -XEN_EFAULT;
	}
	if (add) {
		return known_device(0, req.bus, req.devfn);
	}
	pirq_drop_device(caller(), 0, req.bus, req.devfn);
	return 0;
}

static long op_manage_pci_add_ext(gva_t arg)
{
	struct physdev_manage_pci_ext req;

	if (copy_in(&req, arg)) {
		return -XEN_EFAULT;
	}
	/* Virtual functions answer to their identity only through their parent. */
	return req.is_virtfn ? known_device(0, req.physfn.bus, req.physfn.devfn)
			     : known_device(0, req.bus, req.devfn);
}

static long op_pci_device_add(gva_t arg)
{
	struct physdev_pci_device_add req;

	if (copy_bytes_in(&req, arg, offsetof(struct physdev_pci_device_add, optarr))) {
		return -XEN_EFAULT;
	}
	return req.flags & XEN_PCI_DEV_VIRTFN
		       ? known_device(req.seg, req.physfn.bus, req.physfn.devfn)
		       : known_device(req.seg, req.bus, req.devfn);
}

enum device_step { DEVICE_REMOVE, DEVICE_MSIX, DEVICE_RESTORE };

static long op_pci_device(gva_t arg, enum device_step step)
{
	struct physdev_pci_device req;

	if (copy_in(&req, arg)) {
		return -XEN_EFAULT;
	}
	switch (step) {
	case DEVICE_REMOVE:
		pirq_drop_device(caller(), req.seg, req.bus, req.devfn);
		return 0;
	case DEVICE_RESTORE:
		return pirq_restore_msi(caller(), req.seg, req.bus, req.devfn);
	default:
		/* Says that the BARs will stay, or may move: we read them afresh each time. */
		return pci_find_capability(req.seg, req.bus, req.devfn, 0x11)
			       ? 0
			       : refuse_at(-XEN_ENODEV, REASON_NO_SUCH_DEVICE,
					   ((unsigned)req.bus << 8) | req.devfn);
	}
}

static long op_restore_msi(gva_t arg)
{
	struct physdev_restore_msi req;

	return copy_in(&req, arg) ? -XEN_EFAULT : pirq_restore_msi(caller(), 0, req.bus, req.devfn);
}

/* That the window is reserved is good to hear; we use the firmware's own word for it. */
static long op_pci_mmcfg_reserved(gva_t arg)
{
	struct physdev_pci_mmcfg_reserved req;

	if (copy_in(&req, arg)) {
		return -XEN_EFAULT;
	}
	return req.start_bus <= req.end_bus
		       ? 0
		       : refuse_at(-XEN_EINVAL, REASON_BAD_ARGUMENT, req.start_bus);
}

/* --- ports --- */

static long op_set_iopl(gva_t arg)
{
	struct physdev_set_iopl req;

	if (copy_in(&req, arg)) {
		return -XEN_EFAULT;
	}
	if (req.iopl > 3) {
		return refuse_at(-XEN_EINVAL, REASON_BAD_ARGUMENT, req.iopl);
	}
	pv_of(cpu_current())->iopl = req.iopl;
	return 0;
}

static long op_set_iobitmap(gva_t arg)
{
	struct pv_vcpu *p = pv_of(cpu_current());
	struct physdev_set_iobitmap req;

	if (copy_in(&req, arg)) {
		return -XEN_EFAULT;
	}
	if (req.nr_ports > 65536 ||
	    (req.nr_ports && !guest_range(handle_gva(req.bitmap), (req.nr_ports + 7) / 8))) {
		return refuse_at(-XEN_EINVAL, REASON_BAD_ARGUMENT, req.nr_ports);
	}
	p->io_bitmap = handle_gva(req.bitmap);
	p->io_bitmap_ports = req.nr_ports;
	return 0;
}

long do_physdev_op(uint64_t cmd, uint64_t arg, uint64_t a3, uint64_t a4, uint64_t a5)
{
	(void)a3;
	(void)a4;
	(void)a5;
	cmd = (uint32_t)cmd; /* an int in the ABI */
	if (cmd == PHYSDEVOP_set_iopl) {
		return op_set_iopl(arg);
	}
	if (cmd == PHYSDEVOP_set_iobitmap) {
		return op_set_iobitmap(arg);
	}
	if (!caller()->hardware) {
		return refuse(-XEN_EPERM, REASON_NO_HARDWARE);
	}
	switch (cmd) {
	case PHYSDEVOP_eoi:
		return op_eoi(arg);
	case PHYSDEVOP_irq_status_query:
		return op_irq_status_query(arg);
	case PHYSDEVOP_apic_read:
		return op_apic(arg, false);
	case PHYSDEVOP_apic_write:
		return op_apic(arg, true);
	case PHYSDEVOP_alloc_irq_vector:
		return op_alloc_irq_vector(arg);
	case PHYSDEVOP_free_irq_vector:
		return 0;
	case PHYSDEVOP_map_pirq:
		return op_map_pirq(arg);
	case PHYSDEVOP_unmap_pirq:
		return op_unmap_pirq(arg);
	case PHYSDEVOP_setup_gsi:
		return op_setup_gsi(arg);
	case PHYSDEVOP_get_free_pirq:
		return op_get_free_pirq(arg);
	case PHYSDEVOP_pirq_eoi_gmfn_v2:
		return op_pirq_eoi_gmfn(arg);
	case PHYSDEVOP_manage_pci_add:
		return op_manage_pci(arg, true);
	case PHYSDEVOP_manage_pci_remove:
		return op_manage_pci(arg, false);
	case PHYSDEVOP_manage_pci_add_ext:
		return op_manage_pci_add_ext(arg);
	case PHYSDEVOP_pci_device_add:
		return op_pci_device_add(arg);
	case PHYSDEVOP_pci_device_remove:
		return op_pci_device(arg, DEVICE_REMOVE);
	case PHYSDEVOP_prepare_msix:
	case PHYSDEVOP_release_msix:
		return op_pci_device(arg, DEVICE_MSIX);
	case PHYSDEVOP_restore_msi:
		return op_restore_msi(arg);
	case PHYSDEVOP_restore_msi_ext:
		return op_pci_device(arg, DEVICE_RESTORE);
	case PHYSDEVOP_pci_mmcfg_reserved:
		return op_pci_mmcfg_reserved(arg);
	default:
		/* dbgp_op: we use no USB debug port.  pirq_eoi_gmfn_v1: see above. */
		return refuse(-XEN_ENOSYS, REASON_NO_SUCH_OPERATION);
	}
}
