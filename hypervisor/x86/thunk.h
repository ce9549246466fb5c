/* Indirect branches: through retpolines, or plain where the processor is safe without. */
#ifndef PAVANE_X86_THUNK_H
#define PAVANE_X86_THUNK_H

#include "lib/types.h"

/* On the boot CPU, when its tables are loaded and before paging_seal(). Option: spec-ctrl=, or "". */
void thunk_init(const char *option);

#endif
