// SPDX-License-Identifier: GPL-2.0-only
/*
 * A small generic netlink client; nl.h says what each function is for.
 */
#define _GNU_SOURCE
#include "nl.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

static _Thread_local _Alignas(8) unsigned char buffer[65536];

static const void *payload(const struct nlattr *attr)
{
	return (const unsigned char *)attr + NLA_HDRLEN;
}

struct nl_message nl_parse(const void *attrs, size_t length)
{
	struct nl_message message = { .first = attrs, .length = length };
	const struct nlattr *attr = NULL;

	while ((attr = nl_next(&message, attr))) {
		unsigned int type = attr->nla_type & NLA_TYPE_MASK;

		if (type < NL_ATTRS)
			message.attrs[type] = attr;
	}
	return message;
}

const struct nlattr *nl_next(const struct nl_message *message,
			     const struct nlattr *attr)
{
	const unsigned char *begin = (const unsigned char *)message->first;
	const unsigned char *end = begin + message->length;
	const unsigned char *at = begin;

	if (attr)
		at = (const unsigned char *)attr + NLA_ALIGN(attr->nla_len);
	if (at + NLA_HDRLEN > end)
		return NULL;
	attr = (const struct nlattr *)at;
	return attr->nla_len >= NLA_HDRLEN && at + attr->nla_len <= end ? attr :
									  NULL;
}

struct nl_message nl_nest(const struct nlattr *attr)
{
	if (!attr)
		return (struct nl_message){ .cmd = 0 };
	return nl_parse(payload(attr), attr->nla_len - NLA_HDRLEN);
}

bool nl_has(const struct nl_message *message, unsigned int type)
{
	return message->attrs[type];
}

uint64_t nl_u64(const struct nl_message *message, unsigned int type)
{
	uint64_t value = UINT64_MAX;

	if (message->attrs[type])
		memcpy(&value, payload(message->attrs[type]), sizeof(value));
	return value;
}

uint32_t nl_u32(const struct nl_message *message, unsigned int type)
{
	uint32_t value = UINT32_MAX;

	if (message->attrs[type])
		memcpy(&value, payload(message->attrs[type]), sizeof(value));
	return value;
}

const char *nl_string(const struct nl_message *message, unsigned int type)
{
	return message->attrs[type] ? payload(message->attrs[type]) : "";
}

/* Requests */

static void begin(struct nl *nl, struct nl_request *request, uint16_t type,
		  uint8_t cmd, uint16_t flags)
{
	struct nlmsghdr *head = (struct nlmsghdr *)request->data;
	struct genlmsghdr *genl = NLMSG_DATA(head);

	memset(request, 0, sizeof(*request));
	head->nlmsg_type = type;
	head->nlmsg_flags = NLM_F_REQUEST | flags;
	head->nlmsg_seq = ++nl->seq;
	genl->cmd = cmd;
	genl->version = 1;
	request->length = NLMSG_LENGTH(GENL_HDRLEN);
}

void nl_begin(struct nl *nl, struct nl_request *request, uint8_t cmd,
	      uint16_t flags)
{
	begin(nl, request, nl->family, cmd, flags);
}

void nl_put(struct nl_request *request, uint16_t type, const void *data,
	    size_t length)
{
	struct nlattr *attr =
		(struct nlattr *)(request->data + request->length);

	attr->nla_type = type;
	attr->nla_len = NLA_HDRLEN + length;
	memcpy(attr + 1, data, length);
	request->length += NLA_ALIGN(attr->nla_len);
}

void nl_put_u64(struct nl_request *request, uint16_t type, uint64_t value)
{
	nl_put(request, type, &value, sizeof(value));
}

int nl_send(struct nl *nl, struct nl_request *request)
{
	struct nlmsghdr *head = (struct nlmsghdr *)request->data;

	head->nlmsg_len = request->length;
	nl->interrupted = false;
	nl->done = false;
	if (send(nl->fd, request->data, request->length, 0) < 0)
		return -errno;
	return 0;
}

/* Answers */

static int error_of(const struct nlmsghdr *head)
{
	return *(const int *)NLMSG_DATA(head);
}

