// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Words for the application's log callback.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "private.h"

void p2pmap_log(const struct p2pmap_context *ctx, enum p2pmap_log_level level,
		const char *format, ...)
{
	char message[P2PMAP_REASON_TEXT_SIZE + 128];
	va_list args;

	if (!ctx->log)
		return;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	ctx->log(ctx->log_user, level, message);
}

/* @error is negative, as everywhere. */
void p2pmap_log_errno(const struct p2pmap_context *ctx, const char *what,
		      int error, const char *advice)
{
	char words[128];

	if (strerror_r(-error, words, sizeof(words)))
		snprintf(words, sizeof(words), "errno %d", -error);
	p2pmap_log(ctx, P2PMAP_LOG_ERROR, "%s: %s%s%s", what, words,
		   *advice ? "; " : "", advice);
}
