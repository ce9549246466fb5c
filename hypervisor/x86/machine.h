/*
 * The parts of the machine, as main.c starts them and as pv/ and ctl/ use them.
 * One line a part; the file named on the right is the implementation.
 */
#ifndef PAVANE_X86_MACHINE_H
#define PAVANE_X86_MACHINE_H

#include "lib/types.h"

struct bootinfo;
struct regs;

/* serial.c: before anything else, then again when console interrupts work */
void serial_init(const char *com1_option); /* "115200,8n1"; NULL: default */
void serial_off(void); /* we leave the line alone from now on; the control domain may have it */
void serial_write(const char *s, size_t n);
void serial_irq_start(void); /* receive by interrupt, calls upcall_console_byte() */

/* acpi.c: bounds-checked readers of RSDP, RSDT/XSDT, MADT, HPET, FADT, MCFG */
struct acpi_cpu {
	uint32_t apic_id, acpi_id;
	bool enabled;
};
struct acpi_ioapic {
	uint8_t id;
	uint32_t address, gsi_base;
};
struct acpi_override {
	uint8_t source;
	uint32_t gsi;
	uint16_t flags;
};
struct acpi_mcfg {
	uint64_t base;
	uint16_t segment;
	uint8_t bus_first, bus_last;
};
struct acpi_info {
	uint64_t rsdp;
	uint64_t lapic_address;
	unsigned int cpus, ioapics, overrides, mcfgs;
	struct acpi_cpu cpu[MAX_CPUS];
	struct acpi_ioapic ioapic[8];
	struct acpi_override override[24];
	struct acpi_mcfg mcfg[4];
	uint64_t hpet_address;
	uint32_t pm_timer_port, pm1a_control, pm1b_control, pm1a_event;
	uint16_t sci_gsi;
	uint8_t reset_space, reset_value;
	uint64_t reset_address;
	bool reset_supported, has_8042;
	bool pm_timer_32;    /* the PM timer has 32 bits, not 24 */
	uint8_t rtc_century; /* CMOS register of the century, 0: none */
};
extern struct acpi_info acpi;
void acpi_init(uint64_t rsdp_hint); /* 0: search the BIOS area */

/* apic.c */
void apic_init_bsp(void);
void apic_init_ap(void);
void apic_eoi(void);
void apic_send_ipi(unsigned int cpu, uint8_t vector);
void apic_timer_set(ns_t deadline); /* 0 stops */
uint32_t apic_id_of(unsigned int cpu);

/* ioapic.c, msi.c, pic.c, irq.c */
#define VECTOR_DEVICE_FIRST 0x30
#define VECTOR_DEVICE_LAST  0xdf
#define VECTOR_TIMER	    0xf1
#define VECTOR_KICK	    0xf2
#define VECTOR_TLB	    0xf3
#define VECTOR_ERROR	    0xfe
#define VECTOR_SPURIOUS	    0xff
void pic_init(void); /* remapped and masked */
void ioapic_init(void);
void irq_init(void);
void irq_dispatch(struct regs *regs,
		  uint8_t vector); /* entry.S -> trap.c -> here: every vector >= 0x20 */

/* clock.c: TSC calibrated against PIT/HPET/PM timer; system time; RTC */
void clock_init(void);
void clock_init_ap(void);
uint64_t clock_tsc_khz(void);
void clock_scale(uint32_t *mul,
		 int8_t *shift);	      /* vcpu_time_info's tsc_to_system_mul and tsc_shift */
void clock_read(uint64_t *tsc, ns_t *system); /* a matching pair */
bool clock_tsc_stable(void);		      /* same TSC on all CPUs, at a constant rate */
uint64_t clock_rtc_seconds(void);	      /* since 1970, from CMOS, read once at boot */

/* smp.c: brings up every enabled CPU; each ends in ap_main(cpu) on its own stack */
void smp_boot_aps(unsigned int max);
void ap_main(unsigned int cpu) __attribute__((noreturn)); /* main.c */
void smp_send_tlb_flush(cpumask_t cpus); /* only sends VECTOR_TLB; tlb.c has the protocol */

/* pci.c */
uint32_t pci_read(uint16_t seg, uint8_t bus, uint8_t devfn, unsigned int reg, unsigned int bytes);
void pci_write(uint16_t seg, uint8_t bus, uint8_t devfn, unsigned int reg, unsigned int bytes,
	       uint32_t value);

/* paging.c (boot half) */
void *ioremap(paddr_t p, size_t n);	  /* uncached, never unmapped */
void paging_map_trampoline(paddr_t page); /* identity-map one low page, executable, in the boot L4 */
void paging_unmap_trampoline(paddr_t page);
extern uint64_t boot_cr3; /* the hypervisor's own L4, physical */

/* percpu.c */
void *percpu_stack_top(unsigned int cpu); /* allocates stack, TSS, GDT of an AP; its initial RSP */
void percpu_init_bsp(void); /* the boot CPU: IDT, and what percpu_stack_top() makes for others */
void percpu_load(unsigned int cpu); /* on that CPU: GDT, IDT, TSS, SYSCALL MSRs, CR4, EFER, FPU */

/* tlb.c: answer to VECTOR_TLB, also from cpu_relax() */
void tlb_answer(void);

#endif
