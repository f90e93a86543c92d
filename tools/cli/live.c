// SPDX-License-Identifier: GPL-2.0-only
/*
 * The netlink connection: requests, answers, events.  What an attribute is
 * called is in live-attrs.c.
 */
#include "live.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>

#include "live-attrs.h"
#include "print.h"

/* How often a dump is read again in which something came or went. */
#define LIVE_TRIES 8

#define RECEIVE_BUFFER (4 << 20)

struct live {
	struct nl_sock *socket;
	int family;
	/* of the request on its way */
	const struct live_attr *attrs;
	json_object *answer; /* an array, or what it was for a single one */
	bool single;
};

static const struct {
	uint8_t command;
	const struct live_attr *attrs;
	int id; /* attribute by which one is asked for */
} nouns[] = {
	[LIVE_CONTEXT] = { P2PMAP_NL_CMD_CONTEXT_GET, live_context_attrs,
			   P2PMAP_NL_CONTEXT_ID },
	[LIVE_IMPORTER] = { P2PMAP_NL_CMD_IMPORTER_GET, live_importer_attrs,
			    P2PMAP_NL_IMPORTER_ID },
	[LIVE_MAPPING] = { P2PMAP_NL_CMD_MAPPING_GET, live_mapping_attrs,
			   P2PMAP_NL_MAPPING_ID },
	[LIVE_EXTENT] = { P2PMAP_NL_CMD_EXTENT_GET, live_extent_attrs,
			  P2PMAP_NL_EXTENT_MAPPING },
};

static int fail_no_module(const struct cli *cli)
{
	cli_fail(cli, ENOENT, NULL,
		 "The module is not loaded, or this is not the initial network "
		 "namespace, the only one in which it can be asked. Load it "
		 "with 'modprobe p2pmap'; '" CLI_NAME
		 " doctor' says what else is missing.",
		 "p2pmap cannot be asked");
	return CLI_UNAVAILABLE;
}

static int fail(const struct cli *cli, int error, const char *what)
{
	if (!cli)
		return CLI_FAILED;
	if (error == -NLE_PERM)
		return cli_fail(cli, EPERM, NULL,
				"It takes CAP_NET_ADMIN: run it as root.", "%s",
				what);
	return cli_fail(cli, EIO, NULL, nl_geterror(error), "%s", what);
}

int live_open(const struct cli *cli, struct live **out)
{
	struct live *live = calloc(1, sizeof(*live));
	int rc = -NLE_NOMEM;

	if (live)
		live->socket = nl_socket_alloc();
	if (live && live->socket)
		rc = genl_connect(live->socket);
	if (!rc) {
		nl_socket_set_buffer_size(live->socket, RECEIVE_BUFFER, 0);
		live->family =
			genl_ctrl_resolve(live->socket, P2PMAP_NL_FAMILY_NAME);
		rc = live->family < 0 ? live->family : 0;
	}
	if (!rc) {
		*out = live;
		return CLI_CONTINUE;
	}
	live_close(live);
	if (rc == -NLE_OBJ_NOTFOUND)
		return fail_no_module(cli);
	return fail(cli, rc, "there is no netlink connection");
}

void live_close(struct live *live)
{
	if (live && live->socket)
		nl_socket_free(live->socket);
	free(live);
}

static json_object *parse(const struct live_attr *attrs, struct nl_msg *msg)
{
	struct genlmsghdr *header = genlmsg_hdr(nlmsg_hdr(msg));

	return live_attrs_object(attrs, genlmsg_attrdata(header, 0),
				 genlmsg_attrlen(header, 0));
}

static int take_answer(struct nl_msg *msg, void *context)
{
	struct live *live = context;
	json_object *object = parse(live->attrs, msg);

	if (live->single)
		live->answer = object;
	else
		json_object_array_add(live->answer, object);
	return NL_OK;
}

static int ask(struct live *live, uint8_t command, int flags, int attr,
	       uint64_t value)
{
	struct nl_msg *msg = nlmsg_alloc();
	int rc = -NLE_NOMEM;

	if (msg && genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, live->family, 0,
			       flags, command, P2PMAP_NL_FAMILY_VERSION))
		rc = value ? nla_put_u64(msg, attr, value) : 0;
	if (!rc)
		rc = nl_send_auto(live->socket, msg);
	nlmsg_free(msg);
	if (rc < 0)
		return rc;
	nl_socket_modify_cb(live->socket, NL_CB_VALID, NL_CB_CUSTOM,
			    take_answer, live);
	rc = nl_recvmsgs_default(live->socket);
	/* The answer to a single request does not end it. */
	if (rc >= 0 && (flags & NLM_F_ACK))
		rc = nl_wait_for_ack(live->socket);
	return rc;
}

