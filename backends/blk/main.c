/*
 * pav-blk: one block device of one guest, as one confined process.
 *
 * pavd makes the device's directories in the store and starts this with the
 * image's path; from there the guest's stock frontend finds it.  The story goes
 * on in blkback.c (serving), request.c (checking), disk.c (the medium), and
 * ../common (handshake, rings, grants, journal, confinement).
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/blk/blkback.h"
#include "backends/common/run.h"
#include "dom0-tools/libpav/die.h"
#include "dom0-tools/libpav/log.h"

static const char usage[] =
	"usage: pav-blk --domid N --dev ID --path FILE [--readonly] --uid UID\n"
	"Serves FILE (raw image or block device) to domain N as its device vbd ID.\n";

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "domid", required_argument, NULL, 'd' },
		{ "dev", required_argument, NULL, 'i' },
		{ "path", required_argument, NULL, 'p' },
		{ "readonly", no_argument, NULL, 'r' },
		{ "uid", required_argument, NULL, 'u' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct blkback_config config = { .journal_fd = -1 };
	const char *domid = NULL, *path = NULL, *uid = NULL;
	bool readonly = false;
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
		case 'p':
			path = optarg;
			break;
		case 'r':
			readonly = true;
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
	if (!domid || !config.id || !path || !uid || optind != argc) {
		fputs(usage, stderr);
		return 2;
	}
	config.domid = (unsigned int)run_parse_number("--domid", domid, 0x7fef);
	config.uid = (uint32_t)run_parse_number("--uid", uid, 0xfffffffd);
	run_check_id("--dev", config.id);
	if (disk_open(&config.disk, path, readonly, &err)) {
		die("%s", err);
	}
	snprintf(name, sizeof(name), "blk-%u-%s.journal", config.domid, config.id);
	config.journal_fd = run_open_state(name);
	if (config.journal_fd < 0) {
		log_warn("no journal (%s): requests in flight are lost if this process is killed",
			 strerror(errno));
	}
	return blkback_run(&config);
}
