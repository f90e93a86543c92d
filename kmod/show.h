/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Contexts, importers and mappings as netlink attributes: what show.c fills and
 * netlink.c sends.
 */
#ifndef P2PMAP_SHOW_H
#define P2PMAP_SHOW_H

#include <linux/types.h>
#include <net/netlink.h>

#include "ledger.h"

/* Who is told: an asker, or the group, which has no namespaces of its own. */
struct p2pmap_audience {
	struct p2pmap_viewer viewer;
	bool addresses;
	bool group;
};

/* A kind of thing that is on the ledger; fill returns true if it does not fit. */
struct p2pmap_noun {
	enum p2pmap_ledger ledger;
	bool (*fill)(struct sk_buff *skb, struct p2pmap_entry *entry,
		     const struct p2pmap_audience *audience);
	u64 (*context)(struct p2pmap_entry *entry); /* NULL: has none */
	void (*put)(struct p2pmap_entry *entry);
};

extern const struct p2pmap_noun p2pmap_noun_context;
extern const struct p2pmap_noun p2pmap_noun_importer;
extern const struct p2pmap_noun p2pmap_noun_mapping;

struct vma_dma_mapping *p2pmap_mapping_of(struct p2pmap_entry *entry);
bool p2pmap_put_identity(struct sk_buff *skb,
			 const struct vma_dma_mapping *mapping,
			 const struct p2pmap_audience *audience);

static inline int p2pmap_put_u64(struct sk_buff *skb, int type, u64 value,
				 int pad)
{
	return nla_put_u64_64bit(skb, type, value, pad);
}

#endif /* P2PMAP_SHOW_H */
