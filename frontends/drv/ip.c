/* Between lwIP and the rest: frames both ways, time, random numbers, and the loop. */
#include "frontends/drv/ip.h"

#include <lwip/dhcp.h>
#include <lwip/etharp.h>
#include <lwip/init.h>
#include <lwip/netif.h>
#include <lwip/pbuf.h>
#include <lwip/sys.h>
#include <lwip/timeouts.h>
#include <stdlib.h>

#include <xen/sched.h>

#include "frontends/drv/netfront.h"
#include "frontends/drv/words.h"
#include "frontends/rt/rt.h"

#include "hypervisor/lib/string.h"

#define MS	     1000000UL
#define ADDRESS_WAIT (90 * 1000 * MS)

static struct netif card;
static char address[ARG_STRING_MAX], gateway[ARG_STRING_MAX];

/* ---- what lwIP asks for ---- */

u32_t sys_now(void)
{
	return (u32_t)(system_time() / MS);
}

void lwip_failed(const char *what, const char *file, int line)
{
	print("VERDICT FAILURE lwIP: %s (%s:%d)\n", what, file, line);
	guest_shutdown(SHUTDOWN_crash);
}

uint32_t lwip_random(void)
{
	static uint64_t state;

	/* Ports and sequence numbers that the last start did not have, no secrets. */
	state = (state ^ rdtsc()) * 0x9e3779b97f4a7c15UL + wall_clock();
	return (uint32_t)(state >> 32);
}

int atoi(const char *s)
{
	unsigned int n = 0;

	for (; *s >= '0' && *s <= '9'; s++) {
		n = n * 10 + (unsigned int)(*s - '0');
	}
	return (int)n;
}

/* ---- frames ---- */

static err_t send_frame(struct netif *n, struct pbuf *p)
{
	char *frame = p->tot_len <= NET_FRAME_MAX ? net_frame() : NULL;

	(void)n;
	if (!frame) {
		return ERR_MEM; /* TCP sends it again */
	}
	pbuf_copy_partial(p, frame, p->tot_len, 0);
	net_send(frame, p->tot_len);
	return ERR_OK;
}

static void take_frame(const void *frame, size_t length)
{
	struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)length, PBUF_POOL);

	if (!p) {
		return; /* as on a wire to a machine that is busy */
	}
	pbuf_take(p, frame, (u16_t)length);
	if (card.input(p, &card) != ERR_OK) {
		pbuf_free(p);
	}
}

static err_t start_card(struct netif *n)
{
	n->name[0] = 'e';
	n->name[1] = 'n';
	n->output = etharp_output;
	n->linkoutput = send_frame;
	n->mtu = 1500;
	n->hwaddr_len = 6;
	n->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET |
		   NETIF_FLAG_LINK_UP;
	return ERR_OK;
}

/* ---- the loop ---- */

bool ip_serve(bool (*over)(void), uint64_t ns)
{
	uint64_t end = ns ? system_time() + ns : ~0UL;

	for (;;) {
		unsigned int seen = event_count;
		uint64_t now, due;

		net_poll(take_frame);
		sys_check_timeouts();
		now = system_time();
		if ((over && over()) || now >= end || net_is_broken()) {
			return over && over();
		}
		due = now + sys_timeouts_sleeptime() * MS;
		wait_event(seen, due < end ? due : end);
	}
}

/* ---- the address ---- */

/* "10.20.0.77/24" */
static int set_address(void)
{
	char *slash = strchr(address, '/');
	unsigned int bits = slash ? (unsigned int)atoi(slash + 1) : 24;
	ip4_addr_t own, mask, gate = { 0 };

	if (slash) {
		*slash = '\0';
	}
	if (!ip4addr_aton(address, &own) || bits > 32 ||
	    (*gateway && !ip4addr_aton(gateway, &gate))) {
		print("command line: no address: addr=%s gw=%s\n", address, gateway);
		return -XEN_EINVAL;
	}
	mask.addr = PP_HTONL(bits ? ~0u << (32 - bits) : 0);
	netif_set_addr(&card, &own, &mask, &gate);
	return 0;
}

static bool has_address(void)
{
	return netif_ip4_addr(&card)->addr != 0;
}

int ip_start(void)
{
	const struct arg words[] = { { "addr", ARG_STRING, address, "" },
				     { "gw", ARG_STRING, gateway, "" } };
	int rc;

	words_take(words, ARRAY_SIZE(words));
	rc = net_open(card.hwaddr);
	if (rc) {
		return rc;
	}
	lwip_init();
	netif_add(&card, IP4_ADDR_ANY4, IP4_ADDR_ANY4, IP4_ADDR_ANY4, NULL, start_card,
		  netif_input);
	netif_set_default(&card);
	netif_set_up(&card);
	if (*address) {
		rc = set_address();
	} else if (dhcp_start(&card) != ERR_OK || !ip_serve(has_address, ADDRESS_WAIT)) {
		rc = -XEN_ETIMEDOUT;
	}
	if (!rc) {
		print("network: %s\n", ip4addr_ntoa(netif_ip4_addr(&card)));
	}
	return rc;
}

bool ip_stop(void)
{
	netif_set_down(&card);
	return net_close();
}
