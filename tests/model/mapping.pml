/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A mapping and everybody who moves it, for exhaustive search by spin.
 *
 * docs/state-machine.md says in words what is held here and which proctype is
 * which function of kmod/. Run it with tests/model/run, which knows the
 * configurations: -D for a racer or a property of the mapping, -DBROKEN_... for
 * a mistake that must be caught.
 *
 *   racers    MAP UNMAP REMAP IMPORTER EXPORTER EXIT INV1 INV2 NONBLOCK READER
 *             ADMIN (each a proctype; Worker and Device are always there)
 *   mapping   NP=2 or 3 pages, SINK, RESTORE, PIN, QUARANTINE
 *   world     NOMEM=n (iommu_map() fails up to n times), NOROOM (splitting
 *             may fail), PAVE (AMD-Vi), MMAP_LOCK, STUCK (REMAP never comes
 *             back from a fault),
 *             TERMINATES (Worker must come to rest; no Device, no Final)
 *
 * Pages are bits of a mask. Pages 0 and 1 are one block at first, mapped by one
 * entry of the IOMMU's page table ("big"); page 2 is a block of its own. A frame
 * is a number per page: frame n of a page is given away once gone[page] >= n.
 *
 * The IOTLB holds whatever was mapped until it is flushed: the worst that a
 * device can do, which does DMA all the time. So what the device reaches is
 * tlb[], and Device looks at it at any one moment.
 *
 * What runs under mapping->lock is cut into steps wherever the device, a reader
 * of the generation page or a trylock can see the difference; elsewhere it is
 * one step.
 */

#ifndef NP
#define NP 2
#endif
#if NP == 2
#define ALL 3
#else
#define ALL 7
#endif

#ifdef SINK
#define HAS_SINK 1
#else
#define HAS_SINK 0
#endif
#ifdef RESTORE
#define HAS_RESTORE 1
#else
#define HAS_RESTORE 0
#endif
#ifdef PIN
#define CUTTABLE 0
#else
#define CUTTABLE 1
#endif
/* Nobody looks at the generation of what nobody owns. */
#ifdef QUARANTINE
#define QUARANTINED 1
#else
#define QUARANTINED 0
#endif
#ifndef NOMEM
#define NOMEM 0
#endif

#define SINK_FRAME 15

/* enum p2pmap_mapping_state */
#define NEW 0
#define MAPPED 1
#define DOWN 2

/* errno */
#define ENODEV 1
#define EAGAIN 2
#define EFAULT 3
#define ENOMEM 4

/* Kinds of invalidation: does the address let go of the frame? */
#define ZAP 0 /* unmapped, changed, exit */
#define PROTECT 1 /* protection, soft-dirty: the frame stays */

/* ---- the mapping ---- */
byte state;
bool odd; /* generation & 1; it never repeats (kmod: only grows) */
bool exporter_gone, stale;
byte live, cutm, lost, sinkm; /* blocks' states, by page */
bool bound; /* does a block begin at page 1? */
byte pins; /* pages whose frames are pinned */
byte ref = 1;
bool freed;
bool published, visible, forgotten;
bool imp_linked, exp_linked;
bool kept, leaving; /* quarantine */

/* ---- events: the mapping's own place ---- */
byte pend_loss, pend_back; /* pages; reasons for loss, RESTORED */
bool onlist;
byte owed; /* ghost: pages whose loss the user must still hear of */

/* ---- locks; 0 is free ---- */
byte mlock, rlock;
byte dl_readers;
bool dl_writer;
byte mmap_readers;
bool mmap_writer;

/* ---- work ---- */
bool queued;

/* ---- the mm: interval notifier, frames ---- */
byte subs_seq = 2, sub_seq = 1;
byte running;
bool in_tree, deferred;
byte mm_users = 1;
byte cur[3], gone[3];

/* ---- devices and the IOMMU ---- */
byte pte[3], tlb[3];
bool big; /* one entry maps pages 0 and 1 */
bool iova; /* addresses are reserved for the mapping */
bool bound_drv = 1; /* the importer has its driver and domain */
bool imp_dead, exp_dead, exp_listed, exp_present = 1, bar_gone;
byte nomem = NOMEM;

#define PTES ((pte[0] != 0) | ((pte[1] != 0) << 1) | ((pte[2] != 0) << 2))
#define TLBS ((tlb[0] != 0) | ((tlb[1] != 0) << 1) | ((tlb[2] != 0) << 2))
/* The whole blocks that touch pages m. */
#define WHOLE(m) ((((m) & 3) && !bound) -> ((m) | 3) : (m))

/* Only the page that paves the way for dma_unmap_*() on AMD-Vi. */
#ifdef PAVE
#define PAVED (PTES == 1 && pte[0] == SINK_FRAME)
#else
#define PAVED 0
#endif

