// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the fuzzer does with the netlink family: requests that know the
 * attributes' types and nesting, and are wrong in one respect or another, dumps
 * that are read half or not at all, the group of events, and sockets that
 * threads share.  fuzz.h says what an input is.
 *
 * What is answered is read for the ids of it, which later requests ask for.
 * Where the worker has no privileges, an answer that shows more than is his is
 * noted as a violation: addresses, counters, events, what others have, or
 * anything at all through a socket that root has opened.
 */
#define _GNU_SOURCE
#include "fuzz-ops.h"

#include <assert.h>
#include <linux/genetlink.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "nl.h"

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

#define A_ID 1 /* of each noun */
#define A_CONTEXT 2

/* The socket that root opened for a worker without privileges. */
#define FOREIGN (FUZZ_SOCKETS - 1)

/*
 * The attributes of each noun, in their order: q u64, d u32, s string, f flag,
 * p padding, r nest of a refusal, m nest of a mapping.
 */
#define STATS "qqqqqqqqqqqqrp"
#define CONTEXT "qddsfddqp"
#define IMPORTER "qqdssddddfqp"
#define MAPPING "qqddssssdqddddddqqqqqqqqp"
#define EXTENT "qdqqp"
#define EVENT "qmqqqqddddddssddqp"

static_assert(sizeof(STATS) - 1 == P2PMAP_NL_STATS_MAX, "an attribute more");
static_assert(sizeof(CONTEXT) - 1 == P2PMAP_NL_CONTEXT_MAX, "or less?");
static_assert(sizeof(IMPORTER) - 1 == P2PMAP_NL_IMPORTER_MAX, "or less?");
static_assert(sizeof(MAPPING) - 1 == P2PMAP_NL_MAPPING_MAX, "or less?");
static_assert(sizeof(EXTENT) - 1 == P2PMAP_NL_EXTENT_MAX, "or less?");
static_assert(sizeof(EVENT) - 1 == P2PMAP_NL_EVENT_MAX, "or less?");

/* By command; what is no request has an event's. */
static const char *const nouns[] = {
	EVENT, STATS, CONTEXT, IMPORTER, MAPPING, EXTENT, MAPPING, IMPORTER,
};

static const uint8_t commands[8] = {
	P2PMAP_NL_CMD_MAPPING_GET, P2PMAP_NL_CMD_STATS_GET,
	P2PMAP_NL_CMD_CONTEXT_GET, P2PMAP_NL_CMD_IMPORTER_GET,
	P2PMAP_NL_CMD_MAPPING_GET, P2PMAP_NL_CMD_EXTENT_GET,
	P2PMAP_NL_CMD_MAPPING_GET, P2PMAP_NL_CMD_UNMAP_NTF,
};

static long nl_counted(struct fuzz_world *world, long rc)
{
	atomic_fetch_add_explicit(&world->shared->netlink_calls, 1,
				  memory_order_relaxed);
	return counted(world, rc);
}

static int socket_of(const struct fuzz_world *world, const uint8_t *op)
{
	return world->netlink.fds[op[FD] % FUZZ_SOCKETS];
}

/* Ids, of contexts, importers and mappings */

static unsigned int noun_of(uint8_t cmd)
{
	if (cmd == P2PMAP_NL_CMD_CONTEXT_GET)
		return 0;
	return cmd == P2PMAP_NL_CMD_IMPORTER_GET ? 1 : 2;
}

static uint64_t nl_id_of(const struct fuzz_world *world, unsigned int noun,
			 uint8_t byte)
{
	if (byte >= 0xf0)
		return byte == 0xff ? ~0ULL : byte - 0xf0ULL;
	if (byte >= 0xe8) /* gone by now, or not there yet */
		return world->netlink.ids[noun][byte % FUZZ_IDS] + byte - 0xec;
	return world->netlink.ids[noun][byte % FUZZ_IDS];
}

static void remember(struct fuzz_world *world, unsigned int noun, uint64_t id)
{
	struct fuzz_netlink *netlink = &world->netlink;

	netlink->ids[noun][netlink->nr_ids[noun]++ % FUZZ_IDS] = id;
}

/* A message that is being written */

struct writer {
	size_t length;
	_Alignas(8) unsigned char data[2048];
};

static void put(struct writer *writer, uint16_t type, const void *data,
		size_t length)
{
	struct nlattr *attr = (struct nlattr *)(writer->data + writer->length);

	if (writer->length + NLA_HDRLEN + length + 4 > sizeof(writer->data))
		return;
	attr->nla_type = type;
	attr->nla_len = NLA_HDRLEN + length;
	memcpy(attr + 1, data, length);
	writer->length += NLA_ALIGN(attr->nla_len);
}

