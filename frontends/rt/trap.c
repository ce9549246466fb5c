/*
 * Exceptions: expected ones end trap_try(), others stop the guest with what is known of them.
 */
#include "frontends/rt/rt.h"

#include <xen/callback.h>
#include <xen/sched.h>

extern const uint64_t trap_stubs[20], trap_stub_80;
extern char event_entry[], failsafe_entry[], syscall_entry[];
void trap_dispatch(struct trap_frame *f);

void (*trap_hook[256])(struct trap_frame *f);
void (*syscall_hook)(struct trap_frame *f);
void (*event_hook)(struct trap_frame *f);

static struct jump *volatile trap_return;
static struct trap_seen seen;

static void stop(struct trap_frame *f)
{
	print("trap %lu error %#lx rip %#lx rsp %#lx cr2 %#lx\n", f->vector, f->error, f->rip,
	      f->rsp, vcpu_info()->arch.cr2);
	print("rax %#lx rbx %#lx rcx %#lx rdx %#lx rsi %#lx rdi %#lx\n", f->rax, f->rbx, f->rcx,
	      f->rdx, f->rsi, f->rdi);
	print("VERDICT FAILURE unexpected exception\n");
	guest_shutdown(SHUTDOWN_crash);
}

void trap_dispatch(struct trap_frame *f)
{
	if (f->vector == 0x100) {
		event_handle();
		if (event_hook) {
			event_hook(f);
		}
	} else if (f->vector == 0x102 && syscall_hook) {
		syscall_hook(f);
	} else if (f->vector < 256 && trap_hook[f->vector]) {
		trap_hook[f->vector](f);
	} else if (f->vector < 256 && trap_return) {
		seen = (struct trap_seen){ true, f->vector, f->error, vcpu_info()->arch.cr2,
					   f->rip };
		f->rdi = (uint64_t)trap_return;
		f->rsi = 1;
		f->rip = (uint64_t)rt_longjmp;
		trap_return = NULL;
	} else {
		stop(f);
	}
}

struct trap_seen trap_try(void (*f)(void *arg), void *arg)
{
	struct jump back;

	seen = (struct trap_seen){ 0 };
	if (rt_setjmp(&back) == 0) {
		trap_return = &back;
		f(arg);
		trap_return = NULL;
	}
	return seen;
}

static void register_callback(uint16_t type, const void *address)
{
	struct callback_register c = { .type = type,
				       .flags = CALLBACKF_mask_events,
				       .address = (unsigned long)address };

	hcall2(__HYPERVISOR_callback_op, CALLBACKOP_register, ptr_arg(&c));
}

void traps_init(void)
{
	static struct trap_info table[ARRAY_SIZE(trap_stubs) + 2];
	long rc;

	for (uint8_t i = 0; i < ARRAY_SIZE(trap_stubs); i++) {
		/* Breakpoint and overflow may be raised by user programs. */
		table[i] = (struct trap_info){ i, i == 3 || i == 4 ? 3 : 0, FLAT_KERNEL_CS,
					       trap_stubs[i] };
	}
	table[ARRAY_SIZE(trap_stubs)] = (struct trap_info){ 0x80, 3, FLAT_KERNEL_CS, trap_stub_80 };
	rc = hcall1(__HYPERVISOR_set_trap_table, ptr_arg(table));
	if (rc) {
		print("VERDICT FAILURE set_trap_table: %ld\n", rc);
		guest_shutdown(SHUTDOWN_crash);
	}
	register_callback(CALLBACKTYPE_event, event_entry);
	register_callback(CALLBACKTYPE_failsafe, failsafe_entry);
	register_callback(CALLBACKTYPE_syscall, syscall_entry);
}
