/* The C library's header of this name, as far as lwIP needs it. */
#ifndef PAVANE_DRV_LWIP_STDLIB_H
#define PAVANE_DRV_LWIP_STDLIB_H

int atoi(const char *s);

#endif
