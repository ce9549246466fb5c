/*
 * Echoes TCP, as on port 7 of old: what a client sends comes back to it, from as many clients at once as lwIP has room
 * for.  Ends after so many connections as its command line's `connections` says, or never.
 */
#include <lwip/tcp.h>

#include "frontends/drv/ip.h"
#include "frontends/drv/words.h"
#include "frontends/rt/test.h"

#define PORT 7

/* A client's connection: what came and is not sent back yet, as a chain of pbufs. */
struct connection {
	bool in_use, ending; /* the client will send no more */
	struct pbuf *waiting;
};

static struct connection all[MEMP_NUM_TCP_PCB];
static unsigned int connections, opened, closed, failed;
static uint64_t bytes;

static void forget(struct connection *c)
{
	if (c->waiting) {
		pbuf_free(c->waiting);
	}
	*c = (struct connection){ 0 };
	closed++;
}

/* Sends back what there is room for; the end follows what came before it. */
static err_t go_on(struct connection *c, struct tcp_pcb *pcb)
{
	struct pbuf *p;

	while ((p = c->waiting) &&
	       tcp_write(pcb, p->payload, p->len, TCP_WRITE_FLAG_COPY) == ERR_OK) {
		bytes += p->len;
		tcp_recved(pcb, p->len);
		c->waiting = p->next;
		if (p->next) {
			pbuf_ref(p->next);
		}
		pbuf_free(p);
	}
	tcp_output(pcb);
	if (!c->ending || c->waiting) {
		return ERR_OK;
	}
	forget(c);
	tcp_arg(pcb, NULL);
	tcp_sent(pcb, NULL);
	tcp_recv(pcb, NULL);
	tcp_err(pcb, NULL);
	return tcp_close(pcb);
}

static err_t on_receive(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
	struct connection *c = arg;

	(void)err;
	if (!p) {
		c->ending = true;
	} else if (c->waiting) {
		pbuf_cat(c->waiting, p);
	} else {
		c->waiting = p;
	}
	return go_on(c, pcb);
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
	(void)len;
	return go_on(arg, pcb);
}

/* The connection is gone already. */
static void on_error(void *arg, err_t err)
{
	(void)err;
	failed++;
	forget(arg);
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
	struct connection *c = all;

	(void)arg;
	while (c < all + ARRAY_SIZE(all) && c->in_use) {
		c++;
	}
	if (err != ERR_OK || c == all + ARRAY_SIZE(all)) {
		return ERR_MEM; /* lwIP refuses the client */
	}
	c->in_use = true;
	opened++;
	tcp_arg(pcb, c);
	tcp_recv(pcb, on_receive);
	tcp_sent(pcb, on_sent);
	tcp_err(pcb, on_error);
	return ERR_OK;
}

static bool all_served(void)
{
	return connections && closed >= connections;
}

enum verdict guest_main(void)
{
	const struct arg words[] = { { "connections", ARG_UINT, &connections, "" } };
	struct tcp_pcb *pcb;
	int rc = ip_start();

	if (rc == -XEN_ENODEV) {
		print("there is no network card here: give this guest one in its .pav file\n");
		return SKIP;
	}
	CHECK_EQ(rc, 0, "the network");
	if (rc) {
		return FAILURE;
	}
	words_take(words, ARRAY_SIZE(words));
	pcb = tcp_new();
	CHECK(pcb && tcp_bind(pcb, IP_ADDR_ANY, PORT) == ERR_OK, "port %u is ours", PORT);
	pcb = tcp_listen(pcb);
	tcp_accept(pcb, on_accept);
	print("echoing on port %u\n", PORT);
	CHECK(ip_serve(all_served, 0), "served");
	CHECK_EQ(failed, 0, "no connection of %u broke off", opened);
	ip_serve(NULL, 1000000000UL); /* the last of them are told the end */
	CHECK(ip_stop(), "the card is given back, and nothing of ours stays lent");
	print("metric echoed %lu bytes\n", bytes);
	return SUCCESS;
}
