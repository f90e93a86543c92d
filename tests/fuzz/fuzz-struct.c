// SPDX-License-Identifier: GPL-2.0-only
/*
 * Structs that grow: copied in and out, of any size on either side, against the
 * rule as struct.c's comment says it.
 */
#include <errno.h>
#include <string.h>

#include "fuzz.h"

bool fuzz_prepare(void)
{
	return true;
}

static void copy_in(size_t known_size, size_t user_size)
{
	unsigned char *known = malloc(known_size + !known_size);
	unsigned char *user = malloc(user_size + !user_size);
	size_t i, unknown = 0;
	int error;

	PROMISE(known && user);
	fuzz_bytes(user, user_size);
	for (i = known_size; i < user_size; i++)
		unknown += user[i] != 0;
	error = p2pmap_struct_copy_in(known, known_size, user, user_size);
	PROMISE(error == (unknown ? -E2BIG : 0));
	for (i = 0; !error && i < known_size; i++)
		PROMISE(known[i] == (i < user_size ? user[i] : 0));
	free(known);
	free(user);
}

static void copy_out(size_t known_size, uint32_t user_size)
{
	unsigned char *known = malloc(known_size + !known_size);
	unsigned char *user = malloc(user_size + !user_size);
	uint32_t size, i;

	PROMISE(known && user);
	PROMISE(p2pmap_struct_check_out(user_size) ==
		(user_size < 8 ? -EINVAL : 0));
	fuzz_bytes(known, known_size);
	if (user_size >= 8) {
		p2pmap_struct_copy_out(user, user_size, known, known_size);
		memcpy(&size, user, sizeof(size));
		PROMISE(size == user_size);
		for (i = sizeof(size); i < user_size; i++)
			PROMISE(user[i] == (i < known_size ? known[i] : 0));
	}
	free(known);
	free(user);
}

static void options(size_t known_size, size_t claimed)
{
	unsigned char *known = malloc(known_size + !known_size);
	size_t room = claimed < sizeof(claimed) ? sizeof(claimed) : claimed;
	unsigned char *user = malloc(room);
	int error;

	PROMISE(known && user);
	fuzz_bytes(user, room);
	memcpy(user, &claimed, sizeof(claimed));
	error = p2pmap_opts_copy(known, known_size, user);
	PROMISE((error == -EINVAL) == (claimed < sizeof(claimed)));
	PROMISE(!p2pmap_opts_copy(known, known_size, NULL));
	free(known);
	free(user);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t known_size, user_size;

	fuzz_input(data, size);
	known_size = fuzz_number(1);
	user_size = fuzz_number(1);
	copy_in(known_size, user_size);
	copy_out(known_size, (uint32_t)user_size);
	options(known_size, user_size);
	return 0;
}