static void take(const struct nlmsghdr *head, nl_handler handler, void *arg)
{
	const struct genlmsghdr *genl = NLMSG_DATA(head);
	struct nl_message message;

	message = nl_parse((const unsigned char *)genl + GENL_HDRLEN,
			   head->nlmsg_len - NLMSG_LENGTH(GENL_HDRLEN));
	message.cmd = genl->cmd;
	handler(&message, arg);
}

int nl_receive(struct nl *nl, int patience_ms, nl_handler handler, void *arg)
{
	struct pollfd pollfd = { .fd = nl->fd, .events = POLLIN };
	const struct nlmsghdr *head;
	bool multi = false;
	ssize_t n;

	if (poll(&pollfd, 1, patience_ms) <= 0)
		return -EAGAIN;
	n = recv(nl->fd, buffer, sizeof(buffer), 0);
	if (n < 0)
		return -errno;
	for (head = (void *)buffer; NLMSG_OK(head, (size_t)n);
	     head = NLMSG_NEXT(head, n)) {
		multi |= head->nlmsg_flags & NLM_F_MULTI;
		if (head->nlmsg_flags & NLM_F_DUMP_INTR)
			nl->interrupted = true;
		if (head->nlmsg_type == NLMSG_ERROR)
			return error_of(head);
		if (head->nlmsg_type == NLMSG_DONE) {
			nl->done = true;
			return error_of(head);
		}
		take(head, handler, arg);
	}
	return multi;
}

int nl_receive_all(struct nl *nl, nl_handler handler, void *arg)
{
	int rc;

	do {
		rc = nl_receive(nl, 60000, handler, arg);
	} while (rc > 0);
	return rc;
}

int nl_get(struct nl *nl, uint8_t cmd, uint64_t id, nl_handler handler,
	   void *arg)
{
	struct nl_request request;
	int rc;

	nl_begin(nl, &request, cmd, 0);
	if (id)
		nl_put_u64(&request, 1, id);
	rc = nl_send(nl, &request);
	return rc ? rc : nl_receive_all(nl, handler, arg);
}

int nl_dump(struct nl *nl, uint8_t cmd, nl_handler handler, void *arg)
{
	struct nl_request request;
	int rc;

	nl_begin(nl, &request, cmd, NLM_F_DUMP);
	rc = nl_send(nl, &request);
	return rc ? rc : nl_receive_all(nl, handler, arg);
}

/* The family */

static void take_family(const struct nl_message *message, void *arg)
{
	struct nl_message groups, group;
	const struct nlattr *attr = NULL;
	struct nl *nl = arg;

	nl->family = nl_u32(message, CTRL_ATTR_FAMILY_ID) & 0xffff;
	groups = nl_nest(message->attrs[CTRL_ATTR_MCAST_GROUPS]);
	while ((attr = nl_next(&groups, attr))) {
		group = nl_nest(attr);
		if (!strcmp(nl_string(&group, CTRL_ATTR_MCAST_GRP_NAME),
			    P2PMAP_NL_MCGRP_EVENTS))
			nl->group = nl_u32(&group, CTRL_ATTR_MCAST_GRP_ID);
	}
}

int nl_find_family(struct nl *nl)
{
	struct nl_request request;
	int rc;

	begin(nl, &request, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 0);
	nl_put(&request, CTRL_ATTR_FAMILY_NAME, P2PMAP_NL_FAMILY_NAME,
	       sizeof(P2PMAP_NL_FAMILY_NAME));
	rc = nl_send(nl, &request);
	return rc ? rc : nl_receive_all(nl, take_family, nl);
}

int nl_open(struct nl *nl)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	int rc;

	memset(nl, 0, sizeof(*nl));
	nl->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (nl->fd < 0)
		return -errno;
	if (bind(nl->fd, (struct sockaddr *)&address, sizeof(address)))
		rc = -errno;
	else
		rc = nl_find_family(nl);
	if (rc)
		nl_close(nl);
	return rc;
}

void nl_close(struct nl *nl)
{
	if (nl->fd >= 0)
		close(nl->fd);
	nl->fd = -1;
}

int nl_join(struct nl *nl)
{
	if (setsockopt(nl->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &nl->group,
		       sizeof(nl->group)))
		return -errno;
	return 0;
}
