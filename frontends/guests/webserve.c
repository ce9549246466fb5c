/*
 * A web server: lwIP's, with a page about the guest itself and one large file whose content anybody can
 * compute.  Serves until a client asks for /stop.
 */
#include <lwip/apps/fs.h>
#include <lwip/apps/httpd.h>

#include "frontends/drv/cksum.h"
#include "frontends/drv/ip.h"
#include "frontends/rt/test.h"

#include "hypervisor/lib/fmt.h"
#include "hypervisor/lib/string.h"

#define BIG_BYTES (1u << 20)

static char page[1024], big[BIG_BYTES];
static unsigned int served;
static bool stop;

int fs_open_custom(struct fs_file *file, const char *name);
void fs_close_custom(struct fs_file *file);

static void serve(struct fs_file *file, const char *data, size_t len)
{
	*file = (struct fs_file){ .data = data, .len = (int)len, .index = (int)len };
	served++;
}

static void write_page(void)
{
	snprintf(page, sizeof(page),
		 "<!DOCTYPE html>\n<title>A mini-guest</title>\n<h1>It works</h1>\n"
		 "<p>A guest with %lu KiB of memory and no operating system, up for %lu s, "
		 "has served %u files.</p>\n",
		 start_info->nr_pages * 4, system_time() / 1000000000UL, served);
}

/* lwIP asks for a file: 1 if there is one of this name. */
int fs_open_custom(struct fs_file *file, const char *name)
{
	if (!strcmp(name, "/index.html")) {
		write_page();
		serve(file, page, strlen(page));
		return 1;
	}
	if (!strcmp(name, "/big")) {
		serve(file, big, sizeof(big));
		return 1;
	}
	if (!strcmp(name, "/stop")) {
		stop = true;
		serve(file, "stopping\n", 9);
		return 1;
	}
	return 0;
}

void fs_close_custom(struct fs_file *file)
{
	(void)file;
}

static bool is_stopped(void)
{
	return stop;
}

enum verdict guest_main(void)
{
	struct cksum sum = { 0 };
	int rc = ip_start();

	if (rc == -XEN_ENODEV) {
		print("there is no network card here: give this guest one in its .pav file\n");
		return SKIP;
	}
	CHECK_EQ(rc, 0, "the network");
	if (rc) {
		return FAILURE;
	}
	for (unsigned int i = 0; i < sizeof(big); i++) {
		big[i] = (char)(i * 2654435761u >> 24);
	}
	cksum_add(&sum, big, sizeof(big));
	print("big cksum %u bytes %lu\n", cksum_end(&sum), sum.bytes);
	httpd_init();
	print("serving on port 80\n");
	CHECK(ip_serve(is_stopped, 0), "a client asked for the end");
	ip_serve(NULL, 1000000000UL); /* the last of them are told the end */
	CHECK(ip_stop(), "the card is given back, and nothing of ours stays lent");
	print("metric served %u files\n", served);
	return SUCCESS;
}
