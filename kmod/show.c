// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is shown of contexts, importers and mappings, as netlink attributes.
 *
 * The caller holds a reference to what is shown, and no lock; each value is read
 * under the lock that guards it, for so long only.  What fills returns true if
 * the message is full.
 */
#include <linux/pci.h>
#include <linux/pid.h>
#include <linux/user_namespace.h>

#include "private.h"
#include "show.h"

static_assert((int)P2PMAP_MAP_WRITE == VMA_DMA_MAP_FLAG_WRITE);
static_assert((int)P2PMAP_MAP_PIN == VMA_DMA_MAP_FLAG_PIN);
static_assert((int)P2PMAP_MAP_SINK == VMA_DMA_MAP_FLAG_SINK);
static_assert((int)P2PMAP_MAP_RESTORE == VMA_DMA_MAP_FLAG_RESTORE);

#define MAP_FLAGS                                              \
	(P2PMAP_MAP_WRITE | P2PMAP_MAP_PIN | P2PMAP_MAP_SINK | \
	 P2PMAP_MAP_RESTORE)

/* 0 where the asker's pid namespace does not have the process. */
static u32 pid_for(struct pid *pid, const struct p2pmap_audience *audience)
{
	return audience->group ? pid_nr(pid) : pid_vnr(pid);
}

/* Contexts */

#define PAD P2PMAP_NL_CONTEXT_PAD
static bool put_context(struct sk_buff *skb, struct p2pmap_entry *entry,
			const struct p2pmap_audience *audience)
{
	struct p2pmap_context *ctx =
		container_of(entry, struct p2pmap_context, entry);
	u32 uid = from_kuid_munged(current_user_ns(), READ_ONCE(ctx->uid));
	struct p2pmap_person person;
	u32 mappings, importers;
	bool bound;
	bool full;

	mutex_lock(&ctx->lock);
	person = ctx->person;
	get_pid(person.pid);
	bound = ctx->mm;
	mappings = ctx->nr_handles;
	importers = ctx->nr_importers;
	mutex_unlock(&ctx->lock);
	full = p2pmap_put_u64(skb, P2PMAP_NL_CONTEXT_ID, entry->id, PAD) ||
	       nla_put_u32(skb, P2PMAP_NL_CONTEXT_UID, uid) ||
	       nla_put_u32(skb, P2PMAP_NL_CONTEXT_PID,
			   pid_for(person.pid, audience)) ||
	       nla_put_string(skb, P2PMAP_NL_CONTEXT_COMMAND, person.command) ||
	       (bound && nla_put_flag(skb, P2PMAP_NL_CONTEXT_BOUND)) ||
	       nla_put_u32(skb, P2PMAP_NL_CONTEXT_IMPORTERS, importers) ||
	       nla_put_u32(skb, P2PMAP_NL_CONTEXT_MAPPINGS, mappings) ||
	       p2pmap_put_u64(skb, P2PMAP_NL_CONTEXT_AGE,
			      p2pmap_entry_age_ms(entry), PAD);
	put_pid(person.pid);
	return full;
}

#undef PAD

static void context_put(struct p2pmap_entry *entry)
{
	p2pmap_context_put(container_of(entry, struct p2pmap_context, entry));
}

const struct p2pmap_noun p2pmap_noun_context = {
	.ledger = P2PMAP_LEDGER_CONTEXTS,
	.fill = put_context,
	.put = context_put,
};

/* Importers */

static struct p2pmap_importer *importer_of(struct p2pmap_entry *entry)
{
	return container_of(entry, struct p2pmap_importer, entry);
}

