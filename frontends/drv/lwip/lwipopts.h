/*
 * How the TCP/IP stack is built for a mini-guest: without an operating system below it, everything called from one
 * loop on one vCPU, memory of its own.  Every option is explained in lwIP's <lwip/opt.h>.
 */
#ifndef PAVANE_DRV_LWIPOPTS_H
#define PAVANE_DRV_LWIPOPTS_H

#define NO_SYS			   1
#define SYS_LIGHTWEIGHT_PROT	   0 /* event handlers only wake; the stack never runs in one */
#define LWIP_NETCONN		   0
#define LWIP_SOCKET		   0
#define LWIP_IPV4		   1
#define LWIP_IPV6		   0
#define LWIP_DHCP		   1
#define DHCP_DOES_ARP_CHECK	   0
#define LWIP_RAW		   0
#define LWIP_STATS		   0
#define LWIP_NETIF_LINK_CALLBACK   0

#define MEM_ALIGNMENT		   8
#define MEM_SIZE		   (1024 * 1024)
#define MEMP_NUM_TCP_PCB	   64
#define MEMP_NUM_TCP_SEG	   1024
#define MEMP_NUM_PBUF		   256
#define PBUF_POOL_SIZE		   512

#define TCP_MSS			   1460
#define TCP_WND			   (40 * TCP_MSS)
#define TCP_SND_BUF		   (40 * TCP_MSS)
#define TCP_SND_QUEUELEN	   160
#define LWIP_TCP_KEEPALIVE	   1

/* Pages of the web server come from the guest. */
#define LWIP_HTTPD_CUSTOM_FILES	   1
#define LWIP_HTTPD_DYNAMIC_HEADERS 1
#define HTTPD_SERVER_AGENT	   "Pavane mini-guest, lwIP"
#define HTTPD_FSDATA_FILE	   "frontends/drv/lwip/nofiles.h"

#endif
