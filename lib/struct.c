// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Structs that grow: between a caller's idea of a struct and the library's.
 *
 * Either may be longer, as application and library are built at different
 * times.  Inwards, a missing tail counts as zero and an unknown tail must be
 * zero; outwards, what the library does not know is zero.
 */
#include <errno.h>
#include <string.h>

#include "private.h"

static bool is_zero(const unsigned char *from, const unsigned char *end)
{
	while (from < end) {
		if (*from++)
			return false;
	}
	return true;
}

int p2pmap_struct_copy_in(void *known, size_t known_size, const void *user,
			  size_t user_size)
{
	const unsigned char *bytes = user;

	memset(known, 0, known_size);
	if (user_size <= known_size) {
		memcpy(known, user, user_size);
		return 0;
	}
	if (!is_zero(bytes + known_size, bytes + user_size))
		return -E2BIG;
	memcpy(known, user, known_size);
	return 0;
}

/* Every struct of options starts with its size, as a size_t. */
int p2pmap_opts_copy(void *known, size_t known_size, const void *opts)
{
	size_t size;

	if (!opts) {
		memset(known, 0, known_size);
		return 0;
	}
	memcpy(&size, opts, sizeof(size));
	if (size < sizeof(size))
		return -EINVAL;
	return p2pmap_struct_copy_in(known, known_size, opts, size);
}

/* Every struct of results starts with its size, as a uint32_t. */
int p2pmap_struct_check_out(uint32_t user_size)
{
	return user_size < 2 * sizeof(uint32_t) ? -EINVAL : 0;
}

void p2pmap_struct_copy_out(void *user, uint32_t user_size, const void *known,
			    size_t known_size)
{
	size_t length = user_size < known_size ? user_size : known_size;

	memset(user, 0, user_size);
	memcpy(user, known, length);
	memcpy(user, &user_size, sizeof(user_size));
}
