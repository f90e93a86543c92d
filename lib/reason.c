// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reasons: why a call failed, in words that say what to do about it.
 *
 * A text is a template; {pci} and the like are filled in from the reason:
 *
 *   {pci}       the device or bridge       {ids}    detail as VVVV:DDDD
 *   {acs}       detail as ACS bits         {mask}   value[1], hexadecimal
 *   {addr}      value[0], hexadecimal      {0} {1} {2}  value, decimal
 *
 * A code of the ABI without an entry here fails a unit test.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "private.h"

struct words {
	const char *name;
	const char *text;
};

/* clang-format off: one word list, read as prose */
static const struct words words[] = {
	[P2PMAP_REASON_NONE] = { "none",
				 "There is no more to say than the error number says." },
	[P2PMAP_REASON_NO_SUCH_DEVICE] = { "no-such-device",
					   "There is no PCI device {pci}: look for its address with "
					   "\"lspci -D\"." },
	[P2PMAP_REASON_BRIDGE] = { "bridge",
				   "{pci} is a bridge, which does no DMA and exports no memory of "
				   "its own: name the device behind it that does." },
	[P2PMAP_REASON_NO_DRIVER] = { "no-driver",
				      "{pci} has no driver bound: bind its own driver, or "
				      "uio_pci_generic to drive it from userspace." },
	[P2PMAP_REASON_FOREIGN_OWNER] = { "foreign-owner",
					  "The DMA of {pci} is managed by VFIO or another owner of its "
					  "IOMMU domain: bind an ordinary driver or uio_pci_generic to "
					  "it." },
	[P2PMAP_REASON_NOT_ALLOWED] = { "not-allowed",
					"This process may not attach {pci}: it takes CAP_SYS_RAWIO, or "
					"the module's parameter allow={pci}, or a descriptor from a "
					"process that may." },
	[P2PMAP_REASON_NOT_COHERENT] = { "not-coherent",
					 "The DMA of {pci} does not snoop the processor's caches, which "
					 "p2pmap does not support: use another device." },
	[P2PMAP_REASON_UNTRUSTED] = { "untrusted",
				      "{pci} is an external device whose DMA is bounced through a "
				      "buffer: use a device inside the machine, or have the platform "
				      "trust it." },
	[P2PMAP_REASON_DMA_WIDTH] = { "dma-width",
				      "The driver of {pci} sets its DMA mask itself: leave dma_bits "
				      "0, which is for uio_pci_generic only." },
	[P2PMAP_REASON_DEVICE_GONE] = { "device-gone",
					"{pci} was removed or its driver unbound: unmap its mappings, "
					"and attach it again when it is back." },
	[P2PMAP_REASON_OTHER_PROCESS] = { "other-process",
					  "The context belongs to another process, the first that mapped "
					  "something through it: open a context of this process's "
					  "own." },
	[P2PMAP_REASON_UNENFORCED] = { "unenforced",
				       "No IOMMU stands between {pci} and the memory, so it could "
				       "never be cut off: turn the IOMMU on (intel_iommu=on, without "
				       "iommu=pt), or load the module with unenforced=1 if you trust "
				       "the device and its user." },
	[P2PMAP_REASON_UNENFORCED_PRIVILEGE] = { "unenforced-privilege",
						 "Mapping for {pci} without enforcement takes CAP_SYS_RAWIO and "
						 "a kernel that is not locked down: run with that capability, or "
						 "turn the IOMMU on." },
	[P2PMAP_REASON_NEEDS_PIN] = { "needs-pin",
				      "This memory can be mapped for this importer only if it stays "
				      "in place: map it with P2PMAP_MAP_PIN." },
	[P2PMAP_REASON_PIN_DEVICE_MEMORY] = { "pin-device-memory",
					      "Device memory cannot be pinned, as its exporter has not "
					      "promised to keep it in place: map it without "
					      "P2PMAP_MAP_PIN." },
	[P2PMAP_REASON_HOLE] = { "hole",
				 "Nothing is mapped at {addr}: map a range without holes." },
	[P2PMAP_REASON_NOT_WRITABLE] = { "not-writable",
					 "The memory at {addr} may not be written by this process: make "
					 "it writable, or map it without P2PMAP_MAP_WRITE." },
	[P2PMAP_REASON_NOT_READABLE] = { "not-readable",
					 "The memory at {addr} may not be read by this process: make it "
					 "readable with mprotect()." },
	[P2PMAP_REASON_MIXED] = { "mixed",
				  "The range has another kind of memory from {addr} on: make one "
				  "mapping for each kind." },
	[P2PMAP_REASON_MEMORY_KIND] = { "memory-kind",
					"The memory at {addr} is of a kind that no device can be given "
					"(a shared mapping of a file, DAX, secret or ZONE_DEVICE "
					"memory): use anonymous memory, memfd or hugetlb." },
	[P2PMAP_REASON_NOT_A_BAR] = { "not-a-bar",
				      "What is mapped at {addr} lies in no BAR of an enabled PCI "
				      "device: check the offset of the mapping, and enable the "
				      "device." },
	[P2PMAP_REASON_PRIVATE_BAR] = { "private-bar",
					"The device memory at {addr} is mapped privately, and would "
					"turn into RAM when written: mmap() it with MAP_SHARED." },
	[P2PMAP_REASON_SUBPAGE_BAR] = { "subpage-bar",
					"The BAR of {pci} at {addr} is smaller than a page and shares "
					"it with something else: it cannot be given away alone." },
	[P2PMAP_REASON_SEVERAL_BARS] = { "several-bars",
					 "The range continues in another BAR at {addr}: make one mapping "
					 "for each BAR." },
	[P2PMAP_REASON_NO_ROUTE_ACS] = { "no-route-acs",
					 "The bridge {pci} redirects peer-to-peer traffic by {acs}, and "
					 "the host bridge does not send it down again: turn that off "
					 "with pci=disable_acs_redir={pci} on the kernel's command line, "
					 "or admit the host bridge with host_bridges= if it can." },
	[P2PMAP_REASON_NO_ROUTE_HOST_BRIDGE] = { "no-route-host-bridge",
						 "The host bridge of root device {pci} ({ids}) is not known to "
						 "send peer-to-peer traffic down again: if you know that it "
						 "does, load the module with host_bridges={ids}; a wrong entry "
						 "corrupts data." },
	[P2PMAP_REASON_NO_ROUTE_DISTINCT] = { "no-route-distinct",
					      "Importer and exporter are under different host bridges, and "
					      "the one of root device {pci} ({ids}) only serves its own "
					      "devices: put both under one, or load the module with "
					      "host_bridges={ids} if you know that it can; a wrong entry "
					      "corrupts data." },
	[P2PMAP_REASON_DMA_MASK] = { "dma-mask",
				     "{addr} is out of reach of {pci}, whose DMA mask is {mask}: "
				     "have its driver set a wider mask, or state the true width "
				     "with dma_bits if the driver is uio_pci_generic." },
	[P2PMAP_REASON_BOUNCE] = { "bounce",
				   "The memory would be bounced through a buffer (swiotlb), so the "
				   "device would not see it: turn the IOMMU on, or swiotlb=force "
				   "off." },
	[P2PMAP_REASON_MEMLOCK] = { "memlock",
				    "Pinning needs {2} more bytes, and {1} of the {0} that "
				    "RLIMIT_MEMLOCK allows are in use: raise the limit (ulimit -l, "
				    "LimitMEMLOCK= of a service), or unmap something." },
	[P2PMAP_REASON_LIMIT] = { "limit",
				  "The context has reached its limit of {0}: unmap or detach "
				  "something, open with a larger watch_capacity if that is the "
				  "limit, or open another context." },
	[P2PMAP_REASON_IOVA_SPACE] = { "iova-space",
				       "There are no {0} bytes of DMA addresses left for this "
				       "importer, of which users without CAP_SYS_RESOURCE have half: "
				       "unmap something, or map less at a time." },
	[P2PMAP_REASON_BUSY_MEMORY] = { "busy-memory",
					"The memory changed each time it was looked at: try again, or "
					"map it with P2PMAP_MAP_PIN." },
	[P2PMAP_REASON_TOO_BIG] = { "too-big",
				    "The range is too big: map at most {0} bytes at a time." },
	[P2PMAP_REASON_EXPORTER_REFUSES] = { "exporter-refuses",
					     "The driver of the device whose memory lies at {addr} does not let "
					     "this importer reach it. Only that driver can tell why: see its "
					     "documentation and the kernel log." },
	[P2PMAP_REASON_EXPORTER_REFUSES_WRITE] = { "exporter-refuses-write",
						   "The driver of the device whose memory lies at {addr} does not let "
						   "this importer write there. Map without WRITE." },
	[P2PMAP_REASON_EXPORTER_HAS_NONE] = { "exporter-has-none",
					      "The driver of the device that is mapped at {addr} has no memory "
					      "behind it, or took it back. Ask that driver for memory first." },
	[P2PMAP_REASON_NOT_PCI] = { "not-pci",
				    "The importer is neither a PCI device nor part of one, so there is "
				    "no route to device memory. Map RAM for it." },
	[P2PMAP_REASON_USER_LIMIT] = { "user-limit",
				       "This takes {2} more bytes of kernel memory, and {1} of the {0} "
				       "that this user may have are in use: unmap something or close a "
				       "context, or have the administrator raise the module's parameter "
				       "user_kib." },
};
/* clang-format on */

