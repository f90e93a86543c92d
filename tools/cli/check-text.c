// SPDX-License-Identifier: GPL-2.0-only
/*
 * The verdict on a pair, for people.
 */
#include <string.h>

#include "check.h"
#include "print.h"

const char *check_basis(const struct verdict *verdict)
{
	return verdict->kernel.asked ? "kernel" : "computed";
}

static const char *route_words(const struct route *route)
{
	if (route->verdict == ROUTE_BLOCKED)
		return "no route";
	if (route->verdict == ROUTE_UNKNOWN)
		return "unknown route";
	if (route->type_unknown)
		return "through a switch or by the host bridge";
	switch (route->type) {
	case P2PMAP_ROUTE_SAME:
		return "within the device";
	case P2PMAP_ROUTE_SWITCH:
		return "straight through a switch";
	default:
		return "by the host bridge";
	}
}

static void print_verdict(const struct cli *cli, const struct verdict *verdict)
{
	static const enum paint paints[] = {
		[VERDICT_WORKS] = PAINT_GOOD,
		[VERDICT_BLOCKED] = PAINT_BAD,
		[VERDICT_UNKNOWN] = PAINT_WARN,
	};

	paint(cli, stdout, PAINT_HEAD, "%s to %s", verdict->importer->address,
	      verdict->exporter->address);
	printf(": ");
	paint(cli, stdout, paints[verdict->result], "%s",
	      verdict_name(verdict->result));
	printf(", %s\n", route_words(&verdict->route));
}

static void print_device(const char *label, const struct device *device)
{
	char text[256];

	snprintf(text, sizeof(text), "%s, %s%s%s", device->address,
		 device->driver[0] ? "driver " : "no driver", device->driver,
		 "");
	print_field(label, "%s", text);
	print_clipped("  %14s%s", "", device->name);
}

static void print_basis(const struct verdict *verdict,
			const struct survey *survey)
{
	const struct route *route = &verdict->route;

	print_field("DMA", "%s",
		    route->translated ?
			    "translated by an IOMMU: all of it goes up to the "
			    "host bridge" :
			    "direct: no IOMMU translates it");
	print_field("distance", "%u bridges", route->distance);
	if (verdict->kernel.asked)
		print_field("basis", "computed here, and the kernel %s",
			    verdict->disagrees ? "DISAGREES" : "confirms it");
	else if (survey->context)
		print_field("basis", "computed here; the kernel does not say");
	else
		print_field("basis", "computed here, without asking the "
				     "kernel");
}

static void print_hop(const struct cli *cli, const struct verdict *verdict,
		      const struct route_hop *hop)
{
	const struct device *device = hop->device;
	const struct route *route = &verdict->route;
	char bits[ACS_TEXT_LEN];
	const char *arrow = !device ? "*" : hop->descending ? "v" : "^";

	printf("    %s ", arrow);
	if (!device) {
		printf("root complex: %s\n",
		       host_bridge_text(route->host_state[0]));
		return;
	}
	printf("%s  %s", device->address, device_type_text(device));
	if (device->acs.state == ACS_PRESENT) {
		printf(", ");
		paint(cli, stdout,
		      route_redirects(device) && !route->translated ?
			      PAINT_WARN :
			      PAINT_DIM,
		      "ACS %s", acs_bits_text(device->acs.control, bits));
	} else if (device->acs.state == ACS_UNKNOWN && device->header) {
		printf(", ACS unknown");
	}
	putchar('\n');
}

static void print_hops(const struct cli *cli, const struct verdict *verdict)
{
	struct route_hop hops[ROUTE_MAX_HOPS];
	unsigned int n;

	n = route_hops(&verdict->route, verdict->importer, verdict->exporter,
		       hops);
	print_heading(cli, verdict->route.verdict == ROUTE_EXISTS ?
				   "way" :
				   "way that it would take");
	for (unsigned int i = 0; i < n; i++)
		print_hop(cli, verdict, &hops[i]);
}

static void print_obstacle(const struct cli *cli,
			   const struct obstacle *obstacle)
{
	static const enum paint paints[] = {
		[OBSTACLE_BLOCKS] = PAINT_BAD,
		[OBSTACLE_UNKNOWN] = PAINT_WARN,
		[OBSTACLE_NOTE] = PAINT_DIM,
	};
	char bits[ACS_TEXT_LEN];

	printf("  ");
	paint(cli, stdout, paints[obstacle->weight], "%s", obstacle->code);
	printf(" (%s)%s%s\n", obstacle_weight_name(obstacle->weight),
	       obstacle->address[0] ? " " : "", obstacle->address);
	if (obstacle->acs_bits)
		printf("    ACS control register at 0x%x: %s\n",
		       obstacle->acs_offset + 6,
		       acs_bits_text(obstacle->acs_bits, bits));
	print_wrapped(stdout, 4, obstacle->text);
	for (unsigned int i = 0; i < obstacle->nr_remedies; i++) {
		printf("    - %s: ", obstacle->remedies[i].kind);
		print_hanging(stdout,
			      8 + (int)strlen(obstacle->remedies[i].kind),
			      obstacle->remedies[i].text);
	}
}

static void print_step(const struct cli *cli, const char *name,
		       const struct trial_step *step)
{
	static const enum paint paints[] = {
		[TRIAL_NOT_DONE] = PAINT_DIM,
		[TRIAL_PASSED] = PAINT_GOOD,
		[TRIAL_FAILED] = PAINT_BAD,
	};
	char text[P2PMAP_REASON_TEXT_SIZE];

	printf("  %-9s ", name);
	paint(cli, stdout, paints[step->status], "%-8s ",
	      trial_status_name(step->status));
	print_hanging(stdout, 21, step->text);
	if (step->status != TRIAL_FAILED ||
	    step->reason.code == P2PMAP_REASON_NONE)
		return;
	p2pmap_reason_text(&step->reason, text, sizeof(text));
	print_wrapped(stdout, 21, text);
}

static void print_trial(const struct cli *cli, const struct trial *trial)
{
	print_heading(cli, "test");
	print_step(cli, "attach", &trial->attach);
	print_step(cli, "BAR", &trial->bar);
	print_step(cli, "map", &trial->map);
	print_step(cli, "transfer", &trial->transfer);
}

void check_text(const struct cli *cli, const struct survey *survey,
		const struct verdict *verdict, const struct trial *trial)
{
	print_verdict(cli, verdict);
	print_device("importer", verdict->importer);
	print_device("exporter", verdict->exporter);
	print_basis(verdict, survey);
	print_hops(cli, verdict);
	if (verdict->nr_obstacles)
		print_heading(cli, verdict->result == VERDICT_WORKS ?
					   "notes" :
					   "obstacles");
	for (unsigned int i = 0; i < verdict->nr_obstacles; i++)
		print_obstacle(cli, &verdict->obstacles[i]);
	if (trial)
		print_trial(cli, trial);
}
