/*
 * Events and the vCPU that waits for them: no wake-up is lost, whatever the order of their steps.
 *
 * Two senders on other CPUs, one vCPU, and somebody who pauses and unpauses it.  Each step here is one access to
 * memory that others see, or what is done under a run queue's lock; names are those of the sources:
 *   deliver, mark_word, wake_pollers, unmask     hypervisor/core/evtchn.c
 *   vcpu_mark_event, vcpu_clear_flag             hypervisor/core/vcpu.c
 *   sched_block, sched_wake, sched_sleep, sched_run, sched_context_saved   hypervisor/core/sched/sched.c
 *   poll                                         hypervisor/core/sched_op.c
 * No event lock is modelled: senders of several domains hold different ones.  Time-outs neither, since they would hide
 * what is looked for.
 *
 * What is proved: the vCPU sees the last of all sends.  If a wake-up is lost it waits when everybody else has
 * ended, and spin reports an invalid end state.  Each line "holds:" names what the guest does meanwhile; each line
 * "broken:" a step that is left out or put in the other order, and where that must show: tests/models/check.
 *
 * holds: BLOCKS,MASKS  it blocks, masks and unmasks, or loops until the upcall comes
 * holds: POLLS         it polls for one masked port or for both
 * holds: BLOCKS,POLLS  it blocks or polls
 * holds: PAUSES        it blocks, and is paused once
 * holds: MOVES         it blocks, and has to go to another CPU
 * broken: BLOCKS,LOOK_THEN_BLOCK  sched_block looks for events before it raises its flag
 * broken: POLLS,LOOK_THEN_POLL    poll looks at the ports before it raises its flag
 * broken: POLLS,POLLERS_FIRST     deliver looks for pollers before it sets the port pending
 * broken: MASKS,MASK_FIRST        deliver looks at the mask before it sets the port pending
 * broken: MOVES,NOT_SAVED         sched_context_saved does not look again
 * broken: MASKS,NO_KICK           vcpu_mark_event does not interrupt a CPU that is in the guest
 * broken: BLOCKS,PENDING_LAST     the guest clears evtchn_upcall_pending after it took the selector
 */
#define SENDS(p) (2 - (p)) /* by each sender */
#define BLOCKED 1
#define POLLING 2
#define PAUSED	4
#define ALL	(got[0] == SENDS(0) && got[1] == SENDS(1))

/* Shared memory; both ports are of one word, so of one bit of the selector. */
bit pending[2], mask[2], sel, upcall_pending, upcall_mask;
/* The vCPU: why it may not run, whether it is queued, current, loaded, where it may run; its CPU's pending softirq and interrupt. */
byte flags, poll_port; /* 0: several, else port + 1 */
bool queued, curr = true, running = true, allowed = true, resched, kick;
/* What the senders did, and what the guest knows of. */
byte sent[2], got[2];

inline sched_wake()
{
	atomic { /* while it is still loaded on a CPU that it may not use, only sched_context_saved can move it */
		if
		:: flags == 0 && !queued && !curr && (allowed || !running) -> queued = true; allowed = true
		:: else
		fi
	}
}

inline vcpu_clear_flag(f)
{
	if
	:: (flags & (f)) == 0
	:: else ->
		d_step { old_flags = flags; flags = flags & (7 - (f)) };
		if
		:: (old_flags & (f)) && !(old_flags & (7 - (f))) -> sched_wake()
		:: else
		fi
	fi
}

inline vcpu_mark_event()
{
	d_step { old = upcall_pending; upcall_pending = 1 };
	if
	:: old
	:: else ->
		vcpu_clear_flag(BLOCKED | POLLING);
#ifndef NO_KICK
		if
		:: running -> kick = true
		:: else
		fi
#endif
	fi
}

inline mark_word()
{
	d_step { old = sel; sel = 1 };
	if
	:: old
	:: else -> vcpu_mark_event()
	fi
}

inline wake_pollers(p)
{
	if
	:: flags & POLLING ->
		if
		:: poll_port == 0 || poll_port == p + 1 -> vcpu_clear_flag(BLOCKED | POLLING)
		:: else
		fi
	:: else
	fi
}

inline deliver(p)
{
#ifdef POLLERS_FIRST
	wake_pollers(p);
#endif
#ifdef MASK_FIRST
	masked = mask[p];
#endif
	d_step { old = pending[p]; pending[p] = 1 };
	if
	:: old
	:: else ->
#ifndef MASK_FIRST
		masked = mask[p];
#endif
		if
		:: masked
		:: else -> mark_word()
		fi
#ifndef POLLERS_FIRST
		;
		wake_pollers(p)
#endif
	fi
}

proctype sender(byte p)
{
	byte old_flags;
	bit old, masked;

	do
	:: sent[p] < SENDS(p) ->
		sent[p]++;
		deliver(p);
		atomic { old_flags = 0; old = 0; masked = 0 }
	:: else -> break
	od
}

/* domctl pausedomain and unpausedomain. */
proctype pauser()
{
	byte old_flags;

	d_step { old_flags = flags; flags = flags | PAUSED };
	if
	:: old_flags == 0 ->
		d_step { /* sched_sleep */
			if
			:: flags != 0 ->
				queued = false;
				if
				:: curr -> resched = true; kick = true
				:: else
				fi
			:: else
			fi
		}
	:: else
	fi;
	vcpu_clear_flag(PAUSED)
}

