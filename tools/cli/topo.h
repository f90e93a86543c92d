/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The topology, in its three shapes: a tree and a matrix for people
 * (topo-text.c), a graph for Graphviz (topo-dot.c), JSON (topo-json.c).
 */
#ifndef TOPO_H
#define TOPO_H

#include "cli.h"
#include "route.h"
#include "survey.h"

void topo_text(const struct cli *cli, const struct survey *survey);
void topo_dot(const struct survey *survey);
void topo_json(const struct survey *survey);

/**
 * topo_route() - the route of one pair of the matrix
 * @survey: the machine
 * @importer: the one
 * @exporter: the other
 * @out: its route
 *
 * As the kernel says it, where it can be asked and this process cannot read
 * ACS; computed otherwise.
 */
void topo_route(const struct survey *survey, const struct device *importer,
		const struct device *exporter, struct route *out);

/**
 * topo_next() - go through devices of a kind
 * @devices: all devices
 * @device: the one before, or NULL
 * @is: the kind
 *
 * Return: the next one, NULL after the last.
 */
const struct device *topo_next(const struct devices *devices,
			       const struct device *device,
			       bool (*is)(const struct device *device));

/**
 * topo_host_bridge() - what is known of the host bridge above a device
 * @survey: the machine
 * @device: any device below it
 * @root: receives the device that stands for it, or NULL
 */
enum host_bridge_state topo_host_bridge(const struct survey *survey,
					const struct device *device,
					const struct device **root);

/**
 * topo_is_first() - is it the first device on its root bus?
 * @devices: all devices
 * @device: the device
 */
bool topo_is_first(const struct devices *devices, const struct device *device);

#endif /* TOPO_H */