int live_list(const struct cli *cli, struct live *live, enum live_noun noun,
	      uint64_t of, json_object **out, bool *complete)
{
	int rc, tries = 0;

	live->attrs = nouns[noun].attrs;
	live->single = false;
	do {
		if (tries)
			json_object_put(live->answer);
		live->answer = json_object_new_array();
		rc = ask(live, nouns[noun].command, NLM_F_DUMP, nouns[noun].id,
			 of);
	} while (rc == -NLE_DUMP_INTR && ++tries < LIVE_TRIES);
	*complete = rc != -NLE_DUMP_INTR;
	*out = live->answer;
	live->answer = NULL;
	if (rc >= 0 || !*complete)
		return CLI_CONTINUE;
	json_object_put(*out);
	*out = NULL;
	return fail(cli, rc, "the list cannot be read");
}

/* The answer is good only once the end of it is there. */
static int ask_one(struct live *live, uint8_t command, int attr, uint64_t value,
		   json_object **out)
{
	int rc;

	live->single = true;
	live->answer = NULL;
	rc = ask(live, command, NLM_F_ACK, attr, value);
	if (rc < 0) {
		json_object_put(live->answer);
		live->answer = NULL;
	}
	*out = live->answer;
	return rc;
}

json_object *live_get(struct live *live, enum live_noun noun, uint64_t id)
{
	json_object *out;

	live->attrs = nouns[noun].attrs;
	ask_one(live, nouns[noun].command, nouns[noun].id, id, &out);
	return out;
}

int live_stats(const struct cli *cli, struct live *live, json_object **out)
{
	int rc;

	live->attrs = live_stats_attrs;
	rc = ask_one(live, P2PMAP_NL_CMD_STATS_GET, 0, 0, out);
	return rc < 0 ? fail(cli, rc, "the counters cannot be read") :
			CLI_CONTINUE;
}

struct watch {
	bool (*tell)(void *context, json_object *event);
	void *context;
	bool ended;
};

static int take_event(struct nl_msg *msg, void *context)
{
	struct genlmsghdr *header = genlmsg_hdr(nlmsg_hdr(msg));
	struct watch *watch = context;
	const char *name = live_event_name(header->cmd);
	json_object *event;

	if (!name)
		return NL_SKIP;
	event = parse(live_event_attrs, msg);
	json_add_string(event, "event", name);
	watch->ended = !watch->tell(watch->context, event);
	json_object_put(event);
	return watch->ended ? NL_STOP : NL_OK;
}

/* The socket had no room; how much went nobody knows. */
static void tell_overrun(struct watch *watch)
{
	json_object *event = live_attrs_object(live_event_attrs, NULL, 0);

	json_add_string(event, "event", "lost");
	watch->ended = !watch->tell(watch->context, event);
	json_object_put(event);
}

int live_watch(const struct cli *cli, struct live *live,
	       bool (*tell)(void *context, json_object *event), void *context)
{
	struct watch watch = { .tell = tell, .context = context };
	int rc;

	rc = genl_ctrl_resolve_grp(live->socket, P2PMAP_NL_FAMILY_NAME,
				   P2PMAP_NL_MCGRP_EVENTS);
	if (rc >= 0)
		rc = nl_socket_add_membership(live->socket, rc);
	if (rc < 0)
		return fail(cli, rc, "events cannot be listened to");
	nl_socket_disable_seq_check(live->socket);
	nl_socket_modify_cb(live->socket, NL_CB_VALID, NL_CB_CUSTOM, take_event,
			    &watch);
	while (!watch.ended) {
		rc = nl_recvmsgs_default(live->socket);
		/* So libnl says ENOBUFS, and ENOMEM, which is no event. */
		if (rc == -NLE_NOMEM && errno == ENOBUFS)
			tell_overrun(&watch);
		else if (rc < 0 && rc != -NLE_INTR)
			return fail(cli, rc, "listening to events failed");
	}
	return CLI_CONTINUE;
}

const char *live_text(json_object *object, const char *key)
{
	json_object *value = json_object_object_get(object, key);

	return value ? json_object_get_string(value) : "";
}

uint64_t live_uint(json_object *object, const char *key)
{
	return json_object_get_uint64(json_object_object_get(object, key));
}

bool live_has(json_object *object, const char *key, const char *word)
{
	json_object *array = json_object_object_get(object, key);

	for (size_t i = 0; i < json_object_array_length(array); i++)
		if (!strcmp(json_object_get_string(
				    json_object_array_get_idx(array, i)),
			    word))
			return true;
	return false;
}
