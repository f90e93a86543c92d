// SPDX-License-Identifier: GPL-2.0-only
/*
 * What p2pmap-cli makes of the module's messages, which are made here.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include <netlink/attr.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
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

/* A family that is not there: the linker sends libnl's calls here, -Wl,--wrap. */

static struct {
	int receive; /* what nl_recvmsgs_default() returns */
	int receive_errno;
	int receive_good; /* but so many times it brings a message */
	int ack; /* what nl_wait_for_ack() returns */
	nl_recvmsg_msg_cb_t take;
	void *take_argument;
} fake;

int __wrap_genl_connect(struct nl_sock *socket);
int __wrap_genl_ctrl_resolve(struct nl_sock *socket, const char *name);
int __wrap_genl_ctrl_resolve_grp(struct nl_sock *socket, const char *family,
				 const char *group);
int __wrap_nl_socket_set_buffer_size(struct nl_sock *socket, int rx, int tx);
int __wrap_nl_socket_add_membership(struct nl_sock *socket, int group);
int __wrap_nl_socket_modify_cb(struct nl_sock *socket, enum nl_cb_type type,
			       enum nl_cb_kind kind, nl_recvmsg_msg_cb_t func,
			       void *argument);
int __wrap_nl_send_auto(struct nl_sock *socket, struct nl_msg *msg);
int __wrap_nl_recvmsgs_default(struct nl_sock *socket);
int __wrap_nl_wait_for_ack(struct nl_sock *socket);

int __wrap_genl_connect(struct nl_sock *socket)
{
	(void)socket;
	return 0;
}

int __wrap_genl_ctrl_resolve(struct nl_sock *socket, const char *name)
{
	(void)socket;
	(void)name;
	return 42;
}

int __wrap_genl_ctrl_resolve_grp(struct nl_sock *socket, const char *family,
				 const char *group)
{
	(void)socket;
	(void)family;
	(void)group;
	return 43;
}

int __wrap_nl_socket_set_buffer_size(struct nl_sock *socket, int rx, int tx)
{
	(void)socket;
	(void)rx;
	(void)tx;
	return 0;
}

int __wrap_nl_socket_add_membership(struct nl_sock *socket, int group)
{
	(void)socket;
	(void)group;
	return 0;
}

int __wrap_nl_socket_modify_cb(struct nl_sock *socket, enum nl_cb_type type,
			       enum nl_cb_kind kind, nl_recvmsg_msg_cb_t func,
			       void *argument)
{
	(void)socket;
	(void)type;
	(void)kind;
	fake.take = func;
	fake.take_argument = argument;
	return 0;
}

int __wrap_nl_send_auto(struct nl_sock *socket, struct nl_msg *msg)
{
	(void)socket;
	(void)msg;
	return 0;
}

int __wrap_nl_recvmsgs_default(struct nl_sock *socket)
{
	struct nl_msg *msg;

	(void)socket;
	if (!fake.receive_good) {
		errno = fake.receive_errno;
		return fake.receive;
	}
	fake.receive_good--;
	msg = nlmsg_alloc();
	genlmsg_put(msg, 0, 0, 42, 0, 0, P2PMAP_NL_CMD_MAP_NTF, 1);
	nla_put_u64(msg, 1, 7);
	fake.take(msg, fake.take_argument);
	nlmsg_free(msg);
	return 0;
}

int __wrap_nl_wait_for_ack(struct nl_sock *socket)
{
	(void)socket;
	return fake.ack;
}

static const struct cli cli = { .color = CLI_COLOR_NEVER };
static struct live *live;

static int open_live(void **state)
{
	(void)state;
	memset(&fake, 0, sizeof(fake));
	return live_open(&cli, &live) == CLI_CONTINUE ? 0 : -1;
}

static int close_live(void **state)
{
	(void)state;
	live_close(live);
	return 0;
}

/* valgrind and the sanitizers see if the first answer is forgotten. */
static void an_answer_without_its_end_is_none(void **state)
{
	json_object *stats = (void *)&fake;

	(void)state;
	fake.receive_good = 1;
	stats = live_get(live, LIVE_CONTEXT, 7);
	assert_int_equal(live_uint(stats, "id"), 7);
	json_object_put(stats);
	fake.ack = -NLE_NOMEM;
	fake.receive_good = 1;
	assert_null(live_get(live, LIVE_CONTEXT, 7));
	fake.receive_good = 1;
	assert_int_equal(live_stats(NULL, live, &stats), CLI_FAILED);
	assert_null(stats);
}

static unsigned int nr_told;

static bool tell(void *context, json_object *event)
{
	(void)context;
	nr_told += !strcmp(live_text(event, "event"), "lost");
	return nr_told < 3;
}

/* libnl says the same of both: the socket had no room, or we have none. */
static void no_memory_is_not_told_as_lost(void **state)
{
	(void)state;
	nr_told = 0;
	fake.receive = -NLE_NOMEM;
	fake.receive_errno = ENOBUFS;
	assert_int_equal(live_watch(&cli, live, tell, NULL), CLI_CONTINUE);
	assert_int_equal(nr_told, 3);
	nr_told = 0;
	fake.receive_errno = ENOMEM;
	assert_int_equal(live_watch(&cli, live, tell, NULL), CLI_FAILED);
	assert_int_equal(nr_told, 0);
}

#define LIVE_TEST(function) \
	cmocka_unit_test_setup_teardown(function, open_live, close_live)

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_is_not_printable_is_escaped),
	LIVE_TEST(an_answer_without_its_end_is_none),
	LIVE_TEST(no_memory_is_not_told_as_lost),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
