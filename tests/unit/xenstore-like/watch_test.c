/* Who hears of what, under which name. */
#include "xenstore-like/watch.h"

#include <stdlib.h>

#include "tests/unit/xenstore-like/session.h"

static struct storage st;
static struct conn *dom0, *other, *guest;

static void setup(void)
{
	storage_init(&st);
	dom0 = conn_new(&st, 0);
	other = conn_new(&st, 0);
	guest = conn_new(&st, 3);
	session_write(dom0, 0, "/local/domain/3", "");
	session_do2(dom0, XS_SET_PERMS, 0, "/local/domain/3", "n3");
}

static void teardown(void)
{
	while (st.conns) {
		conn_free(st.conns);
	}
	storage_fini(&st);
}

static void watch(struct conn *c, const char *path, const char *token)
{
	char first[256];

	cr_assert_str_eq(session_do2(c, XS_WATCH, 0, path, token), "");
	snprintf(first, sizeof(first), "%s:%s ", path, token);
	cr_assert_str_eq(session_events(c), first, "the first event comes by itself");
}

TestSuite(watch, .init = setup, .fini = teardown);

Test(watch, the_first_event_follows_the_reply)
{
	struct answer a;
	struct buf b = { 0 };

	proto_put(&b, XS_WATCH, 9, 0, "/a\0t", 5);
	session_feed(dom0, buf_bytes(&b), buf_len(&b));
	buf_free(&b);
	conn_step(dom0);
	cr_assert(session_next(dom0, &a));
	cr_assert_eq(a.type, XS_WATCH);
	cr_assert_str_eq(a.text, "OK");
	cr_assert(session_next(dom0, &a));
	cr_assert_eq(a.type, XS_WATCH_EVENT);
	cr_assert_eq(a.req_id, 0);
	cr_assert_eq(a.tx_id, 0);
	cr_assert_eq(a.len, 5);
	cr_assert_arr_eq(a.text, "/a\0t\0", 5);
}

Test(watch, a_change_at_or_below_is_heard_under_its_own_name)
{
	watch(dom0, "/a", "t");
	session_write(other, 0, "/a", "1");
	session_write(other, 0, "/a/b/c", "1");
	session_write(other, 0, "/ab", "1");
	cr_assert_str_eq(session_events(dom0), "/a:t /a/b/c:t ");
	session_do(other, XS_MKDIR, 0, "/a/d");
	session_do(other, XS_MKDIR, 0, "/a/d");
	cr_assert_str_eq(session_events(dom0), "/a/d:t ", "nothing changed the second time");
	session_do2(other, XS_SET_PERMS, 0, "/a/d", "n3");
	cr_assert_str_eq(session_events(dom0), "/a/d:t ");
}

Test(watch, removal_is_heard_above_and_by_watched_children)
{
	session_write(other, 0, "/a/b/c", "1");
	watch(dom0, "/a", "top");
	watch(dom0, "/a/b/c", "leaf");
	watch(dom0, "/a/b/never", "none");
	session_do(other, XS_RM, 0, "/a/b");
	cr_assert_str_eq(session_events(dom0), "/a/b:top /a/b/c:leaf ");
	session_do(other, XS_RM, 0, "/a/b");
	cr_assert_str_eq(session_events(dom0), "", "there was nothing to remove");
}

Test(watch, the_root_hears_everything)
{
	watch(dom0, "/", "t");
	session_write(other, 0, "/x/y", "1");
	cr_assert_str_eq(session_events(dom0), "/x/y:t ");
}

Test(watch, relative_watches_are_told_relative_names)
{
	watch(guest, "device", "t");
	session_write(dom0, 0, "/local/domain/3/device/vif/0", "");
	cr_assert_str_eq(session_events(guest), "device/vif/0:t ");
	session_do(dom0, XS_RM, 0, "/local/domain/3/device");
	cr_assert_str_eq(session_events(guest), "device:t ");
	watch(guest, "/local/domain/3/device", "abs");
	session_write(dom0, 0, "/local/domain/3/device", "");
	cr_assert_str_eq(session_events(guest), "device:t /local/domain/3/device:abs ");
}

