/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Everything that commonly goes wrong, checked one by one: the one home of
 * judgements about the machine.  doctor shows them all, info says whether it
 * can be used at all.
 *
 * checks.c has the table and what is about module, kernel and caller;
 * checks-devices.c what is about devices and routes.
 */
#ifndef CHECKS_H
#define CHECKS_H

#include "survey.h"

/**
 * enum check_status - how a check went
 * @CHECK_OK: as it should be
 * @CHECK_WARN: works less well, or less safely, or for fewer devices
 * @CHECK_FAIL: something does not work
 * @CHECK_SKIP: could not be looked at, or does not apply
 */
enum check_status {
	CHECK_OK,
	CHECK_WARN,
	CHECK_FAIL,
	CHECK_SKIP,
};

/**
 * struct check - one check
 * @id: its name, which never changes
 * @status: how it went
 * @text: what was found
 * @fix: the exact command or setting that would help, or empty
 */
struct check {
	const char *id;
	enum check_status status;
	char text[400];
	char fix[300];
};

#define MAX_CHECKS 32

/**
 * struct checks - all of them
 * @list: in the order in which to mend things
 * @count: how many
 * @blocked: one that everything depends on has failed
 */
struct checks {
	struct check list[MAX_CHECKS];
	unsigned int count;
	bool blocked;
};

/**
 * checks_make() - do all checks
 * @survey: the machine
 * @out: how they went
 */
void checks_make(const struct survey *survey, struct checks *out);

/**
 * checks_usable() - can anything be mapped here, RAM at least?
 * @checks: the checks
 */
bool checks_usable(const struct checks *checks);

const char *check_status_name(enum check_status status);

/* For the checks: say what was found, and what would help. */
void check_say(struct check *check, enum check_status status, const char *fmt,
	       ...) __attribute__((format(printf, 3, 4)));
void check_fix(struct check *check, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* In checks-devices.c. */
void check_pci(const struct survey *survey, struct check *check);
void check_importers(const struct survey *survey, struct check *check);
void check_foreign_owners(const struct survey *survey, struct check *check);
void check_dma_width(const struct survey *survey, struct check *check);
void check_exporters(const struct survey *survey, struct check *check);
void check_unassigned(const struct survey *survey, struct check *check);
void check_small(const struct survey *survey, struct check *check);
void check_memory(const struct survey *survey, struct check *check);
void check_host_bridges(const struct survey *survey, struct check *check);
void check_acs(const struct survey *survey, struct check *check);
void check_routes(const struct survey *survey, struct check *check);
void check_privilege(const struct survey *survey, struct check *check);

#endif /* CHECKS_H */
