/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The trial of a pair: attach the importer, map a page of the exporter's BAR
 * for it, and, where there is an engine that is safe to use, move bytes and
 * compare them.
 *
 * Nothing of a BAR is overwritten but by QEMU's edu device in QEMU's ivshmem,
 * which is plain memory; what was there is put back.
 */
#ifndef TRIAL_H
#define TRIAL_H

#include "devices.h"
#include "survey.h"

/**
 * enum trial_status - how a step of the trial went
 * @TRIAL_NOT_DONE: it did not come to it, or it would not be safe
 * @TRIAL_PASSED: well
 * @TRIAL_FAILED: badly
 */
enum trial_status {
	TRIAL_NOT_DONE,
	TRIAL_PASSED,
	TRIAL_FAILED,
};

/**
 * struct trial_step - one step
 * @status: how it went
 * @error: 0, or the negative errno
 * @reason: what the module said about it
 * @text: what happened
 */
struct trial_step {
	enum trial_status status;
	int error;
	struct p2pmap_reason reason;
	char text[200];
};

/**
 * struct trial - all of it
 * @attach: the importer was attached
 * @bar: the BAR was mapped into this process
 * @map: the page was mapped for the importer
 * @transfer: bytes were moved, compared and put back
 * @bar_number: whose page it was
 * @enforced: the mapping is enforced
 * @route: the mapping's route
 */
struct trial {
	struct trial_step attach;
	struct trial_step bar;
	struct trial_step map;
	struct trial_step transfer;
	unsigned int bar_number;
	bool enforced;
	enum p2pmap_route route;
};

/**
 * trial_run() - try a pair
 * @survey: the machine, with a context
 * @importer: the one
 * @exporter: the other
 * @bar: number of the BAR, or -1 for the first that can be mapped
 * @out: how it went
 */
void trial_run(const struct survey *survey, const struct device *importer,
	       const struct device *exporter, int bar, struct trial *out);

/**
 * trial_passed() - did all steps go well that were done?
 * @trial: the trial
 */
bool trial_passed(const struct trial *trial);

const char *trial_status_name(enum trial_status status);

#endif /* TRIAL_H */
