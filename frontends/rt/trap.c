/*
 * Exceptions: expected ones end trap_try(), others stop the guest with what is known of them.
 */
#include "frontends/rt/rt.h"

#include <xen/callback.h>
#include <xen/sched.h>

extern char event_entry[], failsafe_entry[], syscall_entry[];
void trap_dispatch(struct trap_frame *f);

void (*trap_hook[256])(struct trap_frame *f);
void (*syscall_hook)(struct trap_frame *f);
void (*event_hook)(struct trap_frame *f);
void (*unexpected_hook)(struct trap_frame *f);
bool (*first_hook)(struct trap_frame *f);

static struct jump *volatile trap_return;
static struct trap_seen seen;

static void stop(struct trap_frame *f)
{
	if (unexpected_hook) {
		unexpected_hook(f);
	}
	print("trap %lu error %#lx rip %#lx rsp %#lx cr2 %#lx\n", f->vector, f->error, f->rip,
	      f->rsp, vcpu_info()->arch.cr2);
	print("rax %#lx rbx %#lx rcx %#lx rdx %#lx rsi %#lx rdi %#lx\n", f->rax, f->rbx, f->rcx,
	      f->rdx, f->rsi, f->rdi);
	print("VERDICT FAILURE unexpected exception\n");
	guest_shutdown(SHUTDOWN_crash);
}

void trap_dispatch(struct trap_frame *f)
{
	if (first_hook && first_hook(f)) {
		return;
	}
	if (f->vector == TRAP_EVENT) {
		event_handle();
		if (event_hook) {
			event_hook(f);
		}
	} else if (f->vector == TRAP_SYSCALL && syscall_hook) {
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

long trap_set(uint8_t vector, uint8_t flags, uint64_t address)
{
	struct trap_info t[2] = { { vector, flags, FLAT_KERNEL_CS, address }, { 0 } };

	return hcall1(__HYPERVISOR_set_trap_table, ptr_arg(t));
}

long callback_register(uint16_t type, uint16_t flags, const void *address)
{
	struct callback_register c = { .type = type,
				       .flags = flags,
				       .address = (unsigned long)address };

	return hcall2(__HYPERVISOR_callback_op, CALLBACKOP_register, ptr_arg(&c));
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
	callback_register(CALLBACKTYPE_event, CALLBACKF_mask_events, event_entry);
	callback_register(CALLBACKTYPE_failsafe, CALLBACKF_mask_events, failsafe_entry);
	callback_register(CALLBACKTYPE_syscall, CALLBACKF_mask_events, syscall_entry);
}