/* May the device reach what it reaches at page p? */
#define FAIR(p) (tlb[p] == 0 || tlb[p] == SINK_FRAME || \
		 (!bar_gone && (tlb[p] > gone[p] || ((pins >> p) & 1))))
#define CURRENT(p) (tlb[p] == cur[p] && cur[p] != 0)

#define SET3(array, m, value) \
	if :: (m) & 1 -> array[0] = value :: else fi; \
	if :: (m) & 2 -> array[1] = value :: else fi; \
	if :: (m) & 4 -> array[2] = value :: else fi

/* ======== locks ======== */

inline lock_mapping()
{
	atomic { mlock == 0 -> mlock = _pid + 1; assert(!freed) }
}

/* What holds whenever nobody holds mapping->lock. */
inline unlock_mapping()
{
	atomic {
		assert(mlock == _pid + 1);
		assert(forgotten || (owed & ~pend_loss) == 0);
		assert(forgotten || !visible || pend_loss == 0 || onlist);
		assert((live | cutm | lost | sinkm) == ALL || live == 0);
		assert((live & cutm) == 0 && (live & lost) == 0 &&
		       (live & sinkm) == 0 && (cutm & lost) == 0 &&
		       (cutm & sinkm) == 0 && (lost & sinkm) == 0);
		assert(state != MAPPED || (live | sinkm) == PTES);
		assert(state == MAPPED || PTES == 0);
		assert(!odd || (state == MAPPED && live == ALL && !stale &&
				!exporter_gone));
		assert(state != MAPPED || !CUTTABLE || exporter_gone ||
		       odd == (live == ALL));
		assert(state != DOWN || TLBS == 0);
		mlock = 0
	}
}

inline devices_read()
{
	atomic { !dl_writer -> dl_readers++ }
}

inline devices_read_end()
{
	dl_readers--
}

inline devices_write()
{
	atomic { !dl_writer && dl_readers == 0 -> dl_writer = 1 }
}

inline devices_write_end()
{
	dl_writer = 0
}

#ifdef MMAP_LOCK
#define MMAP_READ atomic { !mmap_writer -> mmap_readers++ };
#define MMAP_READ_END mmap_readers--;
#else
#define MMAP_READ
#define MMAP_READ_END
#endif

/* ======== references, work, events ======== */

/* kref_put() and mapping_free() */
inline put()
{
	d_step {
		assert(ref > 0 && !freed);
		ref--;
		if
		:: ref == 0 ->
			assert(!onlist); /* else ctx->pending dangles */
			assert(!in_tree && !published);
			assert(!imp_linked && !exp_linked && !kept);
			assert(!queued);
			assert(state != MAPPED);
			assert(TLBS == 0 && PTES == 0 && pins == 0);
			freed = 1
		:: else
		fi
	}
}

/* p2pmap_restore_schedule(); inside d_step or atomic, lock held */
inline schedule()
{
	assert(state == MAPPED && !freed);
	if
	:: !queued -> queued = 1; ref++
	:: else
	fi
}

/* p2pmap_event_post(); inside d_step or atomic */
inline post(loss, back)
{
#ifndef BROKEN_NO_EVENT
	pend_loss = pend_loss | (loss);
	pend_back = pend_back | (back);
	if
	:: visible && !onlist -> onlist = 1
	:: else
	fi
#else
	skip
#endif
}

/* ======== the IOMMU ======== */

/*
 * p2pmap_iommu_cut(): iommu_unmap(), which waits for the flush. Its second half
 * belongs in one step with what the caller does next.
 */
inline iommu_unmap(m)
{
	d_step {
		assert(iova && bound_drv);
		assert((PTES & (m)) == (m)); /* never what is not mapped */
		assert(!big || ((m) & 3) == 0 || ((m) & 3) == 3);
		assert(!odd); /* the generation changed first */
		SET3(pte, m, 0);
		if :: (m) & 1 -> big = 0 :: else fi
	}
}

inline iommu_flush(m)
{
#ifndef BROKEN_CUT_NO_FLUSH
	SET3(tlb, m, 0)
#else
	skip
#endif
}

/* One page of iommu_map(); inside d_step */
inline iommu_map(p, frame)
{
	assert(iova && bound_drv);
	assert(pte[p] == 0 && tlb[p] == 0); /* never over a live entry */
	pte[p] = frame;
	tlb[p] = frame
}

/* p2pmap_dma_unmap(): dma_unmap_*(), which defers the flush */
inline dma_unmap()
{
	d_step {
		assert(iova && bound_drv);
		/* Over holes it must find nothing at all. */
		assert(PTES == ALL || PTES == 0 || PAVED);
		pte[0] = 0;
		pte[1] = 0;
		pte[2] = 0;
		big = 0
	}
}

/* p2pmap_iommu_flush() after it */
inline dma_flush()
{
	d_step {
#ifndef BROKEN_UNMAP_NO_FLUSH
		tlb[0] = 0;
		tlb[1] = 0;
		tlb[2] = 0;
#endif
		iova = 0
	}
}

