/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The generic netlink family, as the rest of the module sees it.
 */
#ifndef P2PMAP_KMOD_NETLINK_H
#define P2PMAP_KMOD_NETLINK_H

#include <linux/types.h>

struct p2pmap_notice;

bool p2pmap_netlink_listened(void);
int p2pmap_netlink_send(const struct p2pmap_notice *notice);
int p2pmap_netlink_init(void);
void p2pmap_netlink_exit(void);

#endif /* P2PMAP_KMOD_NETLINK_H */
