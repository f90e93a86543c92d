/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Host bridges: which of them send peer-to-peer traffic down again, by the same
 * table as the module's and by the administrator's word.
 */
#ifndef HOSTBRIDGE_H
#define HOSTBRIDGE_H

#include <stdbool.h>

#include "devices.h"

/**
 * enum host_bridge_state - what is known of a host bridge
 * @HOST_BRIDGE_UNLISTED: nobody says that it routes between peers
 * @HOST_BRIDGE_SAME_ONLY: it does, for devices that are both below it
 * @HOST_BRIDGE_LISTED: it does
 * @HOST_BRIDGE_ADMITTED: the administrator says that it does
 * @HOST_BRIDGE_CPU: every host bridge of this processor does
 * @HOST_BRIDGE_UNKNOWN: its root device cannot be told without privilege
 */
enum host_bridge_state {
	HOST_BRIDGE_UNLISTED,
	HOST_BRIDGE_SAME_ONLY,
	HOST_BRIDGE_LISTED,
	HOST_BRIDGE_ADMITTED,
	HOST_BRIDGE_CPU,
	HOST_BRIDGE_UNKNOWN,
};

/**
 * enum host_policy_source - where the administrator's word is from
 * @HOST_POLICY_NONE: there is none
 * @HOST_POLICY_MODULE: the loaded module's parameter
 * @HOST_POLICY_CONFIG: the modprobe configuration of a module not loaded
 */
enum host_policy_source {
	HOST_POLICY_NONE,
	HOST_POLICY_MODULE,
	HOST_POLICY_CONFIG,
};

/**
 * struct host_policy - what holds for all host bridges of this machine
 * @cpu_routes: the processor is known to route between peers
 * @admitted: the parameter host_bridges: "8086:29c0,1022:1450"
 * @source: where @admitted is from
 */
struct host_policy {
	bool cpu_routes;
	char admitted[256];
	enum host_policy_source source;
};

/**
 * host_policy_read() - look at processor, module and configuration
 * @out: the policy
 */
void host_policy_read(struct host_policy *out);

/**
 * host_bridge_root() - the device that stands for a host bridge
 * @devices: all devices
 * @device: any device below it
 * @known: set to false if it takes privilege to tell; may be NULL
 *
 * The first one on the root bus, if that is at 00.0 or a root port.
 *
 * Return: it, or NULL.
 */
const struct device *host_bridge_root(const struct devices *devices,
				      const struct device *device, bool *known);

/**
 * host_bridge_judge() - does it send peer-to-peer traffic down again?
 * @policy: of this machine
 * @root: the device that stands for it, or NULL
 *
 * Return: what is known.
 */
enum host_bridge_state host_bridge_judge(const struct host_policy *policy,
					 const struct device *root);

/**
 * host_bridge_name() - name of a state, for programs
 * @state: the state
 */
const char *host_bridge_name(enum host_bridge_state state);

/**
 * host_bridge_text() - the state in words
 * @state: the state
 */
const char *host_bridge_text(enum host_bridge_state state);

/**
 * same_host_bridge() - are two devices below the same host bridge?
 * @a: a device
 * @b: another one
 */
bool same_host_bridge(const struct device *a, const struct device *b);

#endif /* HOSTBRIDGE_H */
