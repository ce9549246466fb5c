/* The C library's header of this name: lwIP includes it, and uses nothing of it. */
#ifndef PAVANE_DRV_LWIP_STDIO_H
#define PAVANE_DRV_LWIP_STDIO_H

#endif
