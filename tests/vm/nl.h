/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small generic netlink client for the tests inside the virtual lab.
 *
 * Raw, so that requests can be wrong, and a dump can be left half read.  Nothing
 * here asserts: it is used in children, too.
 */
#ifndef P2PMAP_TEST_NL_H
#define P2PMAP_TEST_NL_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <p2pmap/netlink.h>

#define NL_ATTRS 40

/**
 * struct nl - a socket
 * @fd: the socket
 * @family: id of the family "p2pmap"
 * @group: id of its group "events"
 * @seq: number of the last request
 * @interrupted: the last dump said that something came or went
 * @done: the last dump was read to its end
 */
struct nl {
	int fd;
	uint16_t family;
	uint32_t group;
	uint32_t seq;
	bool interrupted;
	bool done;
};

/**
 * struct nl_request - a request that is being written
 * @length: bytes so far
 * @data: them
 */
struct nl_request {
	size_t length;
	_Alignas(8) unsigned char data[512];
};

/**
 * struct nl_message - a message that was read
 * @cmd: enum p2pmap_nl_cmd
 * @attrs: its attributes by number; of several with one number the last one
 * @first: the first of its attributes
 * @length: bytes from there on
 */
struct nl_message {
	uint8_t cmd;
	const struct nlattr *attrs[NL_ATTRS];
	const struct nlattr *first;
	size_t length;
};

typedef void (*nl_handler)(const struct nl_message *message, void *arg);

/* Each returns 0 or a negative errno. */
int nl_open(struct nl *nl);
void nl_close(struct nl *nl);
int nl_join(struct nl *nl);
int nl_find_family(struct nl *nl);

void nl_begin(struct nl *nl, struct nl_request *request, uint8_t cmd,
	      uint16_t flags);
void nl_put(struct nl_request *request, uint16_t type, const void *data,
	    size_t length);
void nl_put_u64(struct nl_request *request, uint16_t type, uint64_t value);
int nl_send(struct nl *nl, struct nl_request *request);
/* One recv(); 1 if more is to come.  -EAGAIN after @patience_ms. */
int nl_receive(struct nl *nl, int patience_ms, nl_handler handler, void *arg);
/* All of an answer. */
int nl_receive_all(struct nl *nl, nl_handler handler, void *arg);
/* Request and answer; @id is attribute 1, unless 0. */
int nl_get(struct nl *nl, uint8_t cmd, uint64_t id, nl_handler handler,
	   void *arg);
int nl_dump(struct nl *nl, uint8_t cmd, nl_handler handler, void *arg);

uint64_t nl_u64(const struct nl_message *message, unsigned int type);
uint32_t nl_u32(const struct nl_message *message, unsigned int type);
const char *nl_string(const struct nl_message *message, unsigned int type);
bool nl_has(const struct nl_message *message, unsigned int type);
/* The attributes in a buffer, and those within an attribute. */
struct nl_message nl_parse(const void *attrs, size_t length);
struct nl_message nl_nest(const struct nlattr *attr);
const struct nlattr *nl_next(const struct nl_message *message,
			     const struct nlattr *attr);

#endif /* P2PMAP_TEST_NL_H */
