// SPDX-License-Identifier: GPL-2.0-only
/*
 * The list of importers that may be attached without CAP_SYS_RAWIO, as text.
 */
#define _GNU_SOURCE
#include "allowlist.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEPARATOR ','

/* Without the blanks around it. */
static void trim(const char **text, size_t *length)
{
	/* A line that was read, or an argument. */
	/* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.ArraySubscript) */
	while (*length && isspace((unsigned char)**text)) {
		(*text)++;
		(*length)--;
	}
	while (*length && isspace((unsigned char)(*text)[*length - 1]))
		(*length)--;
}

static bool parse_who(const char *text, struct allow_entry *entry)
{
	char *end;

	if (text[0] != 'u' && text[0] != 'g')
		return false;
	entry->who = text[0] == 'u' ? ALLOW_USER : ALLOW_GROUP;
	if (!isdigit((unsigned char)text[1]))
		return false;
	entry->id = strtoul(text + 1, &end, 10);
	return !*end;
}

static bool parse_entry(const char *text, size_t length,
			struct allow_entry *entry)
{
	char copy[ALLOW_TEXT_LEN], *who;
	const char *address = copy;
	size_t address_length;

	*entry = (struct allow_entry){ .who = ALLOW_ALL };
	trim(&text, &length);
	if (length >= sizeof(copy))
		return false;
	memcpy(copy, text, length);
	copy[length] = '\0';
	who = strchr(copy, '=');
	if (who)
		*who++ = '\0';
	address_length = strlen(copy);
	trim(&address, &address_length);
	copy[address - copy + address_length] = '\0';
	/* The module wants a domain, too. */
	if (address_length < 12 || p2pmap_pci_parse(address, &entry->pci))
		return false;
	return !who || parse_who(who + strspn(who, " "), entry);
}

static size_t entry_length(const char *at)
{
	return strcspn(at, ",");
}

bool allow_next(const char **at, struct allow_entry *entry, bool *valid)
{
	size_t length;

	while (*at && **at) {
		const char *text = *at;

		length = entry_length(text);
		*at = text[length] ? text + length + 1 : NULL;
		*valid = parse_entry(text, length, entry);
		trim(&text, &length);
		if (length)
			return true;
	}
	return false;
}

const char *allow_text(const struct allow_entry *entry,
		       char buf[ALLOW_TEXT_LEN])
{
	char address[P2PMAP_PCI_TEXT_SIZE];

	p2pmap_pci_format(&entry->pci, address, sizeof(address));
	if (entry->who == ALLOW_ALL)
		snprintf(buf, ALLOW_TEXT_LEN, "%s", address);
	else
		snprintf(buf, ALLOW_TEXT_LEN, "%s=%c%u", address,
			 entry->who == ALLOW_USER ? 'u' : 'g', entry->id);
	return buf;
}

static bool same_device(const struct allow_entry *a,
			const struct allow_entry *b)
{
	return a->pci.domain == b->pci.domain && a->pci.bus == b->pci.bus &&
	       a->pci.devfn == b->pci.devfn;
}

static bool same_entry(const struct allow_entry *a, const struct allow_entry *b,
		       bool everybody)
{
	return same_device(a, b) &&
	       (everybody ||
		(a->who == b->who && (a->who == ALLOW_ALL || a->id == b->id)));
}

bool allow_has(const char *list, const struct allow_entry *entry,
	       bool everybody)
{
	struct allow_entry found;
	bool valid;

	while (allow_next(&list, &found, &valid))
		if (valid && same_entry(&found, entry, everybody))
			return true;
	return false;
}

char *allow_add(const char *list, const struct allow_entry *entry)
{
	char text[ALLOW_TEXT_LEN], *out;

	if (allow_has(list, entry, false))
		return strdup(list);
	if (asprintf(&out, "%s%s%s", list, *list ? "," : "",
		     allow_text(entry, text)) < 0)
		return NULL;
	return out;
}

char *allow_remove(const char *list, const struct allow_entry *entry,
		   bool everybody)
{
	char *out = calloc(1, strlen(list) + 1), *end = out;

	while (out && *list) {
		size_t length = entry_length(list);
		struct allow_entry found;

		if (!parse_entry(list, length, &found) ||
		    !same_entry(&found, entry, everybody)) {
			if (end != out)
				*end++ = SEPARATOR;
			end = mempcpy(end, list, length);
		}
		list += length;
		list += *list == SEPARATOR;
	}
	return out;
}
