/*
 * TCP/IP over the network card: Debian's lwIP, fed by one loop.  A guest starts it, opens what it serves with
 * lwIP's own calls (<lwip/tcp.h>), whose callbacks then come from ip_serve().
 *
 * The command line says the address: addr=10.20.0.77/24 gw=10.20.0.1, or nothing, and DHCP gives one.
 */
#ifndef PAVANE_DRV_IP_H
#define PAVANE_DRV_IP_H

#include <stdbool.h>
#include <stdint.h>

/* With an address, said on the console; 0 or -XEN_Exxx (-XEN_ENODEV: no card, -XEN_ETIMEDOUT: no address). */
int ip_start(void);

/* Does what is due, and waits for more, until over() or for so many ns (0: for ever).  False: over() never was. */
bool ip_serve(bool (*over)(void), uint64_t ns);

/* The card is given back: false if the backend would not let go of pages of ours. */
bool ip_stop(void);

#endif
