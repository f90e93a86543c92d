// SPDX-License-Identifier: GPL-2.0-only
/*
 * The generic netlink family "p2pmap": what is on the ledger and in the journal,
 * as messages.  include/p2pmap/netlink.h says who may see what.
 *
 * A dump holds no lock while it fills a message, only a reference to what it
 * shows, and goes on from the id after it.  Operations run in parallel: they
 * share nothing but the ledger, and must not hold up other families' requests.
 * What the asker may see is asked anew for each message, for the one who
 * receives a dump need not be the one who sent for it.
 *
 * Events are sent by the journal's worker, nobody else.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pid.h>
#include <linux/user_namespace.h>
#include <net/genetlink.h>
#include <net/sock.h>

#include "compat.h"
#include "netlink.h"
#include "private.h"
#include "show.h"

/* Extents that are taken from a mapping at once, onto the stack. */
#define EXTENT_BATCH 16

static_assert(_IOC_NR(P2PMAP_IOC_ATTACH) == P2PMAP_NL_OPERATION_ATTACH);
static_assert(_IOC_NR(P2PMAP_IOC_MAP) == P2PMAP_NL_OPERATION_MAP);
static_assert(_IOC_NR(P2PMAP_IOC_REMAP) == P2PMAP_NL_OPERATION_REMAP);
static_assert(P2PMAP_NL_STATS_NOTICES_LOST ==
	      P2PMAP_NL_STATS_MAPS + P2PMAP_COUNT_NR - 1);

static struct genl_family family;

/*
 * Whose mappings are the asker's own?  The user's who asks now, but only through
 * a socket that he opened himself: others may have made him write to theirs.
 */
static kuid_t asker_uid(struct sk_buff *request)
{
	struct socket *socket = NETLINK_CB(request).sk->sk_socket;
	kuid_t uid = current_uid();

	if (!socket || !socket->file || !uid_eq(socket->file->f_cred->uid, uid))
		return INVALID_UID;
	return uid;
}

static struct p2pmap_audience audience_of(struct sk_buff *request)
{
	return (struct p2pmap_audience){
		.viewer = {
			.all = netlink_capable(request, CAP_NET_ADMIN),
			.uid = asker_uid(request),
		},
		.addresses = netlink_capable(request, CAP_SYS_RAWIO),
	};
}

/* What contexts, importers and mappings have in common. */

#define A_ID 1 /* of each noun */
#define A_CONTEXT 2 /* of those that have one */
#define A_MAX 2

static_assert(P2PMAP_NL_CONTEXT_ID == A_ID);
static_assert(P2PMAP_NL_IMPORTER_ID == A_ID);
static_assert(P2PMAP_NL_IMPORTER_CONTEXT == A_CONTEXT);
static_assert(P2PMAP_NL_MAPPING_ID == A_ID);
static_assert(P2PMAP_NL_MAPPING_CONTEXT == A_CONTEXT);
static_assert(P2PMAP_NL_EXTENT_MAPPING == A_ID);

static const struct nla_policy policy[A_MAX + 1] = {
	[A_ID] = { .type = NLA_U64 },
	[A_CONTEXT] = { .type = NLA_U64 },
};

static const struct p2pmap_noun *const nouns[] = {
	[P2PMAP_NL_CMD_CONTEXT_GET] = &p2pmap_noun_context,
	[P2PMAP_NL_CMD_IMPORTER_GET] = &p2pmap_noun_importer,
	[P2PMAP_NL_CMD_MAPPING_GET] = &p2pmap_noun_mapping,
};

/* The entry with this very id, with a reference; NULL if it is not for him. */
static struct p2pmap_entry *entry_get(const struct p2pmap_noun *noun, u64 id,
				      const struct p2pmap_audience *audience)
{
	struct p2pmap_entry *entry;

	entry = p2pmap_ledger_next(noun->ledger, id, &audience->viewer);
	if (!entry || entry->id == id)
		return entry;
	noun->put(entry);
	return NULL;
}