/* ======== revoke.c; mapping->lock is held ======== */

inline bump(all_live)
{
	odd = all_live
}

/* cut_blocks(), to be followed by cut_end(); c becomes what is cut */
inline cut_begin(range, sinks_too)
{
	atomic {
#ifdef BROKEN_CUT_WITHOUT_LIVE
		c = WHOLE(range);
#else
#ifdef BROKEN_CUT_PART
		c = (range) & (live | (sinks_too -> sinkm : 0));
#else
		c = WHOLE(range) & (live | (sinks_too -> sinkm : 0));
#endif
#endif
#ifndef BROKEN_BUMP_AFTER_CUT
		if
		:: c != 0 -> bump(0)
		:: else
		fi
#endif
	};
	if
	:: c != 0 -> iommu_unmap(c)
	:: else
	fi
}

/* The flush, and what it allows; inside atomic */
inline cut_end()
{
	iommu_flush(c);
#ifdef BROKEN_BUMP_AFTER_CUT
	if
	:: c != 0 -> bump(0)
	:: else
	fi;
#endif
	live = live & ~c;
	sinkm = sinkm & ~c;
	cutm = cutm | c
}

/* lose_blocks(); l becomes what was lost; inside atomic */
inline lose_blocks(range)
{
	if
	:: !bound && (cutm & 3) && ((range) & 3) != 0 && ((range) & 3) != 3 ->
		bound = 1
#ifdef NOROOM
	:: !bound && (cutm & 3) && ((range) & 3) != 0 && ((range) & 3) != 3 ->
		skip
#endif
	:: else
	fi;
	l = WHOLE(range) & cutm;
	cutm = cutm & ~l;
	lost = lost | l
}

/* sink_now(): if atomic memory is there, c2 becomes what the sink gets */
inline sink_now(range)
{
#ifdef SINK
	c2 = WHOLE(range) & lost;
	if
	:: c2 = 0 /* no memory: the worker will */
	:: c2 != 0
	fi
#else
	skip
#endif
}

/* p2pmap_sink_place() of pages m, page by page, without failing */
inline sink_block(m)
{
	if
	:: d_step { (m) & 1 -> iommu_map(0, SINK_FRAME) }
	:: !((m) & 1)
	fi;
	atomic {
		if
		:: (m) & 2 -> iommu_map(1, SINK_FRAME)
		:: else
		fi;
		if
		:: (m) & 4 -> iommu_map(2, SINK_FRAME)
		:: else
		fi;
		lost = lost & ~(m);
		sinkm = sinkm | (m)
	}
}

inline revoke(range)
{
	cut_begin(range, 0);
	atomic {
		cut_end();
#ifdef ALARM
		if
		:: lose_blocks(range)
		:: skip /* 2 MiB announced, perhaps for one page: see */
		fi;
#else
		lose_blocks(range);
#endif
		owed = owed | l | (c & (range));
		sink_now(range)
	};
#ifdef SINK
	sink_block(c2);
#endif
	atomic {
		if
#ifdef BROKEN_NARROW_EVENT
		:: (c | l) != 0 -> post(range, 0)
#else
		:: (c | l) != 0 -> post((range) | l, 0)
#endif
		:: (c | l) == 0 -> post(range, 0) /* unmapped: told again */
		:: (c | l) == 0
		fi;
		if
		:: cutm != 0 || (HAS_SINK && lost != 0) || HAS_RESTORE ->
			schedule()
		:: else
		fi;
		c = 0;
		c2 = 0;
		l = 0
	}
}

/* outdate(): pinned */
inline outdate(range)
{
	d_step {
		bump(0);
		stale = 1;
		owed = owed | (range);
		post(range, 0)
	}
}

inline invalidated(range, kind)
{
#ifdef PIN
	if
	:: kind == ZAP -> outdate(range)
	:: else
	fi
#else
	revoke(range)
#endif
}

/* dma_down() */
inline dma_down_locked()
{
	if
	:: state == MAPPED ->
		bump(0);
#ifndef BROKEN_DOWN_OVER_HOLES
		if
		:: CUTTABLE && live != ALL ->
			cut_begin(ALL, 1);
			atomic { cut_end(); c = 0 };
#ifdef PAVE
			/* p2pmap_dma_pave(): the zero page, or no memory */
			if
			:: d_step { iommu_map(0, SINK_FRAME) }
			:: skip
			fi
#endif
		:: else
		fi;
#endif
		dma_unmap();
		dma_flush()
	:: else
	fi;
	d_step {
		live = 0;
		cutm = 0;
		lost = 0;
		sinkm = 0; /* blocks of a DOWN mapping mean nothing */
		state = DOWN
	}
}

/* ======== mapping.c: the end ======== */

