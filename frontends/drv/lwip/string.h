/* The C library's header of this name, as far as lwIP needs it. */
#ifndef PAVANE_DRV_LWIP_STRING_H
#define PAVANE_DRV_LWIP_STRING_H

#include "hypervisor/lib/string.h"

#endif
