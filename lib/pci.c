// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * PCI addresses as text: domain:bus:device.function, in hexadecimal.
 */
#include <errno.h>
#include <stdio.h>

#include "private.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Between @min and @max digits and then @end; moves *@text behind it. */
static bool parse_field(const char **text, int min, int max, char end,
			uint32_t *value)
{
	const char *at = *text;
	int digits = 0;

	*value = 0;
	while (digits < max && hex_digit(*at) >= 0) {
		*value = *value << 4 | (uint32_t)hex_digit(*at++);
		digits++;
	}
	if (digits < min || *at != end)
		return false;
	if (end)
		at++;
	*text = at;
	return true;
}

int p2pmap_pci_parse(const char *text, struct p2pmap_pci_addr *pci)
{
	uint32_t domain, bus, device, function;

	/* Without a domain it is "02:00.0": no four digits before a colon. */
	if (!parse_field(&text, 4, 8, ':', &domain))
		domain = 0;
	if (!parse_field(&text, 2, 2, ':', &bus) ||
	    !parse_field(&text, 2, 2, '.', &device) ||
	    !parse_field(&text, 1, 1, '\0', &function))
		return -EINVAL;
	if (device > 0x1f || function > 7)
		return -EINVAL;
	*pci = (struct p2pmap_pci_addr){
		.domain = domain,
		.bus = (uint8_t)bus,
		.devfn = (uint8_t)(device << 3 | function),
	};
	return 0;
}

char *p2pmap_pci_format(const struct p2pmap_pci_addr *pci, char *buf,
			size_t size)
{
	snprintf(buf, size, "%04x:%02x:%02x.%x", (unsigned int)pci->domain,
		 pci->bus, pci->devfn >> 3, pci->devfn & 7);
	return buf;
}
