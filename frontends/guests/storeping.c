/*
 * The store from a guest's side: values, lists, watches, transactions and what a guest may not do, each checked by
 * what the protocol promises; then some reads, timed.  Last it waits for the control domain to write into
 * data/ping, if its command line has the word `answer`, and answers in data/pong.
 */
#include "frontends/rt/test.h"

#include "frontends/drv/store.h"
#include "frontends/drv/words.h"
#include "hypervisor/lib/fmt.h"
#include "hypervisor/lib/string.h"

#define SECOND 1000000000UL
#define ROUNDS 300u

static char text[1024];

static int read_node(const char *path)
{
	return store_read(STORE_NO_TX, path, text, sizeof(text));
}

static void values(void)
{
	static char big[1001];

	CHECK_EQ(store_write(STORE_NO_TX, "data/one", "first"), 0, "a value is written");
	CHECK_EQ(read_node("data/one"), 5, "and read");
	CHECK_EQ(strcmp(text, "first"), 0, "as it was");
	CHECK_EQ(store_write(STORE_NO_TX, "data/one", ""), 0, "an empty one in its place");
	CHECK_EQ(read_node("data/one"), 0, "is empty");
	memset(big, 'b', sizeof(big) - 1);
	CHECK_EQ(store_write(STORE_NO_TX, "data/big", big), 0, "a thousand bytes");
	CHECK_EQ(read_node("data/big"), 1000, "are a thousand bytes");
	CHECK_EQ(strcmp(text, big), 0, "the same");
	CHECK_EQ(store_read(STORE_NO_TX, "data/big", text, 1000), -XEN_EMSGSIZE, "no room for it");
	CHECK_EQ(store_mkdir(STORE_NO_TX, "data/dir/in/dir"), 0, "directories in one step");
	CHECK_EQ(store_mkdir(STORE_NO_TX, "data/dir"), 0, "one that is there");
	CHECK_EQ(store_list(STORE_NO_TX, "data/dir", text, sizeof(text)), 3, "its list");
	CHECK_EQ(strcmp(text, "in"), 0, "has the one name");
	CHECK_EQ(store_remove(STORE_NO_TX, "data/dir"), 0, "removed with what is in it");
	CHECK_EQ(read_node("data/dir/in"), -XEN_ENOENT, "gone");
	CHECK_EQ(store_remove(STORE_NO_TX, "data/big"), 0, "the thousand bytes too");
}

static void refusals(void)
{
	char name[64], domid[16], path[64];

	CHECK(store_read(STORE_NO_TX, "name", name, sizeof(name)) > 0, "our name is %s", name);
	CHECK(store_read(STORE_NO_TX, "domid", domid, sizeof(domid)) > 0, "our number is %s",
	      domid);
	snprintf(path, sizeof(path), "/local/domain/%s/name", domid);
	CHECK(read_node(path) > 0 && !strcmp(text, name), "the long way to the name");
	CHECK_EQ(store_write(STORE_NO_TX, "name", "other"), -XEN_EACCES,
		 "it is not ours to change");
	CHECK_EQ(store_remove(STORE_NO_TX, "name"), -XEN_EACCES, "nor to remove");
	CHECK_EQ(store_write(STORE_NO_TX, "/tool/storeping", "x"), -XEN_EACCES, "nor is /tool");
	CHECK_EQ(store_write(STORE_NO_TX, "/local/domain/0/data", "x"), -XEN_EACCES,
		 "nor what is another's");
	CHECK_EQ(store_set_perms(STORE_NO_TX, "name", "n0\0b0", 6), -XEN_EACCES,
		 "nor its permissions");
	CHECK(read_node("name") > 0 && !strcmp(text, name), "and nothing changed");
	CHECK_EQ(read_node("data/none"), -XEN_ENOENT, "what is not there");
	CHECK_EQ(read_node("data//one"), -XEN_EINVAL, "a path with an empty name");
	CHECK_EQ(read_node("data/one/"), -XEN_EINVAL, "one that ends in a slash");
	CHECK_EQ(read_node("data/o ne"), -XEN_EINVAL, "one with a blank in it");
	CHECK_EQ(store_unwatch("data/one", "none"), -XEN_ENOENT, "a watch that is not there");
	CHECK_EQ(store_end(12345678, true), -XEN_ENOENT, "a transaction that is not there");
	CHECK_EQ(store_read(12345678, "data/one", text, sizeof(text)), -XEN_ENOENT,
		 "a read in one that is not there");
}

static void permissions(void)
{
	char domid[16], wanted[64];
	size_t len;

	store_read(STORE_NO_TX, "domid", domid, sizeof(domid));
	CHECK_EQ(store_write(STORE_NO_TX, "data/mine", "m"), 0, "a node of ours");
	len = (size_t)snprintf(wanted, sizeof(wanted), "n%s", domid);
	CHECK_EQ(store_get_perms(STORE_NO_TX, "data/mine", text, sizeof(text)), len + 1,
		 "has one word");
	CHECK_EQ(strcmp(text, wanted), 0, "which is %s", wanted);
	memcpy(wanted + len + 1, "r0", 3);
	CHECK_EQ(store_set_perms(STORE_NO_TX, "data/mine", wanted, len + 4), 0,
		 "the control domain may read it");
	CHECK_EQ(store_get_perms(STORE_NO_TX, "data/mine", text, sizeof(text)), len + 4,
		 "now it has two");
	CHECK_EQ(memcmp(text, wanted, len + 4), 0, "as we said");
	CHECK_EQ(store_set_perms(STORE_NO_TX, "data/mine", "n0", 3), -XEN_EPERM,
		 "it cannot be given away");
	CHECK_EQ(store_set_perms(STORE_NO_TX, "data/mine", "x7", 3), -XEN_EINVAL,
		 "nor have a word that is none");
	CHECK_EQ(store_remove(STORE_NO_TX, "data/mine"), 0, "removed");
}