/* mmu_interval_notifier_remove(); waits for invalidations going on */
inline notifier_remove()
{
	atomic {
		if
		:: in_tree && (subs_seq & 1) ->
			deferred = 1;
			sq = subs_seq
		:: in_tree && !(subs_seq & 1) ->
			in_tree = 0;
			sq = 0
		:: !in_tree ->
			sq = 0
		fi
	};
#ifndef BROKEN_REMOVE_NO_WAIT
	sq == 0 || subs_seq != sq
#else
	in_tree = 0; deferred = 0
#endif
}

/* p2pmap_mapping_release_memory() */
inline release_memory()
{
	notifier_remove();
	d_step {
		/* No page is dropped that an IOTLB entry reaches. */
		assert(pins == 0 || TLBS == 0);
		pins = 0
	}
}

inline unlink_mapping()
{
	d_step { imp_linked = 0; exp_linked = 0 }
}

/* p2pmap_mapping_end() */
inline destroy()
{
	/* p2pmap_event_forget() */
	d_step { visible = 0; onlist = 0; forgotten = 1 };
#ifdef BROKEN_PINS_FIRST
	release_memory();
#endif
	devices_read();
#ifdef BROKEN_TEARDOWN_WAITS
	atomic { rlock == 0 -> rlock = _pid + 1 };
#endif
	lock_mapping();
	dma_down_locked();
	unlock_mapping();
#ifdef BROKEN_TEARDOWN_WAITS
	rlock = 0;
#endif
	unlink_mapping();
	devices_read_end();
	/* p2pmap_restore_cancel() */
	d_step {
		if
		:: queued -> queued = 0; assert(ref > 1); ref--
		:: else
		fi
	};
	release_memory();
	put()
}

/* p2pmap_handle_abandon() */
inline abandon()
{
#ifdef QUARANTINE
	d_step { visible = 0; onlist = 0; forgotten = 1 };
	notifier_remove();
	atomic {
		!dl_writer && dl_readers == 0 ->
		if
#ifdef BROKEN_QUARANTINE_LATE
		:: true -> kept = 1; c = 1
#else
		:: state == MAPPED -> kept = 1; c = 1
		:: state != MAPPED -> c = 0
#endif
		fi
	};
	if
	:: c == 0 -> destroy()
	:: else
	fi
#else
	destroy()
#endif
}

/* ======== the mm ======== */

inline read_begin()
{
	atomic {
		sq = sub_seq;
		wait = (sub_seq == subs_seq)
	};
	!wait || subs_seq != sq
}

/* A look at page p, which faults it in; or there is nothing. */
inline look(p)
{
	atomic {
		if
		:: cur[p] != 0 -> fr[p] = cur[p]
		:: cur[p] == 0 -> cur[p] = gone[p] + 1; fr[p] = cur[p]
#ifndef EXPORTER
		:: cur[p] == 0 -> rc = EFAULT
#endif
		fi
	}
}

inline inv_start()
{
	d_step {
		running++;
		hit = in_tree;
		if
		:: in_tree -> subs_seq = subs_seq | 1
		:: else
		fi;
		seq = subs_seq
	}
}

inline inv_end()
{
	d_step {
		running--;
		if
		:: running == 0 && (subs_seq & 1) ->
			subs_seq++;
			if
			:: deferred -> in_tree = 0; deferred = 0
			:: else
			fi
		:: else
		fi
	}
}

/* The frames of the range are given away: the notifier has returned. */
inline give_away(range)
{
	d_step {
		if :: ((range) & 1) && cur[0] -> gone[0] = cur[0]; cur[0] = 0
		   :: else fi;
		if :: ((range) & 2) && cur[1] -> gone[1] = cur[1]; cur[1] = 0
		   :: else fi;
		if :: ((range) & 4) && cur[2] -> gone[2] = cur[2]; cur[2] = 0
		   :: else fi
	}
}

/* mapping_invalidate(), once it has the lock */
inline invalidate_locked(range, kind)
{
#ifndef BROKEN_NO_SET_SEQ
	d_step { assert(seq & 1); sub_seq = seq };
#endif
	if
	:: state == MAPPED -> invalidated(range, kind)
#ifdef PIN
#ifndef BROKEN_PIN_NEW
	:: state == NEW && kind == ZAP -> stale = 1
#endif
#endif
	:: else
	fi;
	unlock_mapping()
}

/*
 * Somebody invalidates a range: munmap, migration, reclaim...  With NONBLOCK it
 * may be the OOM reaper, which is told "not now" and gives up.
 */
proctype Invalidate(byte range)
{
	byte seq, c, c2, l, kind;
	bool hit;

	if
	:: kind = ZAP
	:: kind = PROTECT
	fi;
#ifdef MMAP_LOCK
	atomic { !mmap_writer && mmap_readers == 0 -> mmap_writer = 1 };
#endif
	inv_start();
	if
	:: !hit
	:: hit ->
		lock_mapping();
		invalidate_locked(range, kind)
#ifdef NONBLOCK
	:: atomic { hit && mlock != 0 -> hit = 0 };
#ifndef BROKEN_NONBLOCK
		inv_end();
		goto out
#endif
#endif
	fi;
	if
	:: kind == ZAP -> give_away(range)
	:: else
	fi;
	seq = 0;
	kind = 0;
	inv_end();
out:
#ifdef MMAP_LOCK
	mmap_writer = 0
#else
	skip
#endif
}

