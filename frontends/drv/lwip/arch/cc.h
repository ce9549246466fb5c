/* What lwIP wants to know of the compiler and of where its complaints go. */
#ifndef PAVANE_DRV_LWIP_CC_H
#define PAVANE_DRV_LWIP_CC_H

#include <stdint.h>

#define LWIP_NO_INTTYPES_H 1
#define LWIP_NO_LIMITS_H   1
#define LWIP_NO_UNISTD_H   1
#define LWIP_NO_CTYPE_H	   1
#define INT_MAX		   __INT_MAX__

#define X8_F		   "02x"
#define U16_F		   "u"
#define S16_F		   "d"
#define X16_F		   "x"
#define U32_F		   "u"
#define S32_F		   "d"
#define X32_F		   "x"
#define SZT_F		   "lu"

void lwip_failed(const char *what, const char *file, int line) __attribute__((noreturn));
uint32_t lwip_random(void);

#define LWIP_PLATFORM_DIAG(x) \
	do {                  \
	} while (0)
#define LWIP_PLATFORM_ASSERT(x) lwip_failed(x, __FILE__, __LINE__)
#define LWIP_RAND()		lwip_random()

#endif
