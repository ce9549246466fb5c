/*
 * pav-net: one network interface of one guest, as one confined process.
 *
 * pavd makes the device's directories in the store and starts this with the
 * bridge's name.  The story goes on in netback.c (serving), packet.c (checking),
 * offload.c (checksums), tap.c (the cable's other end) and ../common.
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <net/if.h>

#include "backends/common/run.h"
#include "backends/net/netback.h"
#include "backends/net/tap.h"
#include "dom0-tools/libpav/die.h"
#include "dom0-tools/libpav/log.h"

static const char usage[] =
	"usage: pav-net --domid N --dev IDX --bridge BR --mac AA:BB:CC:DD:EE:FF --ifname NAME --uid UID\n"
	"Serves domain N's device vif IDX, through a TAP interface NAME on bridge BR.\n";

/* The guest reads its address from the store; here it is only checked and shown. */
static void check_mac(const char *text)
{
	unsigned int b[6];
	char end;

	if (strlen(text) != 17 ||
	    sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
		   &end) != 6 ||
	    b[0] & 1) {
		die("--mac: '%s' is not the address of one interface", text);
	}
}

static void check_interface(const char *what, const char *text)
{
	if (!*text || strlen(text) >= IFNAMSIZ || strpbrk(text, "/ %")) {
		die("%s: '%s' is not an interface name", what, text);
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "domid", required_argument, NULL, 'd' },  { "dev", required_argument, NULL, 'i' },
		{ "bridge", required_argument, NULL, 'b' }, { "mac", required_argument, NULL, 'm' },
		{ "ifname", required_argument, NULL, 'n' }, { "uid", required_argument, NULL, 'u' },
		{ "help", no_argument, NULL, 'h' },	    { NULL, 0, NULL, 0 },
	};
	const char *domid = NULL, *bridge = NULL, *mac = NULL, *ifname = NULL, *uid = NULL;
	struct netback_config config = { .journal_fd = -1 };
	char name[64], *err = NULL;
	int c;

	run_close_inherited();
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'd':
			domid = optarg;
			break;
		case 'i':
			config.id = optarg;
			break;
		case 'b':
			bridge = optarg;
			break;
		case 'm':
			mac = optarg;
			break;
		case 'n':
			ifname = optarg;
			break;
		case 'u':
			uid = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (!domid || !config.id || !bridge || !mac || !ifname || !uid || optind != argc) {
		fputs(usage, stderr);
		return 2;
	}
	config.domid = (unsigned int)run_parse_number("--domid", domid, 0x7fef);
	config.uid = (uint32_t)run_parse_number("--uid", uid, 0xfffffffd);
	run_check_id("--dev", config.id);
	check_mac(mac);
	check_interface("--bridge", bridge);
	check_interface("--ifname", ifname);
	config.tap_fd = tap_open(ifname, bridge, &err);
	if (config.tap_fd < 0) {
		die("%s", err);
	}
	snprintf(name, sizeof(name), "net-%u-%s.journal", config.domid, config.id);
	config.journal_fd = run_open_state(name);
	if (config.journal_fd < 0) {
		log_warn("no journal (%s)", strerror(errno));
	}
	log_info("domain %u interface %s: %s on %s, %s", config.domid, config.id, ifname, bridge,
		 mac);
	return netback_run(&config);
}
