/* The end of the road: our own state is wrong, so we say where, how we got there, and stop. */
#include "base/bug.h"

#include <stdatomic.h>
#include <stdarg.h>
#include <stdbool.h>

#include "arch/cpu.h"
#include "base/log.h"
#include "lib/fmt.h"

unsigned long __stack_chk_guard = 0x9c5be7a3d1004f00UL; /* until boot_main() has a random one */

static atomic_flag panicking = ATOMIC_FLAG_INIT;

__attribute__((noreturn)) void panic(const char *fmt, ...)
{
	char text[200];
	va_list args;

	/* Only the first one speaks: a second is its echo, or another CPU's. */
	if (!atomic_flag_test_and_set(&panicking)) {
		va_start(args, fmt);
		vsnprintf(text, sizeof(text), fmt, args);
		va_end(args);
		log_emergency();
		log_print(LOG_ERR, "PANIC on CPU %u: %s", cpu_id(), text);
		cpu_panic_details();
	}
	cpu_panic_halt();
}

__attribute__((noreturn)) void __stack_chk_fail(void)
{
	panic("stack overrun, called from %p", __builtin_return_address(0));
}