/* What is in a nest; with a depth, nests in nests. */
static size_t fill_nest(unsigned char *data, char kind, unsigned int depth)
{
	struct writer inner = { .length = 0 };
	static const uint64_t one = 1;
	size_t length;

	if (depth) {
		length = fill_nest(inner.data + NLA_HDRLEN, kind, depth - 1);
		((struct nlattr *)inner.data)->nla_type = NLA_F_NESTED | 1;
		((struct nlattr *)inner.data)->nla_len = NLA_HDRLEN + length;
		inner.length = NLA_HDRLEN + NLA_ALIGN(length);
	} else {
		put(&inner, 1, &one, kind == 'r' ? 4 : 8);
		put(&inner, 2, &one, 8);
	}
	memcpy(data, inner.data, inner.length);
	return inner.length;
}

/* How long it is, if it is not as long as its kind. */
static size_t length_told(uint8_t byte, size_t right)
{
	static const uint8_t lengths[6] = { 0, 1, 4, 7, 9, 200 };

	return (byte & 15) < 10 ? right : lengths[(byte & 15) - 10];
}

/* What its header says, if it does not tell the truth. */
static void spoil(struct nlattr *attr, uint8_t byte)
{
	switch (byte >> 4) {
	case 12:
		attr->nla_len = 0;
		break;
	case 13:
		attr->nla_len = NLA_HDRLEN - 1;
		break;
	case 14:
		attr->nla_len = 0xffff;
		break;
	case 15:
		attr->nla_len += NLA_ALIGNTO;
		break;
	}
}

static void put_kind(struct writer *writer, const uint8_t *op, uint16_t type,
		     char kind, uint64_t value)
{
	static const char device[16] = "0000:03:00.0";
	unsigned char data[512] = { 0 };
	size_t at = writer->length, length = 0;

	memcpy(data, &value, sizeof(value));
	if (kind == 'q')
		length = 8;
	else if (kind == 'd')
		length = 4;
	else if (kind == 's')
		memcpy(data, device, length = sizeof(device));
	else if (kind == 'r' || kind == 'm')
		length = fill_nest(data, kind, op[LENGTH] >> 4 == 11 ? 40 : 0);
	if (op[SLOT] & 0x40)
		type |= NLA_F_NESTED;
	if (op[SLOT] & 0x80)
		type |= NLA_F_NET_BYTEORDER;
	put(writer, type, data, length_told(op[LENGTH], length));
	if (writer->length != at)
		spoil((struct nlattr *)(writer->data + at), op[LENGTH]);
}

static void put_attrs(struct fuzz_world *world, struct writer *writer,
		      const uint8_t *op, uint8_t cmd)
{
	const char *kinds = nouns[cmd % 8];
	unsigned int type = op[EXTRA] & 31;
	uint64_t id = nl_id_of(world, noun_of(cmd), op[ID]);

	if (op[SLOT] & 1)
		put_kind(writer, op, A_ID, 'q', id);
	if (op[SLOT] & 2)
		put_kind(writer, op, A_CONTEXT, 'q',
			 nl_id_of(world, 0, op[ID]));
	if ((op[SLOT] & 12) == 12) /* any of the noun's, or beyond them */
		put_kind(writer, op, type,
			 type && type <= strlen(kinds) ? kinds[type - 1] : 'q',
			 id);
	if ((op[SLOT] & 0x30) == 0x30) /* the same once more */
		put_kind(writer, op, A_ID, 'q', id + 1);
}

static uint16_t flags_of(const uint8_t *op)
{
	uint16_t flags = NLM_F_REQUEST;

	if (op[FLAGS] & 8)
		flags |= NLM_F_DUMP;
	if (op[FLAGS] & 0x10)
		flags |= NLM_F_ACK;
	if (op[FLAGS] & 0x20)
		flags |= NLM_F_ECHO;
	if ((op[FLAGS] & 0xc0) == 0x40)
		flags &= ~NLM_F_ROOT;
	if ((op[FLAGS] & 0xc0) == 0xc0)
		flags &= ~NLM_F_REQUEST;
	return flags;
}

