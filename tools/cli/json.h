/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What several commands say in JSON, each in one way.  docs/cli-json.md is the
 * schema.
 */
#ifndef JSON_H
#define JSON_H

#include "print.h"
#include "route.h"
#include "survey.h"
#include "verdict.h"

/* Every document begins with this: what made it, and of which version. */
json_object *json_document(const char *command);

json_object *json_device(const struct device *device);
/* Just its address, or null. */
json_object *json_address(const struct device *device);
json_object *json_acs(const struct device_acs *acs);
/* Names of the bits that are set, such as ["RR", "CR"]. */
json_object *json_acs_bits(uint16_t bits);
json_object *json_host_bridge(const struct device *root,
			      enum host_bridge_state state);
/* Members route, distance and reason are added to @object. */
void json_add_route(json_object *object, const struct route *route);
json_object *json_attach(const struct attach_trial *trial);

#endif /* JSON_H */
