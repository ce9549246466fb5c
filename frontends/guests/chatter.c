/* Prints without a pause, for three seconds or many lines: for who wants to meet the hypervisor at its console. */
#include "frontends/rt/rt.h"

#define LINES	20000u
#define SECONDS 3

enum verdict guest_main(void)
{
	uint64_t end = system_time() + SECONDS * 1000000000UL;

	for (unsigned int i = 0; i < LINES && system_time() < end; i++) {
		print("line %u of a guest that has nothing to say, and says so at some length\n",
		      i);
	}
	return SUCCESS;
}
