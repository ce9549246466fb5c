/* Work put off to the next exit to a guest or turn of the idle loop, one bit per kind and CPU. */
#ifndef PAVANE_CORE_SOFTIRQ_H
#define PAVANE_CORE_SOFTIRQ_H

#include <stdbool.h>

enum softirq { SOFTIRQ_TIMER, SOFTIRQ_SCHEDULE, SOFTIRQ_CONSOLE, SOFTIRQ_RCU, SOFTIRQS };

void softirq_raise(enum softirq s);			 /* this CPU */
void softirq_raise_on(unsigned int cpu, enum softirq s); /* and kicks it */
bool softirq_pending(void);				 /* on this CPU */
void softirq_register(enum softirq s, void (*handler)(void));
/* Runs what is pending. SOFTIRQ_SCHEDULE comes last and may not return. Called with interrupts off. */
void softirq_run(void);

#endif