#define PAD P2PMAP_NL_IMPORTER_PAD
static bool put_importer(struct sk_buff *skb, struct p2pmap_entry *entry,
			 const struct p2pmap_audience *audience)
{
	struct p2pmap_importer *importer = importer_of(entry);

	return p2pmap_put_u64(skb, P2PMAP_NL_IMPORTER_ID, entry->id, PAD) ||
	       p2pmap_put_u64(skb, P2PMAP_NL_IMPORTER_CONTEXT,
			      importer->ctx->entry.id, PAD) ||
	       nla_put_u32(skb, P2PMAP_NL_IMPORTER_LOCAL_ID,
			   importer->object.id) ||
	       nla_put_string(skb, P2PMAP_NL_IMPORTER_DEVICE,
			      pci_name(importer->device->pdev)) ||
	       nla_put_string(skb, P2PMAP_NL_IMPORTER_DRIVER,
			      importer->driver) ||
	       nla_put_u32(skb, P2PMAP_NL_IMPORTER_MODE,
			   importer->translated ? P2PMAP_DMA_TRANSLATED :
						  P2PMAP_DMA_DIRECT) ||
	       nla_put_u32(skb, P2PMAP_NL_IMPORTER_STATUS,
			   importer->enforced ? P2PMAP_IMPORTER_ENFORCED : 0) ||
	       (importer->group != ~0U &&
		nla_put_u32(skb, P2PMAP_NL_IMPORTER_GROUP, importer->group)) ||
	       nla_put_u32(skb, P2PMAP_NL_IMPORTER_MAPPINGS,
			   READ_ONCE(importer->nr_handles)) ||
	       (READ_ONCE(importer->device->dead) &&
		nla_put_flag(skb, P2PMAP_NL_IMPORTER_GONE)) ||
	       p2pmap_put_u64(skb, P2PMAP_NL_IMPORTER_AGE,
			      p2pmap_entry_age_ms(entry), PAD);
}

#undef PAD

static u64 importer_context(struct p2pmap_entry *entry)
{
	return importer_of(entry)->ctx->entry.id;
}

static void importer_put(struct p2pmap_entry *entry)
{
	p2pmap_importer_put(importer_of(entry));
}

const struct p2pmap_noun p2pmap_noun_importer = {
	.ledger = P2PMAP_LEDGER_IMPORTERS,
	.fill = put_importer,
	.context = importer_context,
	.put = importer_put,
};

/* Mappings */

struct vma_dma_mapping *p2pmap_mapping_of(struct p2pmap_entry *entry)
{
	return container_of(entry, struct vma_dma_mapping, record.entry);
}

#define PAD P2PMAP_NL_MAPPING_PAD

static bool put_owner(struct sk_buff *skb, const struct p2pmap_record *record,
		      const struct p2pmap_audience *audience)
{
	u32 id = READ_ONCE(record->local_id);

	if (!record->person.pid)
		return nla_put_string(skb, P2PMAP_NL_MAPPING_DRIVER,
				      record->driver);
	return p2pmap_put_u64(skb, P2PMAP_NL_MAPPING_CONTEXT, record->context,
			      PAD) ||
	       (id && nla_put_u32(skb, P2PMAP_NL_MAPPING_LOCAL_ID, id)) ||
	       nla_put_u32(skb, P2PMAP_NL_MAPPING_PID,
			   pid_for(record->person.pid, audience)) ||
	       nla_put_string(skb, P2PMAP_NL_MAPPING_COMMAND,
			      record->person.command);
}

/* What never changes, and so can be told in events as well. */
bool p2pmap_put_identity(struct sk_buff *skb,
			 const struct vma_dma_mapping *mapping,
			 const struct p2pmap_audience *audience)
{
	const struct p2pmap_record *record = &mapping->record;
	const struct p2pmap_bar *bar = &mapping->map->bar;

	return p2pmap_put_u64(skb, P2PMAP_NL_MAPPING_ID, record->entry.id,
			      PAD) ||
	       put_owner(skb, record, audience) ||
	       nla_put_string(skb, P2PMAP_NL_MAPPING_IMPORTER,
			      record->importer) ||
	       (bar->pdev && nla_put_string(skb, P2PMAP_NL_MAPPING_EXPORTER,
					    pci_name(bar->pdev))) ||
	       (bar->pdev &&
		nla_put_u32(skb, P2PMAP_NL_MAPPING_BAR, bar->index)) ||
	       p2pmap_put_u64(skb, P2PMAP_NL_MAPPING_LENGTH, mapping->length,
			      PAD) ||
	       nla_put_u32(skb, P2PMAP_NL_MAPPING_FLAGS,
			   mapping->flags & MAP_FLAGS) ||
	       nla_put_u32(skb, P2PMAP_NL_MAPPING_KIND, mapping->kind) ||
	       nla_put_u32(skb, P2PMAP_NL_MAPPING_ROUTE,
			   mapping->map->route.type);
}