static struct nlmsghdr *begin(struct writer *writer, uint16_t type, uint8_t cmd,
			      const uint8_t *op)
{
	struct nlmsghdr *head = (struct nlmsghdr *)writer->data;
	struct genlmsghdr *genl = NLMSG_DATA(head);

	head->nlmsg_type = type;
	head->nlmsg_flags = flags_of(op);
	head->nlmsg_seq = op[EXTRA];
	genl->cmd = cmd;
	genl->version = op[FLAGS] & 0x80 ? 0xff : 1;
	writer->length = NLMSG_LENGTH(GENL_HDRLEN);
	return head;
}

/* The message's end, and what is wrong with its header. */
static void finish(struct writer *writer, const uint8_t *op)
{
	struct nlmsghdr *head = (struct nlmsghdr *)writer->data;

	head->nlmsg_len = writer->length;
	switch (op[EXTRA] >> 4) {
	case 8:
		head->nlmsg_len -= 4;
		break;
	case 9:
		head->nlmsg_len += 8;
		break;
	case 10:
		head->nlmsg_len = ~0U;
		break;
	case 11: /* no room for a command */
		head->nlmsg_len = writer->length = NLMSG_HDRLEN;
		break;
	case 12:
		writer->length = NLMSG_HDRLEN / 2;
		break;
	case 13:
		head->nlmsg_type = op[ID] & 1 ? NLMSG_DONE :
						head->nlmsg_type + 1;
		break;
	case 14:
		((struct genlmsghdr *)NLMSG_DATA(head))->cmd = op[ID];
		break;
	case 15: /* twice in one */
		if (2 * writer->length > sizeof(writer->data))
			break;
		memcpy(writer->data + writer->length, writer->data,
		       writer->length);
		writer->length *= 2;
		break;
	}
}

/* Answers */

/* More than the core puts into one: a dump goes on by what is read at once. */
#define RECEIVE_MAX 32768

/* A user was shown something: was it his to see? */
static void judge(struct fuzz_world *world, const struct nl_message *message,
		  bool foreign)
{
	if (message->cmd == P2PMAP_NL_CMD_STATS_GET)
		violation(world, "netlink shows the counters");
	if (message->cmd == P2PMAP_NL_CMD_EXTENT_GET)
		violation(world, "netlink shows an extent");
	if (message->cmd > P2PMAP_NL_CMD_EXTENT_GET)
		violation(world, "netlink tells of an event");
	if (message->cmd == P2PMAP_NL_CMD_MAPPING_GET &&
	    (nl_has(message, P2PMAP_NL_MAPPING_ADDR) ||
	     nl_has(message, P2PMAP_NL_MAPPING_DMA_ADDR)))
		violation(world, "netlink shows an address");
	if (message->cmd == P2PMAP_NL_CMD_CONTEXT_GET &&
	    nl_u32(message, P2PMAP_NL_CONTEXT_UID) != world->netlink.uid)
		violation(world, "netlink shows another user's context");
	if (nl_u64(message, A_ID) <= world->netlink.last_id)
		violation(world, "netlink shows what root has");
	if (foreign)
		violation(world, "netlink answers through root's socket");
}

static void take(struct fuzz_world *world, const struct nlmsghdr *head,
		 bool foreign)
{
	const struct genlmsghdr *genl = NLMSG_DATA(head);
	struct nl_message message;

	if (head->nlmsg_type != world->netlink.family ||
	    head->nlmsg_len < NLMSG_LENGTH(GENL_HDRLEN))
		return;
	message = nl_parse((const unsigned char *)genl + GENL_HDRLEN,
			   head->nlmsg_len - NLMSG_LENGTH(GENL_HDRLEN));
	message.cmd = genl->cmd;
	if (message.cmd >= P2PMAP_NL_CMD_CONTEXT_GET &&
	    message.cmd <= P2PMAP_NL_CMD_MAPPING_GET)
		remember(world, noun_of(message.cmd), nl_u64(&message, A_ID));
	if (world->user)
		judge(world, &message, foreign);
}

/* One recv(); false if there was nothing. */
static bool receive(struct fuzz_world *world, unsigned int at, size_t size,
		    int flags)
{
	_Alignas(8) unsigned char buffer[RECEIVE_MAX];
	bool foreign = world->alone && world->netlink.foreign[at];
	const struct nlmsghdr *head = (struct nlmsghdr *)buffer;
	struct sockaddr_nl from = { .nl_pid = 0 };
	socklen_t length = sizeof(from);
	ssize_t n;

	n = nl_counted(world, recvfrom(world->netlink.fds[at], buffer, size,
				       flags | MSG_DONTWAIT,
				       (struct sockaddr *)&from, &length));
	if (n > (ssize_t)size) /* the whole length, of what was truncated */
		n = size;
	if (n < 0)
		return errno != EAGAIN && errno != EBADF && errno != ENOTSOCK;
	/* What a worker sent to itself is not the kernel's word. */
	for (; !from.nl_pid && NLMSG_OK(head, (size_t)n);
	     head = NLMSG_NEXT(head, n))
		take(world, head, foreign);
	return true;
}

