// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reasons of every size and content, written into buffers of every size.
 */
#include <string.h>

#include "fuzz.h"

bool fuzz_prepare(void)
{
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char whole[P2PMAP_REASON_TEXT_SIZE];
	struct p2pmap_reason *reason;
	size_t length, room;
	uint32_t claimed;
	char *part;

	fuzz_input(data, size);
	room = fuzz_number(1);
	claimed = (uint32_t)fuzz_number(1);
	reason = malloc(claimed < 4 ? 4 : claimed);
	part = malloc(room + !room);
	if (!reason || !part)
		goto out;
	fuzz_bytes(reason, claimed < 4 ? 4 : claimed);
	/* Mostly a code that there is. */
	if (claimed >= 8 && reason->code > 255)
		reason->code &= 63;
	reason->size = claimed;
	length = p2pmap_reason_text(reason, whole, sizeof(whole));
	PROMISE(length < sizeof(whole) && strlen(whole) == length && length);
	PROMISE(p2pmap_reason_text(reason, part, room) == length);
	if (room)
		PROMISE(strlen(part) == (length < room ? length : room - 1) &&
			!strncmp(part, whole, room - 1));
out:
	free(reason);
	free(part);
	return 0;
}