Test(watch, a_removed_home_is_heard_by_a_relative_watch)
{
	session_write(dom0, 0, "/local/domain/3/control/shutdown", "");
	watch(guest, "control/shutdown", "t");
	session_do(dom0, XS_RM, 0, "/local/domain/3");
	cr_assert_str_eq(session_events(guest), "control/shutdown:t ");
}

Test(watch, nothing_is_heard_of_what_may_not_be_read)
{
	watch(guest, "/", "t");
	session_write(dom0, 0, "/secret", "1");
	session_do(dom0, XS_RM, 0, "/secret");
	cr_assert_str_eq(session_events(guest), "");
	session_write(dom0, 0, "/open", "1");
	session_do2(dom0, XS_SET_PERMS, 0, "/open", "r0");
	cr_assert_str_eq(session_events(guest), "/open:t ");
	/* Losing the right to read is heard once, and then no more. */
	session_do2(dom0, XS_SET_PERMS, 0, "/open", "n0");
	session_write(dom0, 0, "/open", "2");
	cr_assert_str_eq(session_events(guest), "/open:t ");
}

Test(watch, same_path_and_token_once_and_gone_after_unwatch)
{
	watch(dom0, "/a", "t");
	cr_assert_str_eq(session_do2(dom0, XS_WATCH, 0, "/a", "t"), "EEXIST");
	watch(dom0, "/a", "u");
	cr_assert_str_eq(session_do2(dom0, XS_UNWATCH, 0, "/a", "t"), "");
	cr_assert_str_eq(session_do2(dom0, XS_UNWATCH, 0, "/a", "t"), "ENOENT");
	session_write(other, 0, "/a", "");
	cr_assert_str_eq(session_events(dom0), "/a:u ");
}

Test(watch, guests_have_a_limited_number)
{
	char path[16];

	for (int i = 0; i < 128; i++) {
		snprintf(path, sizeof(path), "w%d", i);
		cr_assert_str_eq(session_do2(guest, XS_WATCH, 0, path, "t"), "");
	}
	session_events(guest);
	cr_assert_str_eq(session_do2(guest, XS_WATCH, 0, "one-more", "t"), "E2BIG");
	cr_assert_str_eq(session_do(guest, XS_RESET_WATCHES, 0, ""), "");
	cr_assert_eq(guest->watch_count, 0);
	cr_assert_str_eq(session_do2(guest, XS_WATCH, 0, "one-more", "t"), "");
}

Test(watch, a_token_that_fits_no_event_is_refused)
{
	char token[WATCH_TOKEN_MAX + 2];

	memset(token, 't', sizeof(token));
	token[WATCH_TOKEN_MAX + 1] = '\0';
	cr_assert_str_eq(session_do2(dom0, XS_WATCH, 0, "/a", token), "E2BIG");
	token[WATCH_TOKEN_MAX] = '\0';
	cr_assert_str_eq(session_do2(dom0, XS_WATCH, 0, "/a", token), "");
}

Test(watch, special_names_are_heard_by_the_control_domain)
{
	watch(dom0, "@releaseDomain", "t");
	watch(guest, "@releaseDomain", "t");
	watch_fire_special(&st, SPECIAL_RELEASE);
	watch_fire_special(&st, SPECIAL_INTRODUCE);
	cr_assert_str_eq(session_events(dom0), "@releaseDomain:t ");
	cr_assert_str_eq(session_events(guest), "");
	session_do2(dom0, XS_SET_PERMS, 0, "@releaseDomain", "r0");
	watch_fire_special(&st, SPECIAL_RELEASE);
	cr_assert_str_eq(session_events(guest), "@releaseDomain:t ");
}