/* Narrowed to one context; there is no such attribute where that makes no sense. */
static struct nlattr *only_context(struct nlattr **attrs,
				   const struct p2pmap_noun *noun)
{
	return noun->context ? attrs[A_CONTEXT] : NULL;
}

static int reply(struct genl_info *info, const struct p2pmap_noun *noun,
		 struct p2pmap_entry *entry,
		 const struct p2pmap_audience *audience)
{
	struct sk_buff *skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	void *head;

	if (!skb)
		return -ENOMEM;
	head = genlmsg_put_reply(skb, info, &family, 0, info->genlhdr->cmd);
	if (!head || noun->fill(skb, entry, audience)) {
		nlmsg_free(skb);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, head);
	return genlmsg_reply(skb, info);
}

static int get_one(struct sk_buff *request, struct genl_info *info)
{
	const struct p2pmap_noun *noun = nouns[info->genlhdr->cmd];
	struct p2pmap_audience audience = audience_of(request);
	struct nlattr *context = only_context(info->attrs, noun);
	struct p2pmap_entry *entry;
	int rc;

	if (GENL_REQ_ATTR_CHECK(info, A_ID))
		return -EINVAL;
	if (context) {
		NL_SET_BAD_ATTR(info->extack, context);
		return -EINVAL;
	}
	entry = entry_get(noun, nla_get_u64(info->attrs[A_ID]), &audience);
	if (!entry)
		return -ENOENT;
	rc = reply(info, noun, entry, &audience);
	noun->put(entry);
	return rc;
}

/* Where a dump is; in cb->ctx. */
struct cursor {
	u64 id; /* the next one; of extents: the mapping */
	u64 context; /* the only one, or 0 */
	u32 index; /* of extents: the next one */
};

static struct cursor *cursor_of(struct netlink_callback *cb)
{
	BUILD_BUG_ON(sizeof(struct cursor) > sizeof(cb->ctx));
	return (struct cursor *)cb->ctx;
}

static u8 cmd_of(struct netlink_callback *cb)
{
	return ((struct genlmsghdr *)nlmsg_data(cb->nlh))->cmd;
}

static const struct p2pmap_noun *noun_of(struct netlink_callback *cb)
{
	return nouns[cmd_of(cb)];
}

static int dump_begin(struct netlink_callback *cb)
{
	const struct p2pmap_noun *noun = noun_of(cb);
	struct nlattr **attrs = p2pmap_dump_attrs(cb);
	struct nlattr *context = only_context(attrs, noun);
	struct cursor *cursor = cursor_of(cb);

	*cursor = (struct cursor){};
	if (attrs[A_ID]) {
		NL_SET_ERR_MSG_ATTR(cb->extack, attrs[A_ID],
				    "a dump is of all, not of one");
		return -EINVAL;
	}
	if (context)
		cursor->context = nla_get_u64(context);
	return 0;
}

/* Begin a message of a dump, which says if anything came or went. */
static void *dump_put(struct sk_buff *skb, struct netlink_callback *cb)
{
	void *head = genlmsg_put(skb, NETLINK_CB(cb->skb).portid,
				 cb->nlh->nlmsg_seq, &family, NLM_F_MULTI,
				 cmd_of(cb));

	if (head)
		genl_dump_check_consistent(cb, head);
	return head;
}

static int dump_one(struct sk_buff *skb, struct netlink_callback *cb,
		    struct p2pmap_entry *entry,
		    const struct p2pmap_audience *audience)
{
	void *head = dump_put(skb, cb);

	if (!head)
		return -EMSGSIZE;
	if (noun_of(cb)->fill(skb, entry, audience)) {
		genlmsg_cancel(skb, head);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, head);
	return 0;
}

