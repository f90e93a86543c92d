// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ledger: which contexts, importers and mappings there are.
 *
 * Who looks on must never hold up who maps.  So there is one spinlock for each
 * kind, held for one lookup at a time; a place is reserved when memory may be
 * allocated and filled when nothing may fail any more.  Going through the
 * ledger means asking again and again for what comes after an id: that finds
 * its way in O(log n) whatever came and went meanwhile, and shows nothing twice.
 */
#include <linux/atomic.h>
#include <linux/device.h>
#include <linux/ktime.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/xarray.h>

#include "mapping.h"

/* The index of an XArray is an unsigned long. */
static_assert(sizeof(unsigned long) == sizeof(u64));

static struct shelf {
	struct xarray entries;
	atomic_t changes; /* odd, and hence never 0 */
} shelves[] = {
	[P2PMAP_LEDGER_CONTEXTS] = {
		.entries = XARRAY_INIT(shelves[P2PMAP_LEDGER_CONTEXTS].entries,
				       XA_FLAGS_ACCOUNT),
		.changes = ATOMIC_INIT(1),
	},
	[P2PMAP_LEDGER_IMPORTERS] = {
		.entries = XARRAY_INIT(shelves[P2PMAP_LEDGER_IMPORTERS].entries,
				       XA_FLAGS_ACCOUNT),
		.changes = ATOMIC_INIT(1),
	},
	[P2PMAP_LEDGER_MAPPINGS] = {
		.entries = XARRAY_INIT(shelves[P2PMAP_LEDGER_MAPPINGS].entries,
				       XA_FLAGS_ACCOUNT),
		.changes = ATOMIC_INIT(1),
	},
};

static atomic64_t last_id;

/*
 * Have a place and an id; nobody sees the entry before it is published.  May
 * allocate; -ENOMEM leaves nothing behind.
 */
int p2pmap_ledger_reserve(enum p2pmap_ledger which, struct p2pmap_entry *entry,
			  struct kref *ref, const kuid_t *uid)
{
	u64 id = atomic64_inc_return(&last_id);
	int rc;

	rc = xa_reserve(&shelves[which].entries, id, GFP_KERNEL_ACCOUNT);
	if (rc)
		return rc;
	entry->born = ktime_get_boottime_ns();
	entry->ref = ref;
	entry->uid = uid;
	entry->id = id;
	return 0;
}

/* Cannot fail: the place is reserved. */
void p2pmap_ledger_publish(enum p2pmap_ledger which, struct p2pmap_entry *entry)
{
	struct shelf *shelf = &shelves[which];

	xa_store(&shelf->entries, entry->id, entry, GFP_NOWAIT);
	atomic_add(2, &shelf->changes);
}

/* Nobody finds it any more; who found it has a reference.  More than once. */
void p2pmap_ledger_remove(enum p2pmap_ledger which, struct p2pmap_entry *entry)
{
	struct shelf *shelf = &shelves[which];

	if (entry->id && xa_erase(&shelf->entries, entry->id))
		atomic_add(2, &shelf->changes);
}

static bool may_see(const struct p2pmap_viewer *viewer,
		    const struct p2pmap_entry *entry)
{
	return viewer->all ||
	       (entry->uid && uid_eq(READ_ONCE(*entry->uid), viewer->uid));
}

/*
 * The first entry from @id on that @viewer may see, with a reference which the
 * caller puts; or NULL.
 */
struct p2pmap_entry *p2pmap_ledger_next(enum p2pmap_ledger which, u64 id,
					const struct p2pmap_viewer *viewer)
{
	struct xarray *entries = &shelves[which].entries;
	struct p2pmap_entry *entry;
	unsigned long at = id;
	bool found = false;

	do {
		cond_resched();
		xa_lock(entries);
		entry = xa_find(entries, &at, ULONG_MAX, XA_PRESENT);
		if (entry) {
			found = may_see(viewer, entry);
			if (found)
				kref_get(entry->ref);
			at++;
		}
		xa_unlock(entries);
	} while (entry && !found);
	return entry;
}

/* Changes whenever something comes or goes, and is never 0. */
u32 p2pmap_ledger_seq(enum p2pmap_ledger which)
{
	return atomic_read(&shelves[which].changes);
}

u64 p2pmap_entry_age_ms(const struct p2pmap_entry *entry)
{
	return div_u64(ktime_get_boottime_ns() - entry->born, NSEC_PER_MSEC);
}

/* The current process. */
void p2pmap_person_note(struct p2pmap_person *person)
{
	put_pid(person->pid);
	person->pid = get_task_pid(current, PIDTYPE_TGID);
	get_task_comm(person->command, current);
}

void p2pmap_person_forget(struct p2pmap_person *person)
{
	put_pid(person->pid);
	person->pid = NULL;
}

/* @origin is NULL for a driver's mapping. */
int p2pmap_record_begin(struct vma_dma_mapping *mapping,
			const struct p2pmap_origin *origin)
{
	struct p2pmap_record *record = &mapping->record;

	strscpy(record->importer, dev_name(mapping->dev),
		sizeof(record->importer));
	if (origin) {
		record->context = origin->context;
		record->generation = origin->generation;
		p2pmap_person_note(&record->person);
	} else {
		strscpy(record->driver, dev_driver_string(mapping->dev),
			sizeof(record->driver));
	}
	return p2pmap_ledger_reserve(P2PMAP_LEDGER_MAPPINGS, &record->entry,
				     &mapping->ref,
				     origin ? origin->uid : NULL);
}

/* Under the mapping's lock, in the moment in which it is MAPPED. */
void p2pmap_record_publish(struct vma_dma_mapping *mapping)
{
	lockdep_assert_held(&mapping->lock);
	p2pmap_ledger_publish(P2PMAP_LEDGER_MAPPINGS, &mapping->record.entry);
	mapping->record.listed = true;
	p2pmap_journal_map(mapping);
}

/* No device reaches it any more, and what the owner lent is his again. */
void p2pmap_record_end(struct vma_dma_mapping *mapping)
{
	struct p2pmap_record *record = &mapping->record;

	p2pmap_ledger_remove(P2PMAP_LEDGER_MAPPINGS, &record->entry);
	mutex_lock(&mapping->lock);
	record->generation = NULL;
	mutex_unlock(&mapping->lock);
	if (record->listed)
		p2pmap_journal_unmap(mapping);
}
