/* For our own mistakes only: a guest's are answered with an errno. */
#ifndef PAVANE_BASE_BUG_H
#define PAVANE_BASE_BUG_H

__attribute__((noreturn, format(printf, 1, 2))) void panic(const char *fmt, ...);

/* The stack protector's guard; changed only where no function returns that saw the old one. */
extern unsigned long __stack_chk_guard;
__attribute__((noreturn)) void __stack_chk_fail(void);

#define BUG() panic("BUG at %s:%d", __FILE__, __LINE__)
#define BUG_ON(c)                                                          \
	do {                                                               \
		if (__builtin_expect(!!(c), 0)) {                          \
			panic("BUG at %s:%d: %s", __FILE__, __LINE__, #c); \
		}                                                          \
	} while (0)
/* CHECKED: a debug build, which may take its time to prove that it is right. */
#ifdef NDEBUG
#define ASSERT(c) ((void)sizeof(c))
#define CHECKED	  0
#else
#define ASSERT(c) BUG_ON(!(c))
#define CHECKED	  1
#endif

#endif
