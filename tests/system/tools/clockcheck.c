/*
 * Looks whether time ever steps back: a thread on each CPU reads CLOCK_MONOTONIC and
 * publishes what it read; nobody may then read an earlier time than what was published
 * before it began to read.  Reads through the vDSO where the kernel has a clock for it.
 *
 *   clockcheck SECONDS   prints "cpus N reads R back B worst W ns"; exit status 0: never back
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define MOST 64

struct reader {
	pthread_t thread;
	int cpu;
	uint64_t reads, back;
	int64_t worst;
};

/* The latest time that anybody has read. */
static _Atomic int64_t latest;
static int64_t end;

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* Raises latest to t, unless somebody has read a later time meanwhile. */
static void publish(int64_t t)
{
	int64_t seen = atomic_load(&latest);

	while (seen < t && !atomic_compare_exchange_weak(&latest, &seen, t)) {
	}
}

static void stay_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set)) {
		perror("clockcheck: sched_setaffinity");
		exit(2);
	}
}

static void *read_clock(void *arg)
{
	struct reader *r = arg;
	int64_t t = 0;

	stay_on(r->cpu);
	while (t < end) {
		/* The load is before the read: what it saw was read before we began. */
		int64_t before = atomic_load(&latest);

		t = now_ns();
		if (t < before) {
			r->back++;
			r->worst = before - t > r->worst ? before - t : r->worst;
		}
		publish(t);
		r->reads++;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct reader readers[MOST] = { 0 };
	int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t reads = 0, back = 0;
	int64_t worst = 0;

	cpus = cpus > MOST ? MOST : cpus;
	end = now_ns() + (argc > 1 ? atoi(argv[1]) : 5) * 1000000000LL;
	for (int i = 0; i < cpus; i++) {
		readers[i].cpu = i;
		if (pthread_create(&readers[i].thread, NULL, read_clock, &readers[i])) {
			perror("clockcheck: pthread_create");
			return 2;
		}
	}
	for (int i = 0; i < cpus; i++) {
		pthread_join(readers[i].thread, NULL);
		reads += readers[i].reads;
		back += readers[i].back;
		worst = readers[i].worst > worst ? readers[i].worst : worst;
	}
	printf("cpus %d reads %lu back %lu worst %ld ns\n", cpus, reads, back, worst);
	return back ? 1 : 0;
}
