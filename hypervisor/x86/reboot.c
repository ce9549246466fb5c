/* Power off, reset, and the end after a panic: every known way in turn, the civil ones first. */
#include "x86/reboot.h"

#include "arch/cpu.h"
#include "base/log.h"
#include "x86/clock.h"
#include "x86/io.h"
#include "x86/machine.h"

#define SLEEP_ENABLE  (1u << 13)
#define PANIC_SECONDS 5

static bool noreboot;
static bool s5_known;
static uint16_t s5_a, s5_b;

void reboot_set_noreboot(bool yes)
{
	noreboot = yes;
}

void reboot_set_s5(uint16_t pm1a, uint16_t pm1b)
{
	s5_a = pm1a & ~SLEEP_ENABLE;
	s5_b = pm1b & ~SLEEP_ENABLE;
	s5_known = true;
}

__attribute__((noreturn)) static void halt(void)
{
	for (;;) {
		__asm__ volatile("cli; hlt" ::: "memory");
	}
}

/* Type first, then type and go: chipsets latch the one before the other. */
static void write_pm1(uint32_t port, uint16_t value)
{
	if (port && port <= 0xfffe) {
		outw((uint16_t)port, value);
		outw((uint16_t)port, (uint16_t)(value | SLEEP_ENABLE));
	}
}

void cpu_poweroff(void)
{
	log_info("power off");
	if (s5_known) {
		write_pm1(acpi.pm1a_control, s5_a);
		write_pm1(acpi.pm1b_control, s5_b);
		clock_wait_us(500000);
	}
	/* Emulators' fixed ports, for a power-off that no control domain has asked for. */
	outw(0x604, 0x2000);
	outw(0xb004, 0x2000);
	clock_wait_us(200000);
	log_info("The machine may be switched off now.");
	halt();
}

static void reset_by_acpi(void)
{
	if (!acpi.reset_supported || !acpi.reset_address) {
		return;
	}
	if (acpi.reset_space == 1 && acpi.reset_address <= 0xffff) {
		outb((uint16_t)acpi.reset_address, acpi.reset_value);
	} else if (acpi.reset_space == 0) {
		*(volatile uint8_t *)ioremap(acpi.reset_address, 1) = acpi.reset_value;
	} else if (acpi.reset_space == 2) { /* configuration space of a device on bus 0 */
		pci_write(0, 0,
			  (uint8_t)((acpi.reset_address >> 32 & 31) << 3 |
				    (acpi.reset_address >> 16 & 7)),
			  acpi.reset_address & 0xfff, 1, acpi.reset_value);
	}
	clock_wait_us(100000);
}

static void reset_by_keyboard(void)
{
	for (unsigned int i = 0; i < 10; i++) {
		for (unsigned int wait = 0; wait < 1000 && (inb(0x64) & 2); wait++) {
			clock_wait_us(2);
		}
		outb(0x64, 0xfe);
		clock_wait_us(10000);
	}
}

static void reset_by_triple_fault(void)
{
	static const struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) none;

	__asm__ volatile("lidt %0; int3" ::"m"(none));
}

void cpu_reboot(void)
{
	log_info("reboot");
	reset_by_acpi();
	outb(0xcf9, 0x02);
	outb(0xcf9, 0x06);
	clock_wait_us(100000);
	reset_by_keyboard();
	reset_by_triple_fault();
	halt();
}

void cpu_panic_halt(void)
{
	static const char stays[] = "The machine is halted (noreboot).\n";
	static const char restarts[] = "Reboot in 5 seconds; boot with noreboot to stay here.\n";

	if (noreboot || !clock_tsc_hz()) {
		cpu_console_write(stays, sizeof(stays) - 1);
		halt();
	}
	cpu_console_write(restarts, sizeof(restarts) - 1);
	for (unsigned int i = 0; i < PANIC_SECONDS * 10; i++) {
		clock_wait_us(100000);
	}
	cpu_reboot();
}
