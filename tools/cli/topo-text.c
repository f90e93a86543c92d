// SPDX-License-Identifier: GPL-2.0-only
/*
 * The topology as a tree and a matrix, for people.
 */
#include <stdio.h>
#include <string.h>

#include "print.h"
#include "topo.h"

#define MAX_PREFIX 128

/* Columns of the matrix in a line: each takes a cell. */
#define CELL 6
#define ROW_HEAD 17
#define CELLS ((80 - ROW_HEAD) / CELL)

/* What of a device is said behind its address. */
static void describe(const struct device *device, char *buf, size_t size)
{
	char bits[ACS_TEXT_LEN];
	int at;

	at = snprintf(buf, size, "%s", device_type_text(device));
	if (device->acs.state == ACS_PRESENT)
		at += snprintf(buf + at, size - at, ", ACS %s",
			       acs_bits_text(device->acs.control, bits));
	else if (device->acs.state == ACS_UNKNOWN && device->header)
		at += snprintf(buf + at, size - at, ", ACS unknown");
	if (device->header)
		return;
	if (device->driver[0])
		at += snprintf(buf + at, size - at, ", %s", device->driver);
	if (device->group >= 0)
		snprintf(buf + at, size - at, ", group %d %s", device->group,
			 device_translated(device) ? "translated" : "direct");
}

static void print_device(const struct cli *cli, const struct device *device,
			 const char *prefix)
{
	char text[256], bits[ACS_TEXT_LEN], redirects[ACS_TEXT_LEN + 16] = "";
	int room = 80 - text_columns(prefix) - 2;

	describe(device, text, sizeof(text));
	if (route_redirects(device))
		snprintf(redirects, sizeof(redirects), " (redirects %s)",
			 acs_bits_text(route_redirects(device), bits));
	printf("%s", prefix);
	paint(cli, stdout, device->bridge ? PAINT_DIM : PAINT_HEAD, "%s",
	      device->address);
	room -= (int)(strlen(device->address) + strlen(redirects));
	printf("  %.*s", room < 0 ? 0 : room, text);
	paint(cli, stdout, PAINT_WARN, "%s", redirects);
	putchar('\n');
}

struct glyphs {
	const char *tee;
	const char *end;
	const char *bar;
	const char *gap;
};

static const struct glyphs ascii = { "|- ", "`- ", "|  ", "   " };
static const struct glyphs utf8 = { "├─ ", "└─ ", "│  ", "   " };

static bool is_child(const struct device *device, const struct device *of,
		     const struct device *first)
{
	if (of)
		return device->upstream == of;
	return !device->upstream && same_host_bridge(device, first);
}

/* All that is below a bridge, or on the root bus of @first without one. */
static void print_below(const struct cli *cli, const struct devices *devices,
			const struct device *bridge, const struct device *first,
			const char *prefix)
{
	const struct glyphs *glyphs = print_utf8() ? &utf8 : &ascii;
	const struct device *last = NULL;
	char line[MAX_PREFIX];

	for (size_t i = 0; i < devices->count; i++)
		if (is_child(&devices->list[i], bridge, first))
			last = &devices->list[i];
	for (size_t i = 0; i < devices->count; i++) {
		const struct device *device = &devices->list[i];

		if (!is_child(device, bridge, first))
			continue;
		snprintf(line, sizeof(line), "%s%s", prefix,
			 device == last ? glyphs->end : glyphs->tee);
		print_device(cli, device, line);
		snprintf(line, sizeof(line), "%s%s", prefix,
			 device == last ? glyphs->gap : glyphs->bar);
		if (device->header)
			print_below(cli, devices, device, first, line);
	}
}

