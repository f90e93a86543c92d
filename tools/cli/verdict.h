/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The verdict on one importer and one exporter: would it work, and if not,
 * what stands in the way and what would help.
 *
 * Computed from a survey and, where there is a module, held against what the
 * kernel says.  Nothing here prints.
 */
#ifndef VERDICT_H
#define VERDICT_H

#include "route.h"
#include "survey.h"

/**
 * enum verdict_result - would it work?
 * @VERDICT_WORKS: yes, as far as can be known
 * @VERDICT_BLOCKED: no
 * @VERDICT_UNKNOWN: that takes privilege to tell
 */
enum verdict_result {
	VERDICT_WORKS,
	VERDICT_BLOCKED,
	VERDICT_UNKNOWN,
};

/**
 * enum obstacle_weight - what an obstacle does
 * @OBSTACLE_BLOCKS: nothing works while it is there
 * @OBSTACLE_UNKNOWN: it may block; that could not be read
 * @OBSTACLE_NOTE: it works all the same
 */
enum obstacle_weight {
	OBSTACLE_BLOCKS,
	OBSTACLE_UNKNOWN,
	OBSTACLE_NOTE,
};

/**
 * struct remedy - one thing that would help
 * @kind: "kernel-parameter", "firmware", "slot", "module-option", "driver" or
 *	"command"
 * @text: what to do
 */
struct remedy {
	const char *kind;
	char text[240];
};

#define MAX_REMEDIES 4

/**
 * struct obstacle - one thing that stands in the way
 * @code: its name, which never changes
 * @weight: what it does
 * @address: the device or bridge, or empty
 * @acs_offset: where its ACS capability is, if it is that; 0 otherwise
 * @acs_bits: the bits of its control register that do it
 * @text: what it is
 * @nr_remedies: how many things would help
 * @remedies: those, each by itself
 */
struct obstacle {
	const char *code;
	enum obstacle_weight weight;
	char address[DEVICE_ADDRESS_LEN];
	unsigned int acs_offset;
	uint16_t acs_bits;
	char text[P2PMAP_REASON_TEXT_SIZE];
	unsigned int nr_remedies;
	struct remedy remedies[MAX_REMEDIES];
};

#define MAX_OBSTACLES 16

/**
 * struct verdict - the answer
 * @importer: the one device
 * @exporter: the other
 * @result: would it work?
 * @route: as computed here
 * @attach: the kernel's word on the importer
 * @kernel: the kernel's word on the route
 * @disagrees: the two routes are not the same, which is a bug
 * @nr_obstacles: what was found
 * @obstacles: in the order in which to mend them
 */
struct verdict {
	const struct device *importer;
	const struct device *exporter;
	enum verdict_result result;
	struct route route;
	struct attach_trial attach;
	struct route_answer kernel;
	bool disagrees;
	unsigned int nr_obstacles;
	struct obstacle obstacles[MAX_OBSTACLES];
};

/**
 * verdict_make() - judge a pair
 * @survey: the machine
 * @importer: the device that does DMA
 * @exporter: the device whose memory it is
 * @out: the verdict
 */
void verdict_make(const struct survey *survey, const struct device *importer,
		  const struct device *exporter, struct verdict *out);

/**
 * verdict_translated() - what the pair's route is computed for
 * @attach: the kernel's word on the importer
 * @importer: the importer
 */
bool verdict_translated(const struct attach_trial *attach,
			const struct device *importer);

/**
 * route_agrees() - is the computed route the kernel's?
 * @route: as computed
 * @kernel: as the kernel says, which was asked
 *
 * What was unknown here agrees with everything.
 */
bool route_agrees(const struct route *route, const struct route_answer *kernel);

/**
 * route_take() - replace a route that is not known by the kernel's answer
 * @route: as computed
 * @kernel: as the kernel says, which was asked
 */
void route_take(struct route *route, const struct route_answer *kernel);

const char *verdict_name(enum verdict_result result);
const char *obstacle_weight_name(enum obstacle_weight weight);

#endif /* VERDICT_H */