static int dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct p2pmap_audience audience = audience_of(cb->skb);
	const struct p2pmap_noun *noun = noun_of(cb);
	struct cursor *cursor = cursor_of(cb);
	struct p2pmap_entry *entry;
	int rc = 0;

	cb->seq = p2pmap_ledger_seq(noun->ledger);
	while (!rc) {
		entry = p2pmap_ledger_next(noun->ledger, cursor->id,
					   &audience.viewer);
		if (!entry)
			break;
		if (!cursor->context || noun->context(entry) == cursor->context)
			rc = dump_one(skb, cb, entry, &audience);
		if (!rc)
			cursor->id = entry->id + 1;
		noun->put(entry);
	}
	/* What changed while this was filled is said by what follows. */
	cb->seq = p2pmap_ledger_seq(noun->ledger);
	return rc && !skb->len ? rc : skb->len;
}

/* Extents */

static int extents_begin(struct netlink_callback *cb)
{
	struct p2pmap_audience audience = audience_of(cb->skb);
	struct nlattr **attrs = p2pmap_dump_attrs(cb);
	struct cursor *cursor = cursor_of(cb);
	struct p2pmap_entry *entry;

	if (!audience.addresses)
		return -EPERM;
	if (!attrs[A_ID]) {
		NL_SET_ERR_MSG(cb->extack, "of which mapping?");
		return -EINVAL;
	}
	*cursor = (struct cursor){ .id = nla_get_u64(attrs[A_ID]) };
	entry = entry_get(&p2pmap_noun_mapping, cursor->id, &audience);
	if (!entry)
		return -ENOENT;
	p2pmap_noun_mapping.put(entry);
	return 0;
}

static int dump_extent(struct sk_buff *skb, struct netlink_callback *cb,
		       const struct vma_dma_extent *extent)
{
	void *head = dump_put(skb, cb);
	struct cursor *cursor = cursor_of(cb);

	if (!head)
		return -EMSGSIZE;
	if (p2pmap_put_u64(skb, P2PMAP_NL_EXTENT_MAPPING, cursor->id,
			   P2PMAP_NL_EXTENT_PAD) ||
	    nla_put_u32(skb, P2PMAP_NL_EXTENT_INDEX, cursor->index) ||
	    p2pmap_put_u64(skb, P2PMAP_NL_EXTENT_DMA_ADDR, extent->dma_addr,
			   P2PMAP_NL_EXTENT_PAD) ||
	    p2pmap_put_u64(skb, P2PMAP_NL_EXTENT_LENGTH, extent->length,
			   P2PMAP_NL_EXTENT_PAD)) {
		genlmsg_cancel(skb, head);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, head);
	return 0;
}

static int dump_some_extents(struct sk_buff *skb, struct netlink_callback *cb,
			     struct vma_dma_mapping *mapping)
{
	struct vma_dma_extent batch[EXTENT_BATCH];
	struct cursor *cursor = cursor_of(cb);
	int i, nr, rc = 0;

	do {
		nr = vma_dma_mapping_extents(mapping, cursor->index,
					     EXTENT_BATCH, batch);
		for (i = 0; !rc && i < nr; i++) {
			rc = dump_extent(skb, cb, &batch[i]);
			if (!rc)
				cursor->index++;
		}
	} while (!rc && nr == EXTENT_BATCH);
	return nr < 0 ? nr : rc;
}

static int dump_extents(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct p2pmap_audience audience = audience_of(cb->skb);
	struct p2pmap_entry *entry;
	int rc;

	if (!audience.addresses)
		return -EPERM;
	entry = entry_get(&p2pmap_noun_mapping, cursor_of(cb)->id, &audience);
	if (!entry)
		return -ENOENT;
	/* They change only by all being gone, which is an error. */
	cb->seq = 1;
	rc = dump_some_extents(skb, cb, p2pmap_mapping_of(entry));
	p2pmap_noun_mapping.put(entry);
	return rc && !skb->len ? rc : skb->len;
}

/* Counters */