/* Reads once, not at all, or all. */
static void receive_some(struct fuzz_world *world, const uint8_t *op)
{
	int most = 1;

	if ((op[FD] >> 2 & 3) == 1)
		return;
	if ((op[FD] >> 2 & 3) == 2)
		most = 64;
	while (most-- && receive(world, op[FD] % FUZZ_SOCKETS, PAGE, 0))
		;
}

/* The operations */

static void send_it(struct fuzz_world *world, const uint8_t *op,
		    struct writer *writer)
{
	struct sockaddr_nl to = { .nl_family = AF_NETLINK };
	void *at = writer->data;

	if (op[POINTER] & 0x20)
		at = pointer_of(world, op[POINTER], writer->length,
				writer->data);
	if (at == world->edge + PAGE - writer->length)
		memcpy(at, writer->data, writer->length);
	if ((op[POINTER] & 0xc0) == 0xc0)
		to.nl_pid = getpid();
	nl_counted(world,
		   sendto(socket_of(world, op), at, writer->length,
			  MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to)));
}

static void op_request(struct fuzz_world *world, const uint8_t *op)
{
	struct writer writer = { .length = 0 };
	uint8_t cmd = commands[op[FLAGS] & 7];

	begin(&writer, world->netlink.family, cmd, op);
	put_attrs(world, &writer, op, cmd);
	finish(&writer, op);
	send_it(world, op, &writer);
	receive_some(world, op);
}

/* What the core tells of the family: its groups, and its policy. */
static void op_control(struct fuzz_world *world, const uint8_t *op)
{
	struct writer writer = { .length = 0 };
	uint16_t family = world->netlink.family;
	uint32_t cmd = commands[op[ID] & 7];

	begin(&writer, GENL_ID_CTRL,
	      op[FLAGS] & 1 ? CTRL_CMD_GETFAMILY : CTRL_CMD_GETPOLICY, op);
	put(&writer, CTRL_ATTR_FAMILY_ID, &family, sizeof(family));
	if (op[FLAGS] & 2)
		put(&writer, CTRL_ATTR_OP, &cmd, sizeof(cmd));
	finish(&writer, op);
	send_it(world, op, &writer);
	receive_some(world, op);
}

static void op_receive(struct fuzz_world *world, const uint8_t *op)
{
	static const size_t sizes[8] = { PAGE, RECEIVE_MAX, 8192, 100,
					 0,    16,	    1,	  PAGE };
	static _Thread_local unsigned char buffer[RECEIVE_MAX];
	size_t size = sizes[op[FLAGS] & 7];
	int flags = MSG_DONTWAIT;

	if (op[FLAGS] & 0x10)
		flags |= MSG_PEEK;
	if (op[FLAGS] & 0x20)
		flags |= MSG_TRUNC;
	if (op[POINTER] & 0x20)
		nl_counted(world,
			   recv(socket_of(world, op),
				pointer_of(world, op[POINTER],
					   size < PAGE ? size : PAGE, buffer),
				size, flags));
	else
		receive(world, op[FD] % FUZZ_SOCKETS, size, flags);
}

static void socket_put(struct fuzz_world *world, unsigned int at, int fd,
		       bool foreign)
{
	int old = world->netlink.fds[at];

	world->netlink.fds[at] = fd;
	world->netlink.foreign[at] = foreign;
	close(old);
}

static int socket_open(void)
{
	return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
		      NETLINK_GENERIC);
}

/* With what is still unread in the one that is closed. */
static void op_socket(struct fuzz_world *world, const uint8_t *op)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	unsigned int at = op[FD] % FUZZ_SOCKETS, other = op[ID] % FUZZ_SOCKETS;

	switch (op[FLAGS] & 7) {
	case 0:
		address.nl_pid = op[EXTRA];
		address.nl_groups = op[EXTRA] & 0x80 ? ~0U : 0;
		nl_counted(world,
			   bind(socket_of(world, op),
				(struct sockaddr *)&address, sizeof(address)));
		break;
	case 1:
		address.nl_pid = op[EXTRA] & 1 ? getpid() : 0;
		nl_counted(world, connect(socket_of(world, op),
					  (struct sockaddr *)&address,
					  sizeof(address)));
		break;
	case 2:
		nl_counted(world,
			   shutdown(socket_of(world, op), op[EXTRA] & 3));
		break;
	case 3:
		socket_put(world, at,
			   nl_counted(world, dup(world->netlink.fds[other])),
			   world->netlink.foreign[other]);
		break;
	default:
		socket_put(world, at, nl_counted(world, socket_open()), false);
	}
}

