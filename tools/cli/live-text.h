/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Live objects as lines of text, for list, show, monitor and top.
 */
#ifndef LIVE_TEXT_H
#define LIVE_TEXT_H

#include <json-c/json.h>

#include "cli.h"
#include "print.h"

/* Longer names are cut. */
#define LIVE_WHO_WIDTH 16

/* Who made a mapping: "1234 spdk_tgt", or a driver in brackets. */
void live_who(json_object *mapping, char *buf, size_t size);
/* What is mapped: "RAM" or an exporter with its BAR. */
void live_what(json_object *mapping, char *buf, size_t size);
/* Flags as letters: write, pin, sink, restore. */
void live_flags(json_object *mapping, char buf[5]);
/* A time span for people: "3s", "12m", "5h", "9d". */
void live_age(uint64_t ms, char *buf, size_t size);
/* A size in a few columns: "64M"; "1028K" rather than a rounded one. */
void live_size(uint64_t bytes, char *buf, size_t size);
/* Whether a state is as it should be. */
enum paint live_paint(json_object *mapping);

void live_mapping_head(const struct cli *cli);
void live_mapping_line(const struct cli *cli, json_object *mapping);

#endif /* LIVE_TEXT_H */