/* The last user of the mm goes: exit_mmap() */
proctype Exit()
{
	byte seq, c, c2, l;
	bool hit;

	mm_users--;
	mm_users == 0;
	inv_start();
	if
	:: hit ->
		lock_mapping();
		invalidate_locked(ALL, ZAP)
	:: else
	fi;
	give_away(ALL);
	inv_end()
}

/* ======== restore.c ======== */

#define WANTED(too) (cutm | ((too) -> (lost | sinkm) : 0))

/* find_holes(): h becomes the pages to fill */
inline find_holes(range, too)
{
	atomic {
		mlock == 0 ->
		assert(!freed);
		if
		:: state != MAPPED || exporter_gone -> rc = ENODEV
		:: else ->
			/* split_edges() */
			if
			:: !bound && !(live & 3) && ((range) & 3) != 0 &&
			   ((range) & 3) != 3 ->
				bound = 1
			:: else
			fi;
			h = (range) & WANTED(too)
		fi
	}
}

inline fill_holes()
{
	MMAP_READ
#ifdef STUCK
	/* A monitor of userfaultfd that never answers. */
	if
	:: goto end_stuck
	:: skip
	fi;
#endif
	if
	:: rc == 0 && (h & 1) -> look(0)
	:: else
	fi;
	if
	:: rc == 0 && (h & 2) -> look(1)
	:: else
	fi
#if NP > 2
	; if
	:: rc == 0 && (h & 4) -> look(2)
	:: else
	fi
#endif
}

/* Map page p of the hole unless memory is short. */
inline put_back(p)
{
	atomic {
		if
		:: iommu_map(p, fr[p]); done = done | (1 << p)
		:: nomem > 0 -> nomem--; rc = ENOMEM
		fi
	}
}

/* map_holes(): all or nothing */
inline map_holes(back_too)
{
	done = 0;
#ifndef BROKEN_MAP_OVER_SINK
	if
	:: (h & sinkm) != 0 ->
		iommu_unmap((h & sinkm));
		d_step {
			iommu_flush((h & sinkm));
			lost = lost | (h & sinkm);
			sinkm = sinkm & ~h
		}
	:: else
	fi;
#endif
	if
	:: (h & 3) == 3 -> /* contiguous: one entry for both */
		atomic {
			if
			:: iommu_map(0, fr[0]);
			   iommu_map(1, fr[1]);
			   big = 1;
			   done = 3
			:: nomem > 0 -> nomem--; rc = ENOMEM
			fi
		}
	:: h & 1 -> put_back(0)
	:: else
	fi;
	if
	:: rc == 0 && (h & 2) && !(done & 2) -> put_back(1)
	:: else
	fi;
#if NP > 2
	if
	:: rc == 0 && (h & 4) -> put_back(2)
	:: else
	fi;
#endif
	if
	:: rc == 0 ->
		d_step {
			assert((h & 3) == 0 || (h & 3) == 3 || bound);
			if
			:: (h & 3) == 3 -> bound = !big
			:: else
			fi;
			done = h & ~cutm;
			/* What was lost comes back if somebody asked. */
			assert(!(back_too) || HAS_RESTORE || done == 0);
			cutm = cutm & ~h;
			lost = lost & ~h;
			sinkm = sinkm & ~h;
			live = live | h;
#ifndef BROKEN_LATE_RESTORED
			if
			:: back_too && done != 0 -> post(0, done)
			:: else
			fi;
#endif
			if
			:: live == ALL -> bump(1)
			:: else
			fi
		}
	:: else ->
		if
		:: done != 0 -> iommu_unmap(done); d_step { iommu_flush(done) }
		:: else
		fi;
		done = 0;
#ifndef BROKEN_LOST_SINK
		d_step {
			if
			:: HAS_SINK && lost != 0 -> schedule()
			:: else
			fi
		}
#endif
	fi
}

inline apply(back_too)
{
	atomic {
		mlock == 0 ->
		mlock = _pid + 1;
		assert(!freed);
		if
#ifndef BROKEN_RESTORE_DOWN
		:: state != MAPPED -> rc = ENODEV
#endif
#ifndef BROKEN_EXPORTER_GONE
		:: exporter_gone -> rc = ENODEV
#endif
#ifndef BROKEN_RESTORE_RETRY
		:: sub_seq != sq -> rc = EAGAIN
#endif
		:: else
		fi
	};
	if
	:: rc == 0 -> map_holes(back_too)
	:: else
	fi;
	unlock_mapping()
}