struct option {
	int level;
	int name;
	int value;
};

static void op_option(struct fuzz_world *world, const uint8_t *op)
{
	static const struct option options[16] = {
		{ SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, 0 },
		{ SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, 0 },
		{ SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, 1 },
		{ SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, 0 },
		{ SOL_NETLINK, NETLINK_EXT_ACK, 1 },
		{ SOL_NETLINK, NETLINK_CAP_ACK, 1 },
		{ SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1 },
		{ SOL_NETLINK, NETLINK_NO_ENOBUFS, 1 },
		{ SOL_NETLINK, NETLINK_BROADCAST_ERROR, 1 },
		{ SOL_NETLINK, NETLINK_PKTINFO, 1 },
		{ SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, 1 },
		{ SOL_SOCKET, SO_RCVBUF, 1 },
		{ SOL_SOCKET, SO_RCVBUF, 1 << 20 },
		{ SOL_SOCKET, SO_PASSCRED, 1 },
		{ SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, 0 },
		{ SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, -1 },
	};
	const struct option *option = &options[op[FLAGS] & 15];
	int value = option->value;
	bool join = option->name == NETLINK_ADD_MEMBERSHIP &&
		    option->level == SOL_NETLINK && !value;

	if (option->level == SOL_NETLINK &&
	    (option->name == NETLINK_ADD_MEMBERSHIP ||
	     option->name == NETLINK_DROP_MEMBERSHIP))
		value += world->netlink.group;
	if (!nl_counted(world,
			setsockopt(socket_of(world, op), option->level,
				   option->name, &value, sizeof(value))) &&
	    join && world->user)
		violation(world, "netlink lets him join the events");
}

/* All capabilities, but those of a namespace of its own. */
static void op_namespace(struct fuzz_world *world, const uint8_t *op)
{
	pid_t pid = syscall(SYS_fork);
	uint8_t request[FUZZ_OP_SIZE];

	if (!pid) {
		memcpy(request, op, sizeof(request));
		request[FD] = 8; /* the first socket, all that it says */
		if (op[EXTRA] & 2)
			socket_put(world, 0, socket_open(), false);
		if (unshare(CLONE_NEWUSER | (op[EXTRA] & 1 ? CLONE_NEWNET : 0)))
			_exit(0);
		if (!(op[EXTRA] & 2))
			socket_put(world, 0, socket_open(), false);
		if (!world->user)
			world->netlink.last_id = 0;
		world->user = true;
		world->netlink.uid = 65534; /* whoever it is */
		op_request(world, request);
		_exit(0);
	}
	nl_counted(world, pid);
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

static const fuzz_op_fn ops[] = {
	op_request, op_request, op_request, op_request,
	op_request, op_receive, op_receive, op_socket,
	op_option,  op_option,	op_control, op_namespace,
};

const struct fuzz_op_table fuzz_netlink_ops = FUZZ_OP_TABLE(ops);

/* The world */

static void take_last_id(const struct nl_message *message, void *arg)
{
	uint64_t *last = arg, id = nl_u64(message, A_ID);

	if (id > *last)
		*last = id;
}

void fuzz_netlink_find(struct fuzz_world *world)
{
	struct nl nl;

	assert_int_equal(nl_open(&nl), 0);
	for (uint8_t cmd = P2PMAP_NL_CMD_CONTEXT_GET;
	     cmd <= P2PMAP_NL_CMD_MAPPING_GET; cmd++)
		assert_int_equal(nl_dump(&nl, cmd, take_last_id,
					 &world->netlink.last_id),
				 0);
	assert_true(world->netlink.last_id);
	world->netlink.family = nl.family;
	world->netlink.group = nl.group;
	nl_close(&nl);
	for (int i = 0; i < FUZZ_SOCKETS; i++)
		world->netlink.fds[i] = -1;
}

void fuzz_netlink_open_foreign(struct fuzz_world *world)
{
	socket_put(world, FOREIGN, socket_open(), true);
}

void fuzz_netlink_open(struct fuzz_world *world)
{
	world->netlink.uid = getuid();
	for (unsigned int i = 0; i < FUZZ_SOCKETS; i++)
		if (world->netlink.fds[i] < 0)
			socket_put(world, i, socket_open(), false);
}
