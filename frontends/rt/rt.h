/*
 * The mini-guest's runtime: what a guest's main() may use.  One vCPU runs it, on one stack, with
 * events delivered on that stack; a second one can be started.
 */
#ifndef PAVANE_RT_H
#define PAVANE_RT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/errno.h>
#include <xen/xen.h>
#include <xen/event_channel.h>

#include "frontends/rt/hcall.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define PAGE_SHIFT    12
#define PAGE_SIZE     4096UL
#define PTE_P	      1UL
#define PTE_RW	      2UL
#define PTE_US	      4UL
#define PTE_A	      0x20UL
#define PTE_D	      0x40UL
#define PTE_NX	      (1UL << 63)
#define PTE_FRAME     0x000ffffffffff000UL
#define PTE_USUAL     (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D)

/* What main() says in the end; FAILURE if any CHECK failed, whatever it says. */
enum verdict { SUCCESS, FAILURE, SKIP };
enum verdict guest_main(void);

/* setup.c */
extern struct start_info *start_info;
extern struct shared_info *shared_info;
bool is_control_domain(void);
__attribute__((noreturn)) void guest_shutdown(unsigned int reason);

/* console.c: the emergency console, where it is not refused, and in a guest that has one its own */
void console_init(void);
__attribute__((format(printf, 1, 2))) void print(const char *fmt, ...);

/* mm.c */
void mm_init(void);
void *page_alloc(void);	 /* zeroed, mapped, never given back; stops the guest when there are none */
uint64_t pfn_take(void); /* number of a page that is mapped nowhere */
uint64_t pfn_to_mfn(uint64_t pfn);
uint64_t mfn_to_pfn(uint64_t mfn);	  /* ~0 when the machine frame is nobody's */
void p2m_set(uint64_t pfn, uint64_t mfn); /* in our own list */
uint64_t virt_to_mfn(const void *p);	  /* of a page in the initial mapping */
void *pfn_to_virt(uint64_t pfn);	  /* in the initial mapping */
/* The entry of the tables that maps va at a level 1..4, or NULL; tables are readable in place. */
const uint64_t *pte_of(const void *va, int level);
uint64_t pte_machine_address(const uint64_t *pte);
/* Maps a page of ours at va as well, anywhere in a guest's range, making the tables that it takes.  0 or -errno. */
long map_at(uint64_t va, const void *page);

/* trap.c */
struct trap_frame {
	uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	uint64_t vector, error, rip, cs, rflags, rsp, ss;
};
struct trap_seen {
	bool happened;
	uint64_t vector, error, cr2, rip;
};
struct jump {
	uint64_t rbx, rbp, r12, r13, r14, r15, rsp, rip;
};
/* Not traps, but they arrive the same way. */
enum { TRAP_EVENT = 0x100, TRAP_FAILSAFE, TRAP_SYSCALL };
extern uint64_t failsafe_selectors[4]; /* DS ES FS GS of the last one */
int rt_setjmp(struct jump *j) __attribute__((returns_twice));
__attribute__((noreturn)) void rt_longjmp(struct jump *j, int value);
void traps_init(void);
/* Entry points that push their number and call trap_dispatch(): 0 to 19, and 0x80. */
extern const uint64_t trap_stubs[20], trap_stub_80;
/* One entry of the trap table: set_trap_table's result. */
long trap_set(uint8_t vector, uint8_t flags, uint64_t address);
long callback_register(uint16_t type, uint16_t flags, const void *address);
/* Calls f(arg) and tells whether it ended by an exception, and by which. */
struct trap_seen trap_try(void (*f)(void *arg), void *arg);
/* Called for a vector instead, when set; returning continues the guest with the frame as it is then. */
extern void (*trap_hook[256])(struct trap_frame *f);
extern void (*syscall_hook)(struct trap_frame *f);
extern void (*event_hook)(struct trap_frame *f); /* after the events were handled */
extern bool (*first_hook)(struct trap_frame *f); /* sees all of them first; true: that was it */
extern void (*unexpected_hook)(
	struct trap_frame *f); /* before an exception nobody waits for stops the guest */

/*
 * user.c: the iret hypercall, and what comes of it.  Whatever trap, system call or failsafe callback the code it
 * goes to ends with, brings us back; its frame is what we get.  A hook for system calls gets those instead.
 */
struct iret_frame {
	uint64_t rax, r11, rcx, flags, rip, cs, rflags, rsp, ss;
};
struct trap_frame iret_try(const struct iret_frame *to, uint64_t rdi);
/* User mode gets tables, the kernel's own, and the kernel a stack to be entered on.  0 or -errno. */
long user_init(void);
extern char user_stack[4096], kernel_entry_stack[4096];
/* To a program in user mode, events open. */
struct iret_frame user_frame(const void *program);
struct trap_frame user_try(const void *program, uint64_t rdi);
/* For syscall_hook and event_hook, which may let the program go on: no, that was it. */
void user_leave(struct trap_frame *f);
extern uint64_t user_entered_on; /* where the frame was that brought us back */

/* event.c */
void events_init(void);
void event_handle(void); /* from trap.c */
typedef void (*event_fn)(evtchn_port_t port);
void event_set_handler(evtchn_port_t port, event_fn f); /* and unmasks */
void event_mask(evtchn_port_t port);
bool event_is_pending(evtchn_port_t port);
void event_clear(evtchn_port_t port);
struct vcpu_info *vcpu_info(void);
void upcalls_off(void); /* as CLI; on delivers what waits */
void upcalls_on(void);
/* Waits in the hypervisor until cond(), for at most so many ns of system time. */
bool wait_for(bool (*cond)(void), uint64_t ns);
/*
 * For who looks at several things in turn: note event_count, look at all of them, then wait
 * in the hypervisor unless an event came since.  The wait ends with the next event, or at a
 * system time (0: never).
 */
extern volatile unsigned int event_count;
void wait_event(unsigned int seen, uint64_t until);

/* time.c */
uint64_t system_time(void);		    /* ns, from the time page */
uint64_t system_time_on(unsigned int vcpu); /* by the page of that one */
uint64_t wall_clock(void);		    /* seconds since 1970 */
void timer_init(void);
void timer_arm(uint64_t at); /* absolute; 0 stops */
extern volatile unsigned int timer_count;

/* second.c: another vCPU */
long second_start(unsigned int vcpu, void (*f)(unsigned int vcpu));
long second_start_on(unsigned int vcpu, void (*f)(unsigned int vcpu), char *stack); /* a page */
/* ... that takes jobs: begun, they run beside us; ready when done, or false after twenty seconds. */
long worker_start(unsigned int vcpu);
void worker_begin(void (*job)(void));
bool worker_ready(void);
bool worker_do(void (*job)(void));

#define barrier() __asm__ volatile("" ::: "memory")
static inline uint64_t rdtsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

#endif