static u32 state_of(const struct vma_dma_mapping *mapping,
		    const struct vma_dma_mapping_info *info)
{
	if (READ_ONCE(mapping->record.quarantined))
		return P2PMAP_NL_STATE_QUARANTINED;
	if (info->flags & P2PMAP_MAPPING_GONE)
		return P2PMAP_NL_STATE_GONE;
	if (info->flags & P2PMAP_MAPPING_LIVE)
		return P2PMAP_NL_STATE_LIVE;
	return info->live_bytes ? P2PMAP_NL_STATE_PARTIAL :
				  P2PMAP_NL_STATE_REVOKED;
}

/* Its generation, as long as its owner has one. */
static bool put_generation(struct sk_buff *skb, struct vma_dma_mapping *mapping)
{
	const u64 *generation;
	u64 value = 0;

	mutex_lock(&mapping->lock);
	generation = mapping->record.generation;
	if (generation)
		value = READ_ONCE(*generation);
	mutex_unlock(&mapping->lock);
	if (!generation)
		return false;
	return p2pmap_put_u64(skb, P2PMAP_NL_MAPPING_GENERATION, value, PAD);
}

static bool put_state(struct sk_buff *skb, struct vma_dma_mapping *mapping)
{
	bool ram_pinned = p2pmap_mapping_pinned(mapping) &&
			  mapping->kind == P2PMAP_KIND_RAM;
	struct vma_dma_mapping_info info;

	vma_dma_mapping_info(mapping, &info);
	return nla_put_u32(skb, P2PMAP_NL_MAPPING_STATUS, info.flags) ||
	       nla_put_u32(skb, P2PMAP_NL_MAPPING_STATE,
			   state_of(mapping, &info)) ||
	       nla_put_u32(skb, P2PMAP_NL_MAPPING_EXTENTS, info.nr_extents) ||
	       p2pmap_put_u64(skb, P2PMAP_NL_MAPPING_LIVE_BYTES,
			      info.live_bytes, PAD) ||
	       p2pmap_put_u64(skb, P2PMAP_NL_MAPPING_SINK_BYTES,
			      info.sink_bytes, PAD) ||
	       p2pmap_put_u64(skb, P2PMAP_NL_MAPPING_LOST_BYTES,
			      info.lost_bytes, PAD) ||
	       put_generation(skb, mapping) ||
	       p2pmap_put_u64(skb, P2PMAP_NL_MAPPING_PINNED_BYTES,
			      ram_pinned ? mapping->length : 0, PAD);
}

static bool put_addresses(struct sk_buff *skb, struct vma_dma_mapping *mapping)
{
	struct vma_dma_extent first;

	if (p2pmap_put_u64(skb, P2PMAP_NL_MAPPING_ADDR, mapping->start, PAD))
		return true;
	/* The device that is gone took its addresses along. */
	if (vma_dma_mapping_extents(mapping, 0, 1, &first) != 1)
		return false;
	return p2pmap_put_u64(skb, P2PMAP_NL_MAPPING_DMA_ADDR, first.dma_addr,
			      PAD);
}

static bool put_mapping(struct sk_buff *skb, struct p2pmap_entry *entry,
			const struct p2pmap_audience *audience)
{
	struct vma_dma_mapping *mapping = p2pmap_mapping_of(entry);

	return p2pmap_put_identity(skb, mapping, audience) ||
	       put_state(skb, mapping) ||
	       p2pmap_put_u64(skb, P2PMAP_NL_MAPPING_AGE,
			      p2pmap_entry_age_ms(entry), PAD) ||
	       (audience->addresses && put_addresses(skb, mapping));
}

#undef PAD

static u64 mapping_context(struct p2pmap_entry *entry)
{
	return p2pmap_mapping_of(entry)->record.context;
}

static void mapping_put(struct p2pmap_entry *entry)
{
	p2pmap_mapping_put(p2pmap_mapping_of(entry));
}

const struct p2pmap_noun p2pmap_noun_mapping = {
	.ledger = P2PMAP_LEDGER_MAPPINGS,
	.fill = put_mapping,
	.context = mapping_context,
	.put = mapping_put,
};