/* restore_pages(); restore_lock is held */
inline restore_pages(range, too, back_too)
{
	do
	:: true ->
		rc = 0;
		h = 0;
		done = 0;
#ifndef BROKEN_LATE_BEGIN
		read_begin();
#endif
		find_holes(range, too);
		if
		:: rc != 0 || h == 0 -> break
		:: else
		fi;
#ifdef BROKEN_LATE_BEGIN
		read_begin();
#endif
#ifdef BROKEN_LOCK_ORDER
		lock_mapping();
#endif
		fill_holes();
		MMAP_READ_END
#ifdef BROKEN_LOCK_ORDER
		unlock_mapping();
#endif
		if
		:: rc == 0 -> apply(back_too)
		:: else
		fi;
		d_step { fr[0] = 0; fr[1] = 0; fr[2] = 0 };
		if
		:: rc != EAGAIN -> break
		:: else
		fi
	od;
	sq = 0;
	wait = 0
}

inline give_up(range)
{
	atomic {
		mlock == 0 ->
		l = WHOLE(range) & cutm;
		cutm = cutm & ~l;
		lost = lost | l;
		if
		:: l != 0 && state == MAPPED -> post((range) | l, 0)
		:: else
		fi;
		l = 0
	}
}

/* next_part(): m becomes a block, or what is left of it, from page "at" on */
inline next_part()
{
	atomic {
		mlock == 0 ->
		m = 0;
		if
		:: state != MAPPED || exporter_gone
		:: else ->
			c = WANTED(HAS_RESTORE);
			if
			:: at == 0 && (c & 1) -> m = (bound -> 1 : 3)
			:: !(at == 0 && (c & 1)) && at <= 1 && (c & 2) ->
				m = 2
			:: else ->
				if
				:: c & 4 & (at <= 2 -> 4 : 0) -> m = 4
				:: else
				fi
			fi
		fi;
		at = (m == 0 -> 3 : (m == 1 -> 1 : (m == 4 -> 3 : 2)));
		c = 0
	}
}

inline restore_parts()
{
	at = 0;
	do
	:: true ->
		next_part();
		if
		:: m == 0 -> break
		:: else
		fi;
		restore_pages(m, HAS_RESTORE, 1);
		if
		:: rc == ENOMEM || rc == EAGAIN -> again = 1
#ifdef BROKEN_RETRY_FOREVER
		:: rc == EFAULT -> again = 1
#else
		:: rc == EFAULT -> give_up(m)
#endif
		:: else
#ifdef BROKEN_LATE_RESTORED
			; if
			:: rc == 0 && done != 0 -> d_step { post(0, done) }
			:: else
			fi
#endif
		fi;
		rc = 0;
		done = 0;
		h = 0
	od;
	at = 0
}

/* restore_sinks(), block by block */
inline restore_sinks()
{
	do
	:: true ->
		atomic {
			mlock == 0 ->
			mlock = _pid + 1;
			if
			:: state != MAPPED || lost == 0 -> m = 0
			:: else ->
				m = WHOLE((lost & 1 -> 1 : (lost & 2 -> 2 : 4)));
				if
				:: true
				:: nomem > 0 -> nomem--; m = 0; again = 1
				fi
			fi
		};
		sink_block(m);
		unlock_mapping();
		if
		:: m == 0 -> break
		:: else
		fi
	od
}

#ifndef STUCK
/* p2pmap_restore_work() */
proctype Worker()
{
	byte rc, h, sq, done, at, m, c, l;
	byte fr[3];
	bool wait, again;

end_idle:
	do
	:: atomic { queued -> queued = 0; assert(!freed) };
		again = 1;
		if
		:: atomic { rlock == 0 -> rlock = _pid + 1; again = 0 };
			if
			:: atomic { mm_users > 0 -> mm_users++ };
				restore_parts();
				mm_users--
			:: mm_users == 0
			fi;
#ifdef SINK
			restore_sinks();
#endif
			rlock = 0
		:: rlock != 0
		fi;
		atomic {
			mlock == 0 ->
			if
			:: again && state == MAPPED -> schedule()
			:: else
			fi;
			again = 0;
			m = 0
		};
		put()
	od
}
#endif

/* p2pmap_ioctl_remap(), of the whole or of a page */
proctype Remap()
{
	byte rc, h, sq, done, m, c, l;
	byte fr[3];
	bool wait;

	/* p2pmap_object_get() */
	atomic {
		if
		:: published -> assert(!freed); ref++
		:: else -> goto out
		fi
	};
	if
	:: m = ALL
	:: m = 1
	:: m = 2
	fi;
	atomic { rlock == 0 -> rlock = _pid + 1 };
	restore_pages(m, 1, 0);
	rlock = 0;
	put();
out:
	skip
#ifdef STUCK
	; goto end;
end_stuck:
	false;
end:
	skip
#endif
}

/* ======== mapping.c: the beginning ======== */

