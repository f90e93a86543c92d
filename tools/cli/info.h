/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The two ways in which p2pmap-cli info prints what it found.
 */
#ifndef INFO_H
#define INFO_H

#include "cli.h"
#include "findings.h"

/**
 * struct attach_trial - could a device be attached?
 * @tried: it was tried; the rest is good only then
 * @error: 0, or negative errno
 * @reason: why not
 * @enforced: revocation would be enforced
 * @dma_mask: how far it reaches
 */
struct attach_trial {
	bool tried;
	int error;
	struct p2pmap_reason reason;
	bool enforced;
	uint64_t dma_mask;
};

/* For people, in info-text.c. */
void info_text(const struct cli *cli, const struct survey *survey,
	       const struct findings *findings);
void info_device_text(const struct cli *cli, const struct survey *survey,
		      const struct device *device,
		      const struct attach_trial *trial);

/* For programs, in info-json.c. */
void info_json(const struct survey *survey, const struct findings *findings);
void info_device_json(const struct survey *survey, const struct device *device,
		      const struct attach_trial *trial);

#endif /* INFO_H */