/* domctl setvcpuaffinity, to another CPU: sched_set_affinity. */
proctype mover()
{
	atomic {
		allowed = false;
		queued = false;
		if
		:: curr -> resched = true; kick = true
		:: else
		fi
	};
	sched_wake()
}

/* --- the vCPU, in the hypervisor --- */

inline sched_run()
{
	atomic { /* the choice, under the lock */
		if
		:: flags == 0 && allowed
		:: flags == 0 && allowed -> queued = true; curr = false /* someone else's turn */
		:: flags != 0 || !allowed -> curr = false
		fi
	};
	if
	:: curr
	:: else ->
		running = false; /* sched_context_saved */
#ifndef NOT_SAVED
		if
		:: flags == 0 -> sched_wake()
		:: else
		fi;
#endif
		atomic { queued -> queued = false; curr = true; running = true }
	fi
}

/* The way back into the guest: softirqs, then the upcall.  What comes later finds us running and interrupts. */
inline leave()
{
	do
	:: resched -> resched = false; sched_run()
	:: !resched && upcall_pending && !upcall_mask ->
		upcall_mask = 1;
		handle();
		upcall_mask = 0 /* the iret hypercall, which leaves by this way again */
	:: !resched && !(upcall_pending && !upcall_mask) -> break
	od
}

inline block()
{
	upcall_mask = 0;
#ifdef LOOK_THEN_BLOCK
	seen = upcall_pending && !upcall_mask;
	flags = flags | BLOCKED;
#else
	flags = flags | BLOCKED;
	seen = upcall_pending && !upcall_mask;
#endif
	if
	:: seen -> flags = flags & (7 - BLOCKED)
	:: else -> resched = true
	fi;
	leave()
}

/* Of port p alone, or with p == 2 of both. */
inline poll(p)
{
	poll_port = (p == 2 -> 0 : p + 1);
#ifdef LOOK_THEN_POLL
	seen = (p != 1 && pending[0]) || (p != 0 && pending[1]);
	flags = flags | POLLING;
#else
	flags = flags | POLLING;
	seen = (p != 1 && pending[0]);
	seen = seen || (p != 0 && pending[1]);
#endif
	seen = seen || (upcall_pending && !upcall_mask);
	if
	:: seen -> flags = flags & (7 - POLLING)
	:: else -> resched = true
	fi;
	leave()
}

inline unmask(p)
{
	d_step { old = mask[p]; mask[p] = 0 };
	if
	:: old && pending[p] -> mark_word()
	:: else
	fi;
	leave()
}

/* --- the vCPU, in the guest --- */

inline handle_port(p)
{
	if
	:: pending[p] && !mask[p] ->
		pending[p] = 0;
		got[p] = sent[p]
	:: else
	fi
}

inline handle()
{
	do
	:: upcall_pending ->
#ifndef PENDING_LAST
		upcall_pending = 0;
#endif
		d_step { word = sel; sel = 0 };
#ifdef PENDING_LAST
		upcall_pending = 0;
#endif
		if
		:: word -> handle_port(0); handle_port(1)
		:: else
		fi
	:: else -> break
	od
}

/* Where an interrupt may come. */
inline guest_step()
{
	if
	:: kick -> kick = false; leave()
	:: true
	fi
}

/* As Linux does it for a port of the vCPU itself: clear, look, tell oneself. */
inline unmask_by_hand(p)
{
	upcall_mask = 1;
	mask[p] = 0;
	if
	:: pending[p] -> sel = 1; upcall_pending = 1
	:: else
	fi;
	upcall_mask = 0;
	if
	:: upcall_pending -> leave() /* any hypercall */
	:: else
	fi
}

inline with_mask(p)
{
	mask[p] = 1;
	guest_step();
	if
	:: unmask(p)
	:: unmask_by_hand(p)
	fi
}

/* Waits for one port as a spin lock does, with upcalls open or not, if something is still to come. */
inline poll_masked(p)
{
	mask[p] = 1;
	if
	:: got[p] < SENDS(p) -> upcall_mask = 1; poll(p); upcall_mask = 0
	:: got[p] < SENDS(p) -> poll(p)
	:: true
	fi;
	unmask(p) /* and takes what came while upcalls were off */
}

inline poll_for_both()
{
	mask[0] = 1;
	mask[1] = 1;
	if
	:: !ALL -> poll(2)
	:: else
	fi;
	unmask(0);
	unmask(1)
}

proctype vcpu()
{
	byte old_flags;
	bit old, word;
	bool seen;

	do
	:: ALL -> break
	:: else ->
		if
#if defined(BLOCKS) || defined(PAUSES) || defined(MOVES)
		:: upcall_mask = 1;
		   if
		   :: ALL -> upcall_mask = 0
		   :: else -> block()
		   fi
#endif
#ifdef MASKS
		/* A loop in the guest until the handler has been called. */
		:: true ->
		   kick;
		   kick = false;
		   leave()
		:: with_mask(0)
#endif
#ifdef POLLS
		:: poll_masked(0)
		:: poll_for_both()
#endif
		fi;
		atomic { old_flags = 0; old = 0; word = 0; seen = false; poll_port = 0 }
	od
}

init
{
	atomic { run sender(0); run sender(1); run vcpu();
#ifdef PAUSES
		run pauser();
#endif
#ifdef MOVES
		run mover()
#endif
	}
}
