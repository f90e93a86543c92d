// SPDX-License-Identifier: GPL-2.0-only
/*
 * PCI addresses: what is read comes back as it was, and is what a regular
 * expression takes for one.
 */
#include <regex.h>
#include <string.h>

#include "fuzz.h"

static regex_t address;

bool fuzz_prepare(void)
{
	return !regcomp(&address,
			"^([0-9a-f]{4,8}:)?[0-9a-f]{2}:[01][0-9a-f]\\.[0-7]$",
			REG_EXTENDED | REG_ICASE | REG_NOSUB);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = calloc(1, size + 1), back[P2PMAP_PCI_TEXT_SIZE];
	struct p2pmap_pci_addr pci, again;
	bool good;

	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	good = !regexec(&address, text, 0, NULL, 0);
	PROMISE(!p2pmap_pci_parse(text, &pci) == good);
	if (good) {
		p2pmap_pci_format(&pci, back, sizeof(back));
		PROMISE(!p2pmap_pci_parse(back, &again));
		PROMISE(!memcmp(&pci, &again, sizeof(pci)));
	}
	free(text);
	return 0;
}