/* mapping_commit(), its inner part under both locks */
inline commit_locked()
{
	lock_mapping();
	if
#ifdef PIN
	:: stale -> rc = EAGAIN
#else
#ifndef BROKEN_MAP_RETRY
	:: sub_seq != sq -> rc = EAGAIN
#endif
#endif
	:: else ->
		assert(state == NEW);
		iova = 1;
		d_step { iommu_map(0, fr[0]); iommu_map(1, fr[1]); big = 1 };
#if NP > 2
		d_step { iommu_map(2, fr[2]) };
#endif
		d_step { live = ALL; state = MAPPED; bump(1) }
	fi;
	unlock_mapping()
}

inline commit()
{
	devices_read();
	if
#ifndef BROKEN_COMMIT_DEAD
	:: imp_dead || exp_dead -> rc = ENODEV
#endif
	:: else -> commit_locked()
	fi;
	if
	:: rc == 0 ->
		d_step {
			imp_linked = 1;
#ifdef EXPORTER
			exp_linked = 1
#endif
		}
	:: else
	fi;
	devices_read_end()
}

/* mapping_find_exporter(): listed first, looked for afterwards */
inline find_exporter()
{
#ifdef EXPORTER
#ifdef BROKEN_PRESENT_FIRST
	if
	:: !exp_present -> rc = ENODEV
	:: else
	fi;
	atomic { !dl_writer && dl_readers == 0 -> exp_listed = 1; exp_dead = 0 }
#else
	atomic { !dl_writer && dl_readers == 0 -> exp_listed = 1; exp_dead = 0 };
	if
	:: !exp_present -> rc = ENODEV
	:: else
	fi
#endif
#else
	skip
#endif
}

inline mapping_try()
{
#ifdef PIN
	atomic { mlock == 0 -> stale = 0 };
#endif
#if !defined(PIN) || !defined(BROKEN_PIN_NO_BEGIN)
	read_begin();
#endif
	MMAP_READ
	look(0);
	if
	:: rc == 0 -> look(1)
	:: else
	fi;
#if NP > 2
	if
	:: rc == 0 -> look(2)
	:: else
	fi;
#endif
	MMAP_READ_END
	if
	:: rc == 0 -> find_exporter()
	:: else
	fi;
	if
	:: rc == 0 -> commit()
	:: else
	fi
}

/* handle_install(): reserve, answer, reveal, publish */
inline install()
{
#ifdef BROKEN_KREF_TWICE
	ref = 1;
#endif
#ifdef BROKEN_REVEAL_LATE
	d_step { ref++; published = 1 };
#endif
	/* p2pmap_event_reveal() */
	d_step {
#ifndef BROKEN_REVEAL_LATE
		assert(!forgotten);
#endif
		visible = 1;
		if
		:: pend_loss || pend_back -> onlist = 1
		:: else
		fi
	};
#ifndef BROKEN_REVEAL_LATE
	published = 1 /* may be unmapped and freed at once */
#else
	put()
#endif
}

/* p2pmap_ioctl_map() */
proctype Map()
{
	byte rc, sq, c, l;
	byte fr[3];
	bool wait;

	do
	:: true ->
		rc = 0;
#ifdef PIN
		/* Pins are taken as the frames are looked at. */
		pins = ALL;
#endif
		mapping_try();
		if
		:: rc != EAGAIN -> break
		:: else -> pins = 0
		fi
	od;
	atomic { fr[0] = 0; fr[1] = 0; fr[2] = 0; sq = 0; wait = 0 };
	if
	:: rc == 0 -> install()
	:: rc == 0 -> destroy() /* the answer could not be copied */
	:: else -> destroy()
	fi
}

/* p2pmap_ioctl_unmap(); and close, which differs for what is quarantined */
proctype Unmap()
{
	byte sq, c;

	/* p2pmap_object_take(); or never */
	atomic {
		if
		:: published -> published = 0; assert(!freed)
		:: goto out
		fi
	};
	abandon();
out:
	skip
}

/* ======== pcidev.c, quarantine.c ======== */

inline quarantine_release()
{
	if
	:: kept ->
		lock_mapping();
#ifndef BROKEN_QUARANTINE_PINS
		dma_down_locked();
#endif
		unlock_mapping();
		d_step { kept = 0; leaving = 1 }
	:: else
	fi
}

/* leave(), the work */
proctype Leave()
{
	byte sq;

end_idle:
	leaving;
	devices_read();
	unlink_mapping();
	devices_read_end();
	release_memory();
	put()
}

/* An administrator lets go of the quarantine. */
proctype Admin()
{
	byte c;

	devices_write();
	quarantine_release();
	devices_write_end()
}