static void print_tree(const struct cli *cli, const struct survey *survey)
{
	const struct devices *devices = &survey->devices;

	for (size_t i = 0; i < devices->count; i++) {
		const struct device *first = &devices->list[i], *root;
		enum host_bridge_state state;
		bool good;

		if (!topo_is_first(devices, first))
			continue;
		state = topo_host_bridge(survey, first, &root);
		good = state != HOST_BRIDGE_UNLISTED &&
		       state != HOST_BRIDGE_UNKNOWN;
		paint(cli, stdout, PAINT_HEAD, "host bridge %04x:%02x",
		      first->domain, first->bus);
		if (root)
			printf(" (%04x:%04x): ", root->vendor, root->id);
		else
			printf(": ");
		paint(cli, stdout, good ? PAINT_GOOD : PAINT_BAD, "%s",
		      host_bridge_text(state));
		putchar('\n');
		print_below(cli, devices, NULL, first, "");
	}
}

/* "sw 2", "hb 4", "self", "none", "?" */
static enum paint cell_text(const struct route *route, char *buf, size_t size)
{
	if (route->verdict == ROUTE_BLOCKED) {
		snprintf(buf, size, "none");
		return PAINT_BAD;
	}
	if (route->verdict == ROUTE_UNKNOWN) {
		snprintf(buf, size, "?");
		return PAINT_WARN;
	}
	if (route->type_unknown) {
		snprintf(buf, size, "?? %u", route->distance);
		return PAINT_WARN;
	}
	if (route->type == P2PMAP_ROUTE_SAME) {
		snprintf(buf, size, "self");
		return PAINT_GOOD;
	}
	snprintf(buf, size, "%s %u",
		 route->type == P2PMAP_ROUTE_SWITCH ? "sw" : "hb",
		 route->distance);
	return route->redirector ? PAINT_WARN : PAINT_GOOD;
}

static void print_row(const struct cli *cli, const struct survey *survey,
		      const struct device *importer,
		      const struct device *const *columns, size_t count)
{
	struct route route;
	enum paint what;
	char cell[16];

	printf("  %-*s", ROW_HEAD - 2, importer->address);
	for (size_t i = 0; i < count; i++) {
		topo_route(survey, importer, columns[i], &route);
		what = cell_text(&route, cell, sizeof(cell));
		paint(cli, stdout, what, "%s", cell);
		if (i + 1 < count)
			printf("%*s", CELL - (int)strlen(cell), "");
	}
	putchar('\n');
}

/* As many exporters as fit beside each other, and every importer. */
static const struct device *print_block(const struct cli *cli,
					const struct survey *survey,
					const struct device *after, size_t from)
{
	const struct device *columns[CELLS], *exporter = after;
	const struct device *importer = NULL;
	size_t count = 0;

	while (count < CELLS &&
	       (exporter = topo_next(&survey->devices, exporter,
				     device_can_export)))
		columns[count++] = exporter;
	if (!count)
		return NULL;
	for (size_t i = 0; i < count; i++)
		printf("  to %-3zu %s\n", from + i + 1, columns[i]->address);
	printf("  %-*s", ROW_HEAD - 2, "from");
	for (size_t i = 0; i < count; i++)
		printf("%-*zu", i + 1 < count ? CELL : 0, from + i + 1);
	putchar('\n');
	while ((importer = topo_next(&survey->devices, importer,
				     device_can_import)))
		print_row(cli, survey, importer, columns, count);
	return columns[count - 1];
}

static void print_matrix(const struct cli *cli, const struct survey *survey)
{
	const struct device *after = NULL;
	size_t from = 0;

	print_heading(cli, "routes");
	if (!topo_next(&survey->devices, NULL, device_can_import) ||
	    !topo_next(&survey->devices, NULL, device_can_export)) {
		puts("  There is no importer (a device with a driver), or no "
		     "exporter.");
		return;
	}
	while ((after = print_block(cli, survey, after, from)))
		from += CELLS;
	puts("  sw: straight through a switch; hb: by the host bridge; the "
	     "number: bridges\n"
	     "  apart; none: no route, 'p2pmap-cli check FROM TO' says why; "
	     "?: run as root");
}

void topo_text(const struct cli *cli, const struct survey *survey)
{
	print_tree(cli, survey);
	print_matrix(cli, survey);
}
