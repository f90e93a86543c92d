/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A look at the machine: all that the commands judge and show comes from here.
 *
 * Works without privilege and without the module; what could not be learned is
 * said to be unknown.
 */
#ifndef SURVEY_H
#define SURVEY_H

#include <p2pmap/p2pmap.h>

#include "devices.h"
#include "hostbridge.h"
#include "system.h"

/**
 * struct survey - what was seen
 * @system: the machine and its kernel
 * @devices: its PCI devices
 * @devices_error: 0, or negative errno of the attempt to list them
 * @policy: what holds for its host bridges
 * @context: the library's context, NULL if it could not be opened
 * @open_error: 0, or negative errno of that
 * @info: what the module says, if there is a @context
 */
struct survey {
	struct system system;
	struct devices devices;
	int devices_error;
	struct host_policy policy;
	struct p2pmap_context *context;
	int open_error;
	struct p2pmap_info info;
};

/**
 * survey_make() - look
 * @survey: what is seen; end with survey_free()
 */
void survey_make(struct survey *survey);

/**
 * survey_free() - forget it
 * @survey: what was seen
 */
void survey_free(struct survey *survey);

/**
 * survey_unenforced() - does the module admit importers nothing restrains?
 * @survey: what was seen
 *
 * Of a module that is not loaded: what it is configured to do.
 */
enum tristate survey_unenforced(const struct survey *survey);

/**
 * struct attach_trial - could a device be attached?
 * @tried: the kernel was asked; the rest is good only then
 * @error: 0, or negative errno
 * @reason: why not
 * @translated: an IOMMU translates its DMA
 * @enforced: revocation would be enforced
 * @dma_mask: how far it reaches
 */
struct attach_trial {
	bool tried;
	int error;
	struct p2pmap_reason reason;
	bool translated;
	bool enforced;
	uint64_t dma_mask;
};

/**
 * survey_try_attach() - attach a device and let go of it: changes nothing
 * @survey: what was seen
 * @device: the device
 * @out: how it went
 */
void survey_try_attach(const struct survey *survey, const struct device *device,
		       struct attach_trial *out);

/**
 * struct route_answer - the kernel's own word on a route
 * @asked: there was somebody to ask; the rest is good only then
 * @error: 0, or negative errno: -EHOSTUNREACH if there is no route
 * @type: the route
 * @distance: bridges between the two
 * @translated: the importer's DMA is translated; good if there is a route
 * @reason: why there is no route
 */
struct route_answer {
	bool asked;
	int error;
	enum p2pmap_route type;
	unsigned int distance;
	bool translated;
	struct p2pmap_reason reason;
};

/**
 * survey_ask_route() - ask the kernel for the route between two devices
 * @survey: what was seen
 * @importer: the one
 * @exporter: the other
 * @out: its answer
 */
void survey_ask_route(const struct survey *survey,
		      const struct device *importer,
		      const struct device *exporter, struct route_answer *out);

#endif /* SURVEY_H */
