/*
 * The queues of the FIFO event ABI: senders that put ports behind one another through words which the guest may change at
 * any time, and two vCPUs that take them from the front.  What each step is called in the sources:
 *   raise, link, enqueue, append, try_link, leave_other_queue   hypervisor/core/evtchn_fifo.c
 * and in the guest, as stock kernels have it: take the READY bits; of the first queue follow HEAD, or what the word taken
 * last was linked to; clear LINKED and LINK of the word in one step; if it is pending and not masked, clear PENDING and
 * handle the event.  To unmask, clear MASKED if nothing is pending, else ask the hypervisor.
 *
 * What only the hypervisor sees is done in one with the step on the guest's memory next to it.  Two queues of one priority,
 * one a vCPU; port 0 is none.  A vCPU that finds no READY bit waits for the next upcall,
 * whose own protocol is upcall.pml's: here it is a flag that is set once the queue was empty.
 *
 * What is proved: every event is handled in the end, each vCPU comes to rest, and no vCPU ever handles a port of the
 * other's queue, which is how a list goes astray.  Each line "holds:" names what may happen meanwhile; each line
 * "broken:" a step that is left out or done otherwise, and where that must show: tests/models/check.
 *
 * holds: PORTS_THREE         three ports of one queue, sent to at the same time
 * holds: MOVES               a port is steered from one vCPU to the other and back
 * holds: MASKS               the guest masks and unmasks a port
 * broken: MOVES,KEEP_TAIL    leave_other_queue is not called
 * broken: PORTS_THREE,SELF   a port that was the last of its queue is put behind itself
 * broken: PORTS_THREE,BLIND  append does not look whether the last word is still LINKED
 * broken: PORTS_THREE,NO_CAS the LINK is written without regard to what the guest did since
 * broken: PORTS_THREE,LOOK_FIRST  raise looks at LINKED before it sets PENDING
 * broken: PORTS_THREE,READY_FIRST READY is set before HEAD
 * broken: MOVES,ALWAYS_READY READY is set for every port that is added, not for a new HEAD only
 * broken: MASKS,MASK_FIRST   raise looks at MASKED before it sets PENDING
 * broken: MASKS,UNMASK_BLIND the hypervisor's unmask does not look at PENDING
 */
#ifdef PORTS_THREE
#define SENDS(p) (p == 1 -> 2 : 1)
#define ALL_DONE (seen[1] == 2 && seen[2] == 1 && seen[3] == 1)
#else
#define SENDS(p) 2
#define ALL_DONE (seen[1] == 2 && seen[2] == 2)
#endif

/* The guest's pages. */
bit pending[4], linked[4], masked[4], ready[2], upcall[2];
byte nxt[4], head[2];
/* The hypervisor's own. */
byte tail[2], last_queue[4], vcpu_of[4];
bit locked;
/* What was sent and what is known of it. */
byte sent[4], seen[4];

inline set_ready()
{
	d_step { was = ready[q]; ready[q] = 1 };
	if
	:: was
	:: else -> upcall[q] = 1
	fi
}

/* ok: port p is behind the last of queue q now. */
inline append(p)
{
#ifdef NO_CAS
	atomic { t = tail[q]; ok = t != 0 && t != p && linked[t] };
	if
	:: ok -> nxt[t] = p
	:: else
	fi
#else
	atomic { /* the last of the tries, which nothing comes between */
		t = tail[q];
#ifdef SELF
		ok = t != 0 && linked[t];
#else
#ifdef BLIND
		ok = t != 0 && t != p;
#else
		ok = t != 0 && t != p && linked[t];
#endif
#endif
		if
		:: ok -> nxt[t] = p
		:: else
		fi
	}
#endif
}

inline enqueue(p)
{
	append(p);
	if
	:: ok ->
#ifdef ALWAYS_READY
		set_ready()
#else
		skip
#endif
	:: else ->
#ifdef READY_FIRST
		set_ready();
		head[q] = p
#else
		head[q] = p;
		set_ready()
#endif
	fi
}

inline link(p)
{
	atomic {
		!locked -> locked = 1;
		q = vcpu_of[p];
		was = linked[p];
		linked[p] = 1;
		if
#ifndef KEEP_TAIL
		:: !was && last_queue[p] != q && tail[last_queue[p]] == p -> tail[last_queue[p]] = 0
#endif
		:: else
		fi;
		if
		:: !was -> last_queue[p] = q
		:: else
		fi
	};
	if
	:: was -> locked = 0
	:: else ->
		enqueue(p);
		atomic { tail[q] = p; locked = 0 }
	fi
}

inline raise(p)
{
#ifdef LOOK_FIRST
	m = masked[p] || linked[p];
	atomic { sent[p]++; pending[p] = 1 };
#else
#ifdef MASK_FIRST
	m = masked[p];
	atomic { sent[p]++; pending[p] = 1 };
	m = m || linked[p];
#else
	atomic { sent[p]++; pending[p] = 1 };
	m = masked[p] || linked[p];
#endif
#endif
	if
	:: m
	:: else -> link(p)
	fi
}

proctype sender(byte p)
{
	byte q, t;
	bit was, ok, m;

	do
	:: sent[p] < SENDS(p) ->
		raise(p);
		atomic { q = 0; t = 0; was = 0; ok = 0; m = 0 }
	:: else -> break
	od
}

/* EVTCHNOP_bind_vcpu. */
proctype mover()
{
	vcpu_of[1] = 1;
	vcpu_of[1] = 0
}

/* EVTCHNOP_unmask. */
inline unmask(p)
{
	masked[p] = 0;
#ifdef UNMASK_BLIND
	skip
#else
	if
	:: pending[p] && !linked[p] -> link(p)
	:: else
	fi
#endif
}

/* Another vCPU of the guest. */
proctype masker()
{
	byte q, t;
	bit was, ok, ask;

	masked[1] = 1;
	atomic {
		ask = pending[1];
		if
		:: !ask -> masked[1] = 0
		:: else
		fi
	};
	if
	:: ask -> unmask(1)
	:: else
	fi
}

/* Takes the first of its queue. */
inline consume()
{
	port = (at == 0 -> head[v] : at);
	atomic { /* one step on the word */
		assert(port != 0 && linked[port] && last_queue[port] == v);
		at = nxt[port];
		linked[port] = 0;
		nxt[port] = 0;
		mine = mine && at != 0
	};
	atomic { /* nothing is handled twice at the same time: the word says who clears PENDING */
		if
		:: pending[port] && !masked[port] -> pending[port] = 0; seen[port] = sent[port]
		:: else
		fi;
		port = 0
	}
}

proctype vcpu(byte v)
{
	byte at, port;
	bit mine;

	do
	:: upcall[v] ->
		upcall[v] = 0;
		d_step { mine = ready[v]; ready[v] = 0 };
		do
		:: mine ->
			consume();
			d_step { mine = mine || ready[v]; ready[v] = 0 }
		:: else -> break
		od
	:: !upcall[v] && ALL_DONE -> break
	od
}

init
{
	atomic {
		run sender(1);
		run sender(2);
#ifdef PORTS_THREE
		run sender(3);
#endif
		run vcpu(0);
#ifdef MOVES
		run vcpu(1);
		run mover()
#endif
#ifdef MASKS
		run masker()
#endif
	}
}
