/* The machine's console as the control domain sees it. */
#ifndef PAVANE_CORE_CONSOLE_IO_H
#define PAVANE_CORE_CONSOLE_IO_H

/* A byte that came in on the console; kept until the control domain reads it, and VIRQ_CONSOLE tells it so.
 * Dropped when the ring is full. No lock may be held. */
void console_input(char c);

#endif
