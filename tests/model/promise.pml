/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an exporter gave to a map, and everybody who may give it back: for
 * exhaustive search by spin. kmod/exporter.c is the code.
 *
 *   Owner       makes the promise, commits, and ends the mapping
 *   Unregister  vma_dma_export_unregister(), and then the module's end
 *   Unbind      the PCI bus: the exporter's device leaves (UNBIND)
 *   Zap         a notifier that takes down what the exporter mapped (GIVEN)
 *
 * Held: none of the exporter's functions runs once it is unregistered; what was
 * promised is given back exactly once; a pin never before the device is cut
 * off, and DMA addresses that the exporter made as the device is cut off.
 *
 * SRCU is an epoch for each reader, odd while it reads: to synchronize is to
 * wait for those that read now, and not for those that begin to later.
 */
#ifdef GIVEN
#define IS_GIVEN 1
#else
#define IS_GIVEN 0
#endif

#define OWNER 0
#define UNBIND_ 1
#define ZAP_ 2
#define READERS 3

byte epoch[READERS];
byte saved[READERS]; /* what the one who synchronizes waits for */
bool registered = 1, dead; /* registry; p2pmap_devices_lock */
bool unregistered; /* the module's code is gone */
byte inside; /* how many run in one of the exporter's functions */
bool out; /* on the exporter's list of promises */
bool promised; /* the exporter made one and has it not back */
bool reaches; /* the device reaches the memory */
bool linked; /* on the exporter's and the device's list of mappings */
byte devices_readers;
bool devices_writer;
bool mlock;

#define enter(who) epoch[who]++
#define leave(who) epoch[who]++

inline synchronize()
{
	d_step { saved[0] = epoch[0]; saved[1] = epoch[1]; saved[2] = epoch[2] }
	(!(saved[0] & 1) || epoch[0] != saved[0]);
	(!(saved[1] & 1) || epoch[1] != saved[1]);
	(!(saved[2] & 1) || epoch[2] != saved[2])
}

/* Calls into the module: it must be there from the first step to the last. */
inline call_begin() { d_step { assert(!unregistered); inside++ } }
inline call_end() { d_step { assert(!unregistered); inside-- } }

inline give_back()
{
	call_begin();
	d_step {
		assert(promised);
		assert(IS_GIVEN || !reaches);
		promised = 0;
		/* unmap() of what it mapped is what cuts the device off */
		reaches = 0
	}
	call_end()
}

/* p2pmap_promises_end() */
inline promises_end(who, mine)
{
#ifndef BROKEN_PROMISE_NO_SRCU
	enter(who);
#endif
	d_step { mine = out; out = 0 }
#ifdef BROKEN_PROMISE_TWICE
	mine = promised;
#endif
	if
	:: mine -> give_back()
	:: else
	fi;
#ifndef BROKEN_PROMISE_NO_SRCU
	leave(who)
#endif
}

/* Taking the DMA side down, under the mapping's lock. */
inline down(who, mine)
{
	atomic { !mlock -> mlock = 1 }
	if
	:: reaches && IS_GIVEN -> promises_end(who, mine); reaches = 0
	:: else -> reaches = 0
	fi;
	mlock = 0
}

inline read_devices() { atomic { !devices_writer -> devices_readers++ } }
inline unread_devices() { devices_readers-- }
inline write_devices()
{
	atomic { !devices_writer && !devices_readers -> devices_writer = 1 }
}

proctype Owner()
{
	bool mine, joined;

	/* p2pmap_exporter_join() */
	enter(OWNER);
	if
	:: registered ->
		call_begin();
		promised = 1;
		call_end();
		out = 1;
		joined = 1
	:: else
	fi;
	leave(OWNER);
	/* mapping_commit() */
	if
	:: joined ->
		read_devices();
		if
#ifndef BROKEN_PROMISE_COMMIT_DEAD
		:: dead
#endif
		:: else ->
			atomic { !mlock -> mlock = 1 }
			reaches = 1;
			mlock = 0;
			linked = 1
		fi;
		unread_devices()
	:: else
	fi;
	/* p2pmap_mapping_end() */
#ifdef BROKEN_PROMISE_PIN_FIRST
	promises_end(OWNER, mine);
#endif
	read_devices();
	down(OWNER, mine);
	linked = 0;
	unread_devices();
	promises_end(OWNER, mine)
}

/* withdraw() and promises_end() of each mapping that is linked */
inline withdraw_linked(who, mine)
{
	if
	:: linked ->
		down(who, mine);
		promises_end(who, mine)
	:: else
	fi
}

proctype Unregister()
{
	bool mine;

	/* p2pmap_exporter_hide() */
	registered = 0;
#ifndef BROKEN_PROMISE_HIDE
	synchronize();
#endif
	write_devices();
	dead = 1;
	/* it is the exporter that leaves: as a reader it waits for nobody */
	if
	:: linked ->
		atomic { !mlock -> mlock = 1 }
		if
		:: reaches && IS_GIVEN ->
			d_step { mine = out; out = 0 }
			if
			:: mine -> give_back()
			:: else
			fi;
			reaches = 0
		:: else -> reaches = 0
		fi;
		mlock = 0;
		d_step { mine = out; out = 0 }
		if
		:: mine -> give_back()
		:: else
		fi
	:: else
	fi;
	devices_writer = 0;
	/* p2pmap_exporter_settle() */
	d_step { mine = out; out = 0 }
	if
	:: mine -> give_back()
	:: else
	fi;
#ifndef BROKEN_PROMISE_SETTLE
	synchronize();
#endif
	d_step { unregistered = 1; assert(!inside); assert(!promised) }
}

#ifdef UNBIND
proctype Unbind()
{
	bool mine;

	write_devices();
	withdraw_linked(UNBIND_, mine);
	devices_writer = 0
}
#endif

#ifdef GIVEN
proctype Zap()
{
	bool mine;

	down(ZAP_, mine)
}
#endif

/* When nothing else can run. */
proctype Final()
{
	timeout;
	assert(!promised && !out && !reaches && !linked);
	assert(!devices_readers && !devices_writer && !mlock)
}

init {
	atomic {
		run Owner();
		run Unregister();
#ifdef UNBIND
		run Unbind();
#endif
#ifdef GIVEN
		run Zap();
#endif
		run Final()
	}
}
