/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The two ways in which p2pmap-cli check prints its verdict.
 */
#ifndef CHECK_H
#define CHECK_H

#include "cli.h"
#include "trial.h"
#include "verdict.h"

/* For people, in check-text.c; @trial may be NULL. */
void check_text(const struct cli *cli, const struct survey *survey,
		const struct verdict *verdict, const struct trial *trial);

/* For programs, in check-json.c. */
void check_json(const struct survey *survey, const struct verdict *verdict,
		const struct trial *trial);

/**
 * check_basis() - what the verdict rests on, for programs
 * @verdict: the verdict
 *
 * Return: "kernel" if the kernel confirmed the route, "computed" if not.
 */
const char *check_basis(const struct verdict *verdict);

#endif /* CHECK_H */