static bool put_refusals(struct sk_buff *skb)
{
	struct nlattr *nest;
	u64 times;
	u32 code;

	for (code = 0; code < P2PMAP_COUNTED_REASONS; code++) {
		times = p2pmap_journal_refusals(code);
		if (!times)
			continue;
		nest = nla_nest_start(skb, P2PMAP_NL_STATS_REFUSAL);
		if (!nest || nla_put_u32(skb, P2PMAP_NL_REFUSAL_CODE, code) ||
		    p2pmap_put_u64(skb, P2PMAP_NL_REFUSAL_COUNT, times,
				   P2PMAP_NL_REFUSAL_PAD))
			return true;
		nla_nest_end(skb, nest);
	}
	return false;
}

static bool put_stats(struct sk_buff *skb, struct p2pmap_entry *entry,
		      const struct p2pmap_audience *audience)
{
	int i;

	for (i = 0; i < P2PMAP_COUNT_NR; i++)
		if (p2pmap_put_u64(skb, P2PMAP_NL_STATS_MAPS + i,
				   p2pmap_journal_count(i),
				   P2PMAP_NL_STATS_PAD))
			return true;
	return p2pmap_put_u64(skb, P2PMAP_NL_STATS_QUARANTINED_PAGES,
			      p2pmap_quarantined_pages(),
			      P2PMAP_NL_STATS_PAD) ||
	       put_refusals(skb);
}

static int get_stats(struct sk_buff *request, struct genl_info *info)
{
	static const struct p2pmap_noun stats = { .fill = put_stats };

	return reply(info, &stats, NULL, NULL);
}

/* Events */

bool p2pmap_netlink_listened(void)
{
	return genl_has_listeners(&family, &init_net, 0);
}

#define PAD P2PMAP_NL_EVENT_PAD

static bool put_event_mapping(struct sk_buff *skb,
			      const struct vma_dma_mapping *mapping)
{
	static const struct p2pmap_audience group = { .group = true };
	struct nlattr *nest;

	nest = nla_nest_start(skb, P2PMAP_NL_EVENT_MAPPING);
	if (!nest || p2pmap_put_identity(skb, mapping, &group))
		return true;
	nla_nest_end(skb, nest);
	return false;
}

static bool put_event_range(struct sk_buff *skb,
			    const struct vma_dma_event *event)
{
	return p2pmap_put_u64(skb, P2PMAP_NL_EVENT_OFFSET, event->offset,
			      PAD) ||
	       p2pmap_put_u64(skb, P2PMAP_NL_EVENT_LENGTH,
			      event->end - event->offset, PAD) ||
	       (event->cut_end &&
		p2pmap_put_u64(skb, P2PMAP_NL_EVENT_CUT_OFFSET,
			       event->cut_offset, PAD)) ||
	       (event->cut_end &&
		p2pmap_put_u64(skb, P2PMAP_NL_EVENT_CUT_LENGTH,
			       event->cut_end - event->cut_offset, PAD)) ||
	       nla_put_u32(skb, P2PMAP_NL_EVENT_REASONS, event->reasons) ||
	       nla_put_u32(skb, P2PMAP_NL_EVENT_FLAGS, event->flags);
}

static bool put_event_refusal(struct sk_buff *skb,
			      const struct p2pmap_notice *notice)
{
	return nla_put_u32(skb, P2PMAP_NL_EVENT_OPERATION, notice->operation) ||
	       nla_put_u32(skb, P2PMAP_NL_EVENT_ERRNO, notice->error) ||
	       nla_put_u32(skb, P2PMAP_NL_EVENT_CODE, notice->code) ||
	       nla_put_u32(skb, P2PMAP_NL_EVENT_PID, pid_nr(notice->pid)) ||
	       nla_put_string(skb, P2PMAP_NL_EVENT_COMMAND, notice->name);
}

static bool put_event_device(struct sk_buff *skb,
			     const struct p2pmap_notice *notice)
{
	return nla_put_string(skb, P2PMAP_NL_EVENT_DEVICE, notice->name) ||
	       nla_put_u32(skb, P2PMAP_NL_EVENT_IMPORTS, notice->imports) ||
	       nla_put_u32(skb, P2PMAP_NL_EVENT_EXPORTS, notice->exports);
}