/* A text that is being written into a buffer of limited size. */
struct text {
	char *buf;
	size_t size;
	size_t length; /* of the whole text, as snprintf() counts it */
};

static void text_add(struct text *text, const char *from, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++) {
		if (text->length < text->size)
			text->buf[text->length] = from[i];
		text->length++;
	}
}

static void text_end(struct text *text)
{
	if (!text->size)
		return;
	if (text->length < text->size)
		text->buf[text->length] = '\0';
	else
		text->buf[text->size - 1] = '\0';
}

static void format_acs(uint32_t bits, char *buf, size_t size)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} names[] = {
		{ 0x04, "request redirect (RR)" },
		{ 0x08, "completion redirect (CR)" },
		{ 0x20, "egress control (EC)" },
	};
	int at = 0;
	size_t i;

	for (i = 0; i < P2PMAP_ARRAY_SIZE(names); i++) {
		if (!(bits & names[i].bit))
			continue;
		at += snprintf(buf + at, size - (size_t)at, "%s%s",
			       at ? " and " : "", names[i].name);
		bits &= ~names[i].bit;
	}
	if (bits || !at)
		snprintf(buf + at, size - (size_t)at, "%sACS bits 0x%x",
			 at ? " and " : "", bits);
}

static void format_ids(uint32_t ids, char *buf, size_t size)
{
	snprintf(buf, size, "%04x:%04x", ids >> 16, ids & 0xffff);
}

