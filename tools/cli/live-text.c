// SPDX-License-Identifier: GPL-2.0-only
/*
 * How live objects look on 80 columns.
 */
#include "live-text.h"

#include <inttypes.h>
#include <string.h>

#include "live.h"

void live_who(json_object *mapping, char *buf, size_t size)
{
	const char *driver = live_text(mapping, "driver");

	if (*driver)
		snprintf(buf, size, "[%s]", driver);
	else
		snprintf(buf, size, "%" PRIu64 " %s", live_uint(mapping, "pid"),
			 live_text(mapping, "command"));
}

void live_what(json_object *mapping, char *buf, size_t size)
{
	const char *exporter = live_text(mapping, "exporter");

	if (*exporter)
		snprintf(buf, size, "%s/%" PRIu64, exporter,
			 live_uint(mapping, "bar"));
	else
		snprintf(buf, size, "RAM");
}

void live_flags(json_object *mapping, char buf[5])
{
	static const char *const names[] = { "write", "pin", "sink",
					     "restore" };

	for (int i = 0; i < 4; i++)
		buf[i] = live_has(mapping, "flags", names[i]) ? names[i][0] :
								'-';
	buf[4] = '\0';
}

void live_age(uint64_t ms, char *buf, size_t size)
{
	uint64_t seconds = ms / 1000;

	if (seconds < 120)
		snprintf(buf, size, "%" PRIu64 "s", seconds);
	else if (seconds < 120UL * 60)
		snprintf(buf, size, "%" PRIu64 "m", seconds / 60);
	else if (seconds < 48UL * 3600)
		snprintf(buf, size, "%" PRIu64 "h", seconds / 3600);
	else
		snprintf(buf, size, "%" PRIu64 "d", seconds / 86400);
}

void live_size(uint64_t bytes, char *buf, size_t size)
{
	static const char units[] = { 'K', 'M', 'G', 'T' };
	uint64_t value = bytes >> 10;
	int unit = 0;

	while (unit < 3 && value && !(value & 1023)) {
		value >>= 10;
		unit++;
	}
	snprintf(buf, size, "%" PRIu64 "%c", value, units[unit]);
}

enum paint live_paint(json_object *mapping)
{
	const char *state = live_text(mapping, "state");

	if (!strcmp(state, "live"))
		return live_has(mapping, "status", "stale") ? PAINT_WARN :
							      PAINT_GOOD;
	return strcmp(state, "partial") ? PAINT_BAD : PAINT_WARN;
}

void live_mapping_head(const struct cli *cli)
{
	paint(cli, stdout, PAINT_HEAD,
	      "%6s  %-*s %-12s  %-14s %6s %4s %-7s %4s", "ID", LIVE_WHO_WIDTH,
	      "WHO", "IMPORTER", "MEMORY", "SIZE", "FLAG", "STATE", "AGE");
	putchar('\n');
}

void live_mapping_line(const struct cli *cli, json_object *mapping)
{
	char who[64], what[32], flags[5], age[16], size[24];
	const char *state = live_text(mapping, "state");

	live_who(mapping, who, sizeof(who));
	live_what(mapping, what, sizeof(what));
	live_flags(mapping, flags);
	live_age(live_uint(mapping, "age_ms"), age, sizeof(age));
	live_size(live_uint(mapping, "length"), size, sizeof(size));
	if (!strcmp(state, "live") && live_has(mapping, "status", "stale"))
		state = "stale";
	printf("%6" PRIu64 "  %-*.*s %-12s  %-14s %6s %4s ",
	       live_uint(mapping, "id"), LIVE_WHO_WIDTH, LIVE_WHO_WIDTH, who,
	       live_text(mapping, "importer"), what, size, flags);
	paint(cli, stdout, live_paint(mapping), "%-7.7s", state);
	printf(" %4s\n", age);
}