static void expect_event(const char *path, const char *token, const char *what)
{
	struct store_event event = { "", "" };
	int rc = store_next_event(&event, 60 * SECOND);

	CHECK(!rc && !strcmp(event.path, path) && !strcmp(event.token, token), "%s (%d '%s' '%s')",
	      what, rc, event.path, event.token);
}

static void watches(void)
{
	struct store_event event;

	CHECK_EQ(store_watch("data/w", "tok en"), 0, "a watch");
	expect_event("data/w", "tok en", "fires at once");
	CHECK_EQ(store_watch("data/w", "tok en"), -XEN_EEXIST, "the same again");
	store_write(STORE_NO_TX, "data/w", "1");
	expect_event("data/w", "tok en", "fires when written");
	store_write(STORE_NO_TX, "data/w/below/it", "1");
	expect_event("data/w/below/it", "tok en", "fires for what is below, with its path");
	store_write(STORE_NO_TX, "data/wide", "1");
	store_remove(STORE_NO_TX, "data/w");
	expect_event("data/w", "tok en",
		     "fires when removed, and not for a name that begins alike");
	CHECK_EQ(store_unwatch("data/w", "tok en"), 0, "given up");
	store_write(STORE_NO_TX, "data/w", "1");
	CHECK_EQ(store_next_event(&event, SECOND / 10), -XEN_ETIMEDOUT, "and fires no more");
	store_remove(STORE_NO_TX, "data/w");
	store_remove(STORE_NO_TX, "data/wide");
	CHECK_EQ(store_events_lost(), 0, "no change was lost");
}

static void transactions(void)
{
	struct store_event event;
	uint32_t tx = 0, other = 0;

	store_write(STORE_NO_TX, "data/t", "before");
	store_watch("data/t", "t");
	expect_event("data/t", "t", "a watch on what it will change");
	CHECK_EQ(store_begin(&tx), 0, "a transaction");
	CHECK_EQ(store_write(tx, "data/t", "within"), 0, "writes");
	CHECK(store_read(tx, "data/t", text, sizeof(text)) == 6 && !strcmp(text, "within"),
	      "sees it");
	CHECK(read_node("data/t") == 6 && !strcmp(text, "before"), "and nobody else does");
	CHECK_EQ(store_next_event(&event, SECOND / 10), -XEN_ETIMEDOUT, "nor does the watch");
	CHECK_EQ(store_end(tx, true), 0, "until it ends");
	CHECK(read_node("data/t") == 6 && !strcmp(text, "within"), "then everybody does");
	expect_event("data/t", "t", "and the watch");
	store_unwatch("data/t", "t");
	CHECK_EQ(store_begin(&tx), 0, "another");
	store_write(tx, "data/t", "never");
	CHECK_EQ(store_end(tx, false), 0, "that is given up");
	CHECK(read_node("data/t") == 6 && !strcmp(text, "within"), "was never there");
	CHECK_EQ(store_begin(&tx), 0, "one");
	CHECK_EQ(store_begin(&other), 0, "and one beside it");
	CHECK(tx != other, "are two");
	CHECK(store_read(tx, "data/t", text, sizeof(text)) > 0 && !store_write(tx, "data/t", "a") &&
		      store_read(other, "data/t", text, sizeof(text)) > 0 &&
		      !store_write(other, "data/t", "b"),
	      "both change the same");
	CHECK_EQ(store_end(tx, true), 0, "the first to end has its way");
	CHECK_EQ(store_end(other, true), -XEN_EAGAIN, "the second is told to begin again");
	CHECK(read_node("data/t") == 1 && !strcmp(text, "a"), "and changed nothing");
	store_remove(STORE_NO_TX, "data/t");
}

static void timed(void)
{
	uint64_t start = system_time(), took;
	unsigned int good = 0;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		good += read_node("name") > 0;
	}
	took = system_time() - start;
	CHECK_EQ(good, ROUNDS, "reads in a row");
	print("metric store_read %lu us\n", took / ROUNDS / 1000);
}

/* What the control domain writes into data/ping comes back in data/pong, until that is "end". */
static void answer(void)
{
	struct store_event event;

	CHECK_EQ(store_watch("data/ping", "ping"), 0, "a watch on data/ping");
	print("waiting for data/ping\n");
	while (!store_next_event(&event, 120 * SECOND)) {
		if (read_node("data/ping") > 0) {
			store_write(STORE_NO_TX, "data/pong", text);
			if (!strcmp(text, "end")) {
				return;
			}
		}
	}
	CHECK(false, "nobody wrote data/ping");
}

enum verdict guest_main(void)
{
	bool wait = false;
	const struct arg words[] = { { "answer", ARG_BOOL, &wait, "" } };

	if (store_init()) {
		print("there is no store here: start this guest from a control domain\n");
		return SKIP;
	}
	words_take(words, ARRAY_SIZE(words));
	values();
	refusals();
	permissions();
	watches();
	transactions();
	timed();
	if (wait) {
		answer();
	}
	return SUCCESS;
}