static bool is_key(const char *key, size_t length, const char *name)
{
	return strlen(name) == length && !memcmp(key, name, length);
}

static void format_value(const struct p2pmap_reason *reason, const char *key,
			 size_t length, char *buf, size_t size)
{
	if (is_key(key, length, "pci"))
		p2pmap_pci_format(&reason->pci, buf, size);
	else if (is_key(key, length, "acs"))
		format_acs(reason->detail, buf, size);
	else if (is_key(key, length, "ids"))
		format_ids(reason->detail, buf, size);
	else if (is_key(key, length, "addr"))
		snprintf(buf, size, "0x%" PRIx64, (uint64_t)reason->value[0]);
	else if (is_key(key, length, "mask"))
		snprintf(buf, size, "0x%" PRIx64, (uint64_t)reason->value[1]);
	else
		snprintf(buf, size, "%" PRIu64,
			 (uint64_t)reason->value[*key - '0']);
}

static void text_fill(struct text *text, const char *from,
		      const struct p2pmap_reason *reason)
{
	char value[128];

	for (;;) {
		size_t plain = strcspn(from, "{");
		size_t length;

		text_add(text, from, plain);
		from += plain;
		if (!*from)
			return;
		from++;
		length = strcspn(from, "}");
		format_value(reason, from, length, value, sizeof(value));
		text_add(text, value, strlen(value));
		from += length + 1;
	}
}

static void text_unknown(struct text *text, uint32_t code)
{
	char words[128];

	snprintf(words, sizeof(words),
		 "The module gives reason %u, which this library is too old to "
		 "know: update libp2pmap.",
		 code);
	text_add(text, words, strlen(words));
}

static const struct words *find_words(uint32_t code)
{
	if (code >= P2PMAP_ARRAY_SIZE(words) || !words[code].name)
		return NULL;
	return &words[code];
}

size_t p2pmap_reason_text(const struct p2pmap_reason *reason, char *buf,
			  size_t size)
{
	struct text text = { .buf = buf, .size = size };
	struct p2pmap_reason known;
	const struct words *found;

	p2pmap_struct_copy_in(&known, sizeof(known), reason,
			      reason->size < sizeof(known) ? reason->size :
							     sizeof(known));
	found = find_words(known.code);
	if (found)
		text_fill(&text, found->text, &known);
	else
		text_unknown(&text, known.code);
	text_end(&text);
	return text.length;
}

const char *p2pmap_reason_name(uint32_t code)
{
	const struct words *found = find_words(code);

	return found ? found->name : NULL;
}

/* Before anything is done: could a reason be told? */
int p2pmap_reason_check(const struct p2pmap_reason *reason)
{
	return reason ? p2pmap_struct_check_out(reason->size) : 0;
}

/* Tell log and caller why a call failed.  Returns @error. */
int p2pmap_reason_fail(struct p2pmap_context *ctx, const char *what, int error,
		       const struct p2pmap_reason *why,
		       struct p2pmap_reason *reason)
{
	char text[P2PMAP_REASON_TEXT_SIZE] = "";

	if (reason)
		p2pmap_struct_copy_out(reason, reason->size, why, sizeof(*why));
	if (why->code)
		p2pmap_reason_text(why, text, sizeof(text));
	p2pmap_log_errno(ctx, what, error, text);
	return error;
}
