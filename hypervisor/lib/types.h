/*
 * Address and frame types that cannot be mixed up: a machine frame number is
 * not a pseudo-physical one, and the compiler knows.
 */
#ifndef PAVANE_LIB_TYPES_H
#define PAVANE_LIB_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
	uint64_t n;
} mfn_t; /* machine frame */
typedef struct {
	uint64_t n;
} pfn_t;		    /* a guest's pseudo-physical frame */
typedef uint64_t paddr_t;   /* machine address, bytes */
typedef uint64_t gva_t;	    /* guest virtual address */
typedef int64_t ns_t;	    /* nanoseconds of system time */
typedef uint64_t cpumask_t; /* one bit per physical CPU */

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096UL
#define PAGE_MASK  (~(PAGE_SIZE - 1))
#define MAX_CPUS   64

static inline mfn_t mfn(uint64_t n)
{
	return (mfn_t){ n };
}
static inline pfn_t pfn(uint64_t n)
{
	return (pfn_t){ n };
}
static inline bool mfn_eq(mfn_t a, mfn_t b)
{
	return a.n == b.n;
}
static inline paddr_t mfn_to_paddr(mfn_t m)
{
	return m.n << PAGE_SHIFT;
}
static inline mfn_t paddr_to_mfn(paddr_t p)
{
	return mfn(p >> PAGE_SHIFT);
}
#define MFN_NONE		     ((mfn_t){ ~0ULL })

/* "Call again to go on": between parts of the hypervisor, never told to a guest; the public errno.h leaves it out. */
#define XEN_ERESTART		     85

#define ARRAY_SIZE(a)		     (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)		     ((a) < (b) ? (a) : (b))
#define MAX(a, b)		     ((a) > (b) ? (a) : (b))
#define ROUND_UP(x, n)		     (((x) + (n)-1) & ~((typeof(x))(n)-1))
#define container_of(p, type, field) ((type *)((char *)(p)-offsetof(type, field)))
#define likely(x)		     __builtin_expect(!!(x), 1)
#define unlikely(x)		     __builtin_expect(!!(x), 0)
#define force_inline		     inline __attribute__((always_inline))
/* Keeps a rare path out of the frame of a hot one. */
#define out_of_line		     __attribute__((noinline))

#endif
