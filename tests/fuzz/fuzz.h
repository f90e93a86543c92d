/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the fuzzers share: an input that is eaten from its front, and a module
 * whose answers come from it.
 *
 * Each fuzz-*.c is a target: LLVMFuzzerTestOneInput(), which aborts when a
 * promise is broken.  driver.c has main(): libFuzzer's, or one that replays
 * files.
 */
#ifndef P2PMAP_FUZZ_H
#define P2PMAP_FUZZ_H

#include <stdio.h>
#include <stdlib.h>

#include "private.h"

#define PROMISE(condition)                                                 \
	do {                                                               \
		if (condition)                                             \
			break;                                             \
		fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, \
			#condition);                                       \
		abort();                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The target's: false, having said why, if it cannot run here. */
bool fuzz_prepare(void);

/* What is left of the input; behind its end everything is zero. */
void fuzz_input(const uint8_t *data, size_t size);
size_t fuzz_left(void);
uint64_t fuzz_number(unsigned int bytes);
void fuzz_bytes(void *to, size_t size);

/* A module that answers what the input says, within what memory it was given. */
extern const struct p2pmap_sys fuzz_sys;

#endif /* P2PMAP_FUZZ_H */
