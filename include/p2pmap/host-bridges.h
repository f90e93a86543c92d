/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * Host bridges which send peer-to-peer traffic down again: the list of p2pdma
 * in Linux 7.3, as data that the module and userspace share.  Nothing here
 * includes anything or compiles to anything by itself.
 *
 *   #define ENTRY(vendor, device, flags) { vendor, device, flags },
 *   static const struct known_bridge known_bridges[] = {
 *           P2PMAP_HOST_BRIDGES(ENTRY)
 *   };
 *
 * A host bridge is known by its root device: the first one on its root bus, if
 * that is at 00.0 or a root port; another one stands for nothing, and then only
 * the processor counts.  The bridge is good if one of these holds, as
 * kmod/route.c decides:
 *
 *   - the processor is P2PMAP_HOST_BRIDGE_CPU_VENDOR's, of the family
 *     P2PMAP_HOST_BRIDGE_CPU_FAMILY or a later one (x86 only);
 *   - its root device is in the list, and both devices are below it or the
 *     entry has no P2PMAP_HOST_BRIDGE_SAME_ONLY;
 *   - the administrator admits its root device: the module's parameter
 *     host_bridges=VVVV:DDDD.
 *
 * Devices below two host bridges need both of them to be good.
 */
#ifndef P2PMAP_HOST_BRIDGES_H
#define P2PMAP_HOST_BRIDGES_H

/* Any AMD Zen or later, whatever its host bridge is called. */
#define P2PMAP_HOST_BRIDGE_CPU_VENDOR "AuthenticAMD"
#define P2PMAP_HOST_BRIDGE_CPU_FAMILY 0x17

/* In place of a device id: every device of this vendor. */
#define P2PMAP_HOST_BRIDGE_ANY_DEVICE 0xffff

/* Flags: good only where both devices are below this very host bridge. */
#define P2PMAP_HOST_BRIDGE_SAME_ONLY (1 << 0)

/* X(vendor, device, flags) for each */
#define P2PMAP_HOST_BRIDGES(X)						\
	/* Intel Xeon E5, Core i7 */					\
	X(0x8086, 0x3c00, P2PMAP_HOST_BRIDGE_SAME_ONLY)			\
	X(0x8086, 0x3c01, P2PMAP_HOST_BRIDGE_SAME_ONLY)			\
	/* Intel Xeon E7 v3, Xeon E5 v3, Core i7 */			\
	X(0x8086, 0x2f00, P2PMAP_HOST_BRIDGE_SAME_ONLY)			\
	X(0x8086, 0x2f01, P2PMAP_HOST_BRIDGE_SAME_ONLY)			\
	/* Intel Skylake-E */						\
	X(0x8086, 0x2030, 0)						\
	X(0x8086, 0x2031, 0)						\
	X(0x8086, 0x2032, 0)						\
	X(0x8086, 0x2033, 0)						\
	X(0x8086, 0x2020, 0)						\
	X(0x8086, 0x09a2, 0)						\
	/* Intel DSA, IAA, QAT: come first on root buses of theirs */	\
	X(0x8086, 0x0b25, 0)						\
	X(0x8086, 0x0cfe, 0)						\
	X(0x8086, 0x11fb, 0)						\
	X(0x8086, 0x1212, 0)						\
	X(0x8086, 0x1216, 0)						\
	X(0x8086, 0x4940, 0)						\
	X(0x8086, 0x4942, 0)						\
	X(0x8086, 0x4944, 0)						\
	X(0x8086, 0x4946, 0)						\
	X(0x8086, 0x4948, 0)						\
	/* Google */							\
	X(0x1ae0, P2PMAP_HOST_BRIDGE_ANY_DEVICE, 0)			\
	/* NVIDIA */							\
	X(0x10de, 0x2f95, 0)						\
	X(0x10de, 0x2f96, 0)						\
	X(0x10de, 0x2f97, 0)						\
	X(0x10de, 0x2f98, 0)

#endif /* P2PMAP_HOST_BRIDGES_H */
