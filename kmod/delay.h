/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Delays where an order matters, so that tests see what a race does.
 *
 * A point has a name and stands between two steps whose order is a promise, or
 * where others may come in between.  All of it is there only if the module is
 * built with P2PMAP_DELAYS=y, as tests/vm/module does for a debug kernel;
 * otherwise nothing is left of it.  Even then no delay happens before somebody
 * asks for them by the parameters in delay.c.
 *
 * Called by anybody in this module; depends on nothing of it.
 */
#ifndef P2PMAP_DELAY_H
#define P2PMAP_DELAY_H

#define P2PMAP_DELAY_POINTS(POINT)					\
	/* mapping.c */							\
	POINT(MAP_PREPARED) /* frames are known, nothing is mapped */	\
	POINT(MAP_ALIVE) /* the devices are there, the lock is free */	\
	POINT(MAP_COMMITTED) /* mapped, and on no device's list */	\
	POINT(MAP_LISTED) /* its exporter is, the bus was not asked */	\
	POINT(END_DOWN) /* no DMA, but the notifier is still in */	\
	POINT(END_DEAF) /* the notifier is out, pins are still held */	\
	/* handle.c */							\
	POINT(HANDLE_ANSWERED) /* the user has the id, which is free */	\
	POINT(HANDLE_REVEALED) /* events are told, the id is free */	\
	POINT(HANDLE_PUBLISHED) /* others may have ended it already */	\
	POINT(HANDLE_GENERATION) /* the kernel's word, not the page's */ \
	/* main.c */							\
	POINT(OBJECT_FOUND) /* referenced, and out of the table's lock */ \
	POINT(OBJECT_TAKEN) /* in no table */				\
	POINT(MODULE_LEAVING) /* no node, but still on the bus */	\
	/* revoke.c */							\
	POINT(NOTIFIED) /* an invalidation waits for the lock */	\
	POINT(STOPPED) /* the owner knows, the IOMMU does not */	\
	POINT(CUT) /* the IOMMU knows, no event says so */		\
	POINT(EXPORTER_HIDDEN) /* asked no more, its mappings live */	\
	POINT(EXPORTER_CUT) /* they are cut, its promises are out */	\
	/* restore.c */							\
	POINT(RESTORE_BEGUN) /* the worker runs */			\
	POINT(RESTORE_LISTED) /* holes are known, frames are not */	\
	POINT(RESTORE_FILLED) /* frames are known, nothing is mapped */	\
	POINT(RESTORE_LIFTED) /* the sink is gone, the frame not there */ \
	POINT(RESTORE_ROOM) /* the lock was dropped to allocate */	\
	POINT(RESTORE_DONE) /* before it may be scheduled again */	\
	/* event.c */							\
	POINT(EVENT_TAKEN) /* out of the queue, not with the user */	\
	/* exporter.c */						\
	POINT(EXPORTER_ASKED) /* found, and about to be called */	\
	POINT(PROMISE_MADE) /* on no exporter's list */			\
	POINT(PROMISE_TAKEN) /* off the list, not given back */		\
	/* pcidev.c */							\
	POINT(DEVICE_GOING) /* the bus has said so, we do nothing yet */ \
	POINT(DEVICE_DEAD) /* no new mappings, the old ones live */	\
	POINT(DEVICE_UNUSED) /* no references, but on the list */	\
	/* importer.c, context.c, quarantine.c */			\
	POINT(IMPORTER_CHECKED) /* device_lock() is dropped, no id */	\
	POINT(CONTEXT_CLOSING) /* not in the ledger, all else lives */	\
	POINT(QUARANTINE_DEAF) /* not on the list of what is kept */	\
	POINT(QUARANTINE_LEFT) /* off the list, still pinned */

#define P2PMAP_DELAY_ENUM(name) P2PMAP_DELAY_##name,
enum p2pmap_delay_point {
	P2PMAP_DELAY_POINTS(P2PMAP_DELAY_ENUM)
	P2PMAP_NR_DELAYS
};

#ifdef P2PMAP_DELAYS
/* Sleeps: not in a notifier, and not under a spinlock. */
void p2pmap_delay(enum p2pmap_delay_point point);
/* Never does: anywhere. */
void p2pmap_delay_spin(enum p2pmap_delay_point point);
#else
static inline void p2pmap_delay(enum p2pmap_delay_point point)
{
}

static inline void p2pmap_delay_spin(enum p2pmap_delay_point point)
{
}
#endif

#endif /* P2PMAP_DELAY_H */
