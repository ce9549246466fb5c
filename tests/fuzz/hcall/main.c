/*
 * The hypercall fuzzer.  As control domain it makes calls on two vCPUs, keeps a child that does the same as a plain guest and is
 * ended in the midst of it every few seconds, and asks at intervals whether the hypervisor's counts are right.
 * Words on its command line, each with what is taken without it:
 *
 *   seed=1  seconds=12  vcpus=2  child=1  audit=60000   (calls of worker 0 between two audits)
 *
 * It fails when an audit does, or when it does not get to its verdict: a panic of the hypervisor, or a death of the control
 * domain that nothing it did can explain.  The seed is printed first.  Next: memory.c.
 */
#include "frontends/rt/test.h"

#include <stdint.h>

#include <xen/event_channel.h>

#include "hypervisor/lib/string.h"
#include "tests/fuzz/hcall/fuzz.h"

#define OPS_MOST 64

bool play_hard;
volatile uint64_t worker_calls[2];

static struct op ops[OPS_MOST];
static unsigned int op_count, op_weight;
static uint64_t op_calls[OPS_MOST];
static struct worker workers[2];
static volatile bool stop;
static uint64_t seed;

/* The number behind a word of the command line. */
static uint64_t option(const char *word, uint64_t otherwise)
{
	const char *at = strstr((const char *)start_info->cmd_line, word);
	uint64_t n = 0;

	if (!at) {
		return otherwise;
	}
	for (at += strlen(word); *at >= '0' && *at <= '9'; at++) {
		n = n * 10 + (uint64_t)(*at - '0');
	}
	return n;
}

static void add_ops(const struct op *from)
{
	for (; from->fn; from++) {
		if (!from->control || is_control_domain()) {
			op_weight += from->weight;
			ops[op_count++] = *from;
		}
	}
}

/* Traps that debug registers and odd descriptors bring: nothing to do. */
static void go_on(struct trap_frame *f)
{
	f->rflags &= ~0x100UL;
}

static void set_up(void)
{
	op_count = op_weight = 0;
	stop = false;
	memset(op_calls, 0, sizeof(op_calls));
	memset(&play, 0, sizeof(play));
	play_hard = !is_control_domain();
	trap_hook[1] = go_on;
	seed = option("seed=", 1);
	add_ops(memory_ops);
	add_ops(grant_ops);
	add_ops(misc_ops);
	add_ops(control_ops);
	play_init();
	grants_init();
	if (play_hard) {
		play.self = (uint16_t)option("self=", 0);
		play.other = 0;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(workers); i++) {
		workers[i] = (struct worker){ .id = i,
					      .random = (seed * 2 + i + 1) * 0x9e3779b97f4a7c15UL };
		workers[i].arg = page_alloc();
		page_alloc(); /* the second of ARG_BYTES */
		/* A hole behind: a count that is too large must not lead answers into our stack. */
		update_va_mapping(ptr_arg(page_alloc()), 0, UVMF_INVLPG);
	}
}

static void step(struct worker *w)
{
	uint32_t at = rnd(w, op_weight);
	uint64_t before = w->calls;
	unsigned int i = 0;

	while (at >= ops[i].weight) {
		at -= ops[i++].weight;
	}
	w->used = 0;
	ops[i].fn(w);
	op_calls[i] += w->calls - before;
	worker_calls[w->id] = w->calls;
}

static void second(unsigned int vcpu)
{
	traps_init(); /* each vCPU has its own */
	while (!stop) {
		step(&workers[vcpu]);
	}
}

static void tell_figures(void)
{
	for (unsigned int i = 0; i < op_count; i++) {
		print("  %-14s %lu\n", ops[i].name, op_calls[i]);
	}
	print("hcallfuzz: seed %lu, %lu calls by the control domain, %lu by its children\n", seed,
	      workers[0].calls + workers[1].calls, child_calls());
}

static bool counts_are_right(void)
{
	enum audit_verdict v = audit_machine();

	if (v == AUDIT_FAILED) {
		print("hcallfuzz: seed %lu, worker 0 after %lu calls\n", seed, workers[0].calls);
	}
	return v != AUDIT_FAILED;
}

/* Worker 0 of the control domain, which also looks after the rest. */
static bool lead(uint64_t seconds, uint64_t interval)
{
	uint64_t end = system_time() + seconds * 1000000000UL, next = interval, look = 0;

	while (system_time() < end) {
		step(&workers[0]);
		if (workers[0].calls >= look) {
			child_watch();
			look = workers[0].calls + 2000;
		}
		if (workers[0].calls >= next) {
			if (!counts_are_right()) {
				return false;
			}
			next = workers[0].calls + interval;
		}
	}
	return true;
}

enum verdict guest_main(void)
{
	uint64_t vcpus;
	bool right;

	set_up();
	vcpus = option("vcpus=", 2);
	if (is_control_domain()) {
		print("hcallfuzz: seed %lu\n", seed);
		if (option("child=", 1)) {
			CHECK(child_start(seed * 1000, (unsigned int)vcpus), "a child");
		}
	}
	if (vcpus > 1) {
		CHECK_EQ(second_start(1, second), 0, "second vCPU");
	}
	if (play_hard) {
		for (;;) {
			step(&workers[0]);
		}
	}
	right = lead(option("seconds=", 12), option("audit=", 60000));
	stop = true;
	child_stop();
	tell_figures();
	CHECK(right && counts_are_right(), "the hypervisor's counts and references agree");
	return SUCCESS;
}