static bool put_notice(struct sk_buff *skb, u8 cmd,
		       const struct p2pmap_notice *notice)
{
	if (cmd == P2PMAP_NL_CMD_LOST_NTF)
		return p2pmap_put_u64(skb, P2PMAP_NL_EVENT_LOST, notice->lost,
				      PAD);
	return p2pmap_put_u64(skb, P2PMAP_NL_EVENT_SEQ, notice->seq, PAD) ||
	       (notice->mapping && put_event_mapping(skb, notice->mapping)) ||
	       (notice->event.end && put_event_range(skb, &notice->event)) ||
	       (cmd == P2PMAP_NL_CMD_REFUSE_NTF &&
		put_event_refusal(skb, notice)) ||
	       (cmd == P2PMAP_NL_CMD_DEVICE_GONE_NTF &&
		put_event_device(skb, notice));
}

#undef PAD

static int multicast(u8 cmd, const struct p2pmap_notice *notice)
{
	struct sk_buff *skb;
	void *head;

	skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!skb)
		return -ENOMEM;
	head = genlmsg_put(skb, 0, 0, &family, 0, cmd);
	if (!head || put_notice(skb, cmd, notice)) {
		nlmsg_free(skb);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, head);
	/* A socket without room has been told so; no listener is no loss. */
	genlmsg_multicast(&family, skb, 0, 0, GFP_KERNEL);
	return 0;
}

/* Tell the group; an error if it cannot be told for want of memory. */
int p2pmap_netlink_send(const struct p2pmap_notice *notice)
{
	if (!p2pmap_netlink_listened())
		return 0;
	if (notice->lost)
		multicast(P2PMAP_NL_CMD_LOST_NTF, notice);
	if (notice->cmd == P2PMAP_NL_CMD_LOST_NTF)
		return 0;
	return multicast(notice->cmd, notice);
}

/* The family */

static const struct genl_ops ops[] = {
	{
		.cmd = P2PMAP_NL_CMD_STATS_GET,
		.flags = GENL_ADMIN_PERM,
		.doit = get_stats,
	},
	{
		.cmd = P2PMAP_NL_CMD_CONTEXT_GET,
		.policy = policy,
		.maxattr = A_ID,
		.doit = get_one,
		.start = dump_begin,
		.dumpit = dump,
	},
	{
		.cmd = P2PMAP_NL_CMD_IMPORTER_GET,
		.policy = policy,
		.maxattr = A_CONTEXT,
		.doit = get_one,
		.start = dump_begin,
		.dumpit = dump,
	},
	{
		.cmd = P2PMAP_NL_CMD_MAPPING_GET,
		.policy = policy,
		.maxattr = A_CONTEXT,
		.doit = get_one,
		.start = dump_begin,
		.dumpit = dump,
	},
	{
		.cmd = P2PMAP_NL_CMD_EXTENT_GET,
		.policy = policy,
		.maxattr = A_ID,
		.start = extents_begin,
		.dumpit = dump_extents,
	},
};

static const struct genl_multicast_group groups[] = {
	{
		.name = P2PMAP_NL_MCGRP_EVENTS,
		.flags = GENL_MCAST_CAP_NET_ADMIN,
	},
};

static struct genl_family family __ro_after_init = {
	.name = P2PMAP_NL_FAMILY_NAME,
	.version = P2PMAP_NL_FAMILY_VERSION,
	.netnsok = false,
	.parallel_ops = true,
	.module = THIS_MODULE,
	.ops = ops,
	.n_ops = ARRAY_SIZE(ops),
	.mcgrps = groups,
	.n_mcgrps = ARRAY_SIZE(groups),
};

int p2pmap_netlink_init(void)
{
	return genl_register_family(&family);
}

/* First of all when the module goes: no request comes in any more. */
void p2pmap_netlink_exit(void)
{
	genl_unregister_family(&family);
	p2pmap_journal_exit();
}
