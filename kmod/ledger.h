/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ledger: which contexts, importers and mappings there are, for those who
 * look on.  Nothing that p2pmap does depends on it.
 *
 * What is on it embeds a struct p2pmap_entry and is reference counted.  The
 * ledger holds no reference: an object leaves it before its owner's reference
 * goes, and is got under the ledger's lock.  Ids are never used again.
 */
#ifndef P2PMAP_LEDGER_H
#define P2PMAP_LEDGER_H

#include <linux/kref.h>
#include <linux/sched.h>
#include <linux/types.h>
#include <linux/uidgid.h>

struct pid;
struct vma_dma_mapping;

enum p2pmap_ledger {
	P2PMAP_LEDGER_CONTEXTS,
	P2PMAP_LEDGER_IMPORTERS,
	P2PMAP_LEDGER_MAPPINGS,
};

/* Immutable once reserved. */
struct p2pmap_entry {
	u64 id; /* 0: on no ledger */
	u64 born; /* ktime_get_boottime_ns() */
	struct kref *ref; /* of what it is a part of */
	const kuid_t *uid; /* whose it is; good while on the ledger; or NULL */
};

/* Who looks on, and what he may see. */
struct p2pmap_viewer {
	bool all;
	kuid_t uid; /* or invalid */
};

int p2pmap_ledger_reserve(enum p2pmap_ledger which, struct p2pmap_entry *entry,
			  struct kref *ref, const kuid_t *uid);
void p2pmap_ledger_publish(enum p2pmap_ledger which,
			   struct p2pmap_entry *entry);
void p2pmap_ledger_remove(enum p2pmap_ledger which, struct p2pmap_entry *entry);
struct p2pmap_entry *p2pmap_ledger_next(enum p2pmap_ledger which, u64 id,
					const struct p2pmap_viewer *viewer);
u32 p2pmap_ledger_seq(enum p2pmap_ledger which);
u64 p2pmap_entry_age_ms(const struct p2pmap_entry *entry);

/* A process, as it was when it did something. */
struct p2pmap_person {
	struct pid *pid; /* reference; or NULL */
	char command[TASK_COMM_LEN];
};

void p2pmap_person_note(struct p2pmap_person *person);
void p2pmap_person_forget(struct p2pmap_person *person);

/* What a mapping made through a context has of it; the rest is a driver's. */
struct p2pmap_origin {
	u64 context; /* its id on the ledger */
	const kuid_t *uid; /* whose it is; good until the mapping ended */
	const u64 *generation; /* likewise; the mapping's lock to write */
};

/* What is shown of a mapping, besides what it needs itself. */
struct p2pmap_record {
	struct p2pmap_entry entry;
	struct p2pmap_person person; /* immutable; no pid: a driver's */
	char driver[32]; /* immutable */
	char importer[32]; /* immutable */
	u64 context; /* immutable */
	const u64 *generation; /* mapping->lock */
	bool listed; /* create and end; it was MAPPED once */
	u32 local_id; /* racy; 0 until it is known */
	bool quarantined; /* racy; set once */
};

int p2pmap_record_begin(struct vma_dma_mapping *mapping,
			const struct p2pmap_origin *origin);
void p2pmap_record_publish(struct vma_dma_mapping *mapping);
void p2pmap_record_end(struct vma_dma_mapping *mapping);

#endif /* P2PMAP_LEDGER_H */