/* device_gone() of the importer: its driver is about to go */
proctype ImporterGone()
{
	byte c;

	devices_write();
	imp_dead = 1;
	if
	:: imp_linked ->
		/* p2pmap_mapping_importer_gone() */
		lock_mapping();
		if
		:: state == MAPPED ->
#ifdef BROKEN_GONE_NO_DOWN
			skip;
#else
			dma_down_locked();
#endif
			d_step {
				owed = (forgotten -> 0 : ALL);
				post(ALL, 0)
			}
		:: else
		fi;
		unlock_mapping()
	:: else
	fi;
	quarantine_release();
	devices_write_end();
	d_step { assert(TLBS == 0); bound_drv = 0 }
}

/* device_gone() of the exporter: its BAR is about to go */
proctype ExporterGone()
{
	byte c, l;

	exp_present = 0;
	devices_write();
	if
	:: exp_listed ->
		exp_listed = 0;
		exp_dead = 1;
		if
		:: exp_linked ->
			/* p2pmap_mapping_exporter_gone() */
			lock_mapping();
			if
			:: state == MAPPED && !exporter_gone ->
				exporter_gone = 1;
				cut_begin(ALL, 0);
				atomic {
					cut_end();
					lose_blocks(ALL);
					c = 0;
					l = 0;
					if
					:: HAS_SINK -> schedule()
					:: else
					fi;
					owed = (forgotten -> 0 : ALL);
					post(ALL, 0)
				}
			:: else
			fi;
			unlock_mapping()
		:: else
		fi
	:: else
	fi;
	devices_write_end();
	bar_gone = 1
}

/* ======== event.c ======== */

/* read(): pops, fills under the lock, may fail to copy and posts again */
proctype Reader()
{
	byte loss, back;

end_idle:
	do
	:: atomic {
		onlist ->
		assert(!freed && ref > 0); /* kref_get() of something alive */
		onlist = 0;
		ref++;
		loss = pend_loss;
		back = pend_back;
		pend_loss = 0;
		pend_back = 0;
		/* Told; what was popped but not filled is told, too. */
		owed = owed & ~loss
	   };
		/* event_fill() */
		atomic {
			mlock == 0 ->
			assert(!freed);
			/* "restored" is not the last word on what is lost. */
			assert(forgotten || state != MAPPED ||
			       (back & ~loss & (lost | sinkm) &
				~pend_loss) == 0);
			loss = 0;
			back = 0
		};
		put()
	od
}

/* ======== the device, the user, and the end ======== */

/* DMA to any page, and a look at the generation page, at any one moment. */
proctype Device()
{
	atomic {
		assert(FAIR(0) && FAIR(1) && FAIR(2));
		/* One load: odd means that all is what it was. */
		assert(!odd || (QUARANTINED && forgotten) ||
		       (CURRENT(0) && CURRENT(1) &&
			(NP == 2 || CURRENT(2))))
	}
}

/* When nothing moves any more. */
proctype Final()
{
	timeout;
	d_step {
		assert(mlock == 0 && !dl_writer && dl_readers == 0);
		assert(running == 0);
		assert(FAIR(0) && FAIR(1) && FAIR(2));
#ifndef STUCK
		assert(rlock == 0 && !queued);
		/* What was cut for its neighbour's sake came back or is lost. */
		assert(state != MAPPED || mm_users == 0 || cutm == 0);
		assert(state != MAPPED || !HAS_SINK || lost == 0);
#endif
#ifdef READER
		/* Every loss was read, unless the user gave the mapping up. */
		assert(owed == 0 || forgotten);
#endif
		/* Nothing is kept for a device that cannot write any more. */
		assert(!kept || !imp_dead);
		assert(state != DOWN || TLBS == 0)
	}
}

init
{
	atomic {
		in_tree = 1;
		cur[0] = 1;
		cur[1] = 1;
#if NP > 2
		cur[2] = 1;
#endif
#ifdef MAP
		run Map();
#else
		/* MAP has been here. */
		state = MAPPED;
		live = ALL;
		odd = 1;
		iova = 1;
		big = 1;
		pte[0] = 1; tlb[0] = 1;
		pte[1] = 1; tlb[1] = 1;
#if NP > 2
		pte[2] = 1; tlb[2] = 1;
#endif
		published = 1;
		visible = 1;
		imp_linked = 1;
#ifdef EXPORTER
		exp_linked = 1;
		exp_listed = 1;
#endif
#ifdef PIN
		pins = ALL;
#endif
#endif
#ifndef STUCK
		run Worker();
#endif
#ifdef INV1
		run Invalidate(INV1);
#endif
#ifdef INV2
		run Invalidate(INV2);
#endif
#ifdef REMAP
		run Remap();
#endif
#ifdef UNMAP
		run Unmap();
#endif
#ifdef IMPORTER
		run ImporterGone();
#endif
#ifdef EXPORTER
		run ExporterGone();
#endif
#ifdef EXIT
		run Exit();
#endif
#ifdef READER
		run Reader();
#endif
#ifdef QUARANTINE
		run Leave();
#endif
#ifdef ADMIN
		run Admin();
#endif
#ifndef TERMINATES
		run Device();
		run Final();
#endif
	}
}
