/*
 * One formatter for hypervisor, mini-guests and tests: the C library's printf
 * language without floating point.  Flags - + space 0 #, width and precision as
 * numbers or *, lengths hh h l ll z t j, conversions d i u x X o c s p %.
 */
#ifndef PAVANE_LIB_FMT_H
#define PAVANE_LIB_FMT_H

#include <stdarg.h>
#include <stddef.h>

/* As snprintf: never writes more than size bytes, always ends the text, returns the full length. */
__attribute__((format(printf, 3, 4))) int fmt_snprintf(char *to, size_t size, const char *format,
						       ...);
__attribute__((format(printf, 3, 0))) int fmt_vsnprintf(char *to, size_t size, const char *format,
							va_list args);

/* The usual names: ours where there is no C library, the library's on the host. */
#if __STDC_HOSTED__
#include <stdio.h>
#else
#define snprintf  fmt_snprintf
#define vsnprintf fmt_vsnprintf
#endif

#endif
