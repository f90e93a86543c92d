// SPDX-License-Identifier: GPL-2.0-only
/*
 * What p2pmap-cli makes of the module's messages, which are made here.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include <netlink/attr.h>
#include <netlink/msg.h>

#include "live-attrs.h"
#include "live.h"

static void assert_command(const char *from, size_t length, const char *to)
{
	struct nl_msg *msg = nlmsg_alloc();
	json_object *object;

	assert_int_equal(
		nla_put(msg, P2PMAP_NL_CONTEXT_COMMAND, (int)length, from), 0);
	object = live_attrs_object(live_context_attrs,
				   nlmsg_data(nlmsg_hdr(msg)),
				   nlmsg_datalen(nlmsg_hdr(msg)));
	assert_string_equal(live_text(object, "command"), to);
	json_object_put(object);
	nlmsg_free(msg);
}

/* A process is called as it likes; root's terminal shows it. */
static void what_is_not_printable_is_escaped(void **state)
{
	(void)state;
	assert_command("plain name~", 12, "plain name~");
	assert_command("no end", 3, "no ");
	assert_command("", 0, "");
	assert_command("\033]0;x\007", 7, "\\033]0;x\\007");
	assert_command("a\n 42 root", 11, "a\\012 42 root");
	assert_command("\177\200\233[2J\377", 8, "\\177\\200\\233[2J\\377");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_is_not_printable_is_escaped),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
