/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is missing on this machine for p2pmap to work, and what to do about it.
 */
#ifndef FINDINGS_H
#define FINDINGS_H

#include <p2pmap/p2pmap.h>

#include "devices.h"
#include "system.h"

/**
 * struct survey - all that info looked at
 * @system: the machine and its kernel
 * @devices: its PCI devices
 * @devices_error: 0, or negative errno of the attempt to list them
 * @context: the library's context, NULL if it could not be opened
 * @open_error: 0, or negative errno of that
 * @info: what the module says, if there is a @context
 */
struct survey {
	struct system system;
	struct devices devices;
	int devices_error;
	struct p2pmap_context *context;
	int open_error;
	struct p2pmap_info info;
};

/**
 * enum severity - how bad a finding is
 * @SEVERITY_ERROR: nothing can be mapped
 * @SEVERITY_WARNING: something works less well, or less safely
 * @SEVERITY_NOTE: good to know
 */
enum severity {
	SEVERITY_ERROR,
	SEVERITY_WARNING,
	SEVERITY_NOTE,
};

/**
 * struct finding - one thing that was found
 * @severity: how bad it is
 * @id: short name for programs
 * @text: what it is
 * @remedy: what to do about it, or NULL
 */
struct finding {
	enum severity severity;
	const char *id;
	char text[256];
	const char *remedy;
};

#define MAX_FINDINGS 16

/**
 * struct findings - all of them
 * @list: in the order in which to mend them
 * @count: how many
 */
struct findings {
	struct finding list[MAX_FINDINGS];
	unsigned int count;
};

/**
 * findings_make() - judge what was seen
 * @survey: what was seen
 * @out: the findings
 */
void findings_make(const struct survey *survey, struct findings *out);

/**
 * findings_worst() - the worst severity among them
 * @findings: the findings
 *
 * Return: it, or SEVERITY_NOTE if there are none.
 */
enum severity findings_worst(const struct findings *findings);

/**
 * severity_name() - name of a severity
 * @severity: the severity
 */
const char *severity_name(enum severity severity);

#endif /* FINDINGS_H */
