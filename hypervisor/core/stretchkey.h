/* A debug key for base/stretch.h. */
#ifndef PAVANE_CORE_STRETCHKEY_H
#define PAVANE_CORE_STRETCHKEY_H

void stretchkey_init(void);

#endif
