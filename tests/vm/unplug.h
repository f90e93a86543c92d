/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices that go and come back: unbound, removed by sysfs, pulled out through
 * QEMU's monitor, for the tests inside the virtual lab.  Each of these is
 * counted; unplugs_report() says how many there were.
 *
 * The devices are the importer (edu) and the exporter (ivshmem) that the lab has
 * by itself.
 */
#ifndef P2PMAP_TEST_UNPLUG_H
#define P2PMAP_TEST_UNPLUG_H

#include "harness.h"

/* Its PCI address, which stays the same when it comes back. */
const char *device_address(const struct lab *lab, bool importer);

/* Its driver lets go of it: by a process, or by this one and so at once. */
void device_unbind(struct lab *lab, bool importer);
void device_unbind_at_once(struct lab *lab, bool importer);
/* The bus forgets it, and finds it again. */
void device_remove(struct lab *lab, bool importer);
void device_rescan(struct lab *lab, bool importer);
/* It is pulled out, and there is another one. */
void device_unplug(struct lab *lab, bool importer);
void device_plug(struct lab *lab, bool importer);
/* Driver and bits as the lab sets them; after each of the above. */
void device_set_up(struct lab *lab, bool importer);

/* A figure of the report; and from none on. */
void unplugs_report(void);

#endif /* P2PMAP_TEST_UNPLUG_H */
