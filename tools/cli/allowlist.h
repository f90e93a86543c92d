/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The administrator's list of importers that may be attached without
 * CAP_SYS_RAWIO, as text: the module's parameter "allow", whose format
 * kmod/importer.c defines.
 *
 * An entry that is not understood stays where it is.  Nothing here reads or
 * writes a file.
 */
#ifndef ALLOWLIST_H
#define ALLOWLIST_H

#include <stdbool.h>
#include <stddef.h>

#include <p2pmap/p2pmap.h>

/**
 * enum allow_who - whom an entry admits
 * @ALLOW_ALL: everybody who may open the node
 * @ALLOW_USER: one user
 * @ALLOW_GROUP: one group
 */
enum allow_who {
	ALLOW_ALL,
	ALLOW_USER,
	ALLOW_GROUP,
};

/**
 * struct allow_entry - one entry
 * @pci: the importer
 * @who: whom it admits
 * @id: number of user or group
 */
struct allow_entry {
	struct p2pmap_pci_addr pci;
	enum allow_who who;
	unsigned int id;
};

#define ALLOW_TEXT_LEN 48

/**
 * allow_next() - go through a list
 * @at: where to go on; the list to begin with, NULL after the last entry
 * @entry: receives the entry
 * @valid: receives whether the module would understand it
 *
 * Return: false after the last one.
 */
bool allow_next(const char **at, struct allow_entry *entry, bool *valid);

/**
 * allow_text() - an entry as the module reads it
 * @entry: the entry
 * @buf: receives it
 *
 * Return: @buf.
 */
const char *allow_text(const struct allow_entry *entry,
		       char buf[ALLOW_TEXT_LEN]);

/**
 * allow_has() - is an entry in a list?
 * @list: the list
 * @entry: the entry
 * @everybody: or any of its device
 */
bool allow_has(const char *list, const struct allow_entry *entry,
	       bool everybody);

/**
 * allow_add() - a list with an entry more
 * @list: the list
 * @entry: the entry; if it is there, nothing changes
 *
 * Return: the new list, to be freed; NULL without memory.
 */
char *allow_add(const char *list, const struct allow_entry *entry);

/**
 * allow_remove() - a list without a device
 * @list: the list
 * @entry: the device, and who
 * @everybody: remove all entries of the device, whoever they admit
 *
 * Return: the new list, to be freed; NULL without memory.
 */
char *allow_remove(const char *list, const struct allow_entry *entry,
		   bool everybody);

#endif /* ALLOWLIST_H */
