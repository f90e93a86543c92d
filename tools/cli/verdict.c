// SPDX-License-Identifier: GPL-2.0-only
/*
 * The verdict on one importer and one exporter.  Each function looks at one
 * thing and adds at most one obstacle; the names of those that the library
 * knows as reasons are the library's.
 */
#include "verdict.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct obstacle *add(struct verdict *verdict, const char *code,
			    enum obstacle_weight weight,
			    const struct device *device)
{
	struct obstacle *obstacle = &verdict->obstacles[verdict->nr_obstacles];

	/* There are fewer kinds than room; the last one would be replaced. */
	if (verdict->nr_obstacles < MAX_OBSTACLES - 1)
		verdict->nr_obstacles++;
	*obstacle = (struct obstacle){ .code = code, .weight = weight };
	if (device)
		memcpy(obstacle->address, device->address,
		       sizeof(obstacle->address));
	return obstacle;
}

static void __attribute__((format(printf, 2, 3)))
say(struct obstacle *obstacle, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(obstacle->text, sizeof(obstacle->text), fmt, args);
	va_end(args);
}

static void __attribute__((format(printf, 3, 4)))
advise(struct obstacle *obstacle, const char *kind, const char *fmt, ...)
{
	struct remedy *remedy = &obstacle->remedies[obstacle->nr_remedies];
	va_list args;

	if (obstacle->nr_remedies == MAX_REMEDIES)
		return;
	obstacle->nr_remedies++;
	remedy->kind = kind;
	va_start(args, fmt);
	vsnprintf(remedy->text, sizeof(remedy->text), fmt, args);
	va_end(args);
}

/* An obstacle that is a reason of the library's. */
static struct obstacle *add_reason(struct verdict *verdict,
				   const struct p2pmap_reason *reason,
				   const struct device *device)
{
	struct obstacle *obstacle = add(verdict,
					p2pmap_reason_name(reason->code),
					OBSTACLE_BLOCKS, device);

	if (!obstacle->code)
		obstacle->code = "unknown-reason";
	p2pmap_reason_text(reason, obstacle->text, sizeof(obstacle->text));
	return obstacle;
}

static struct p2pmap_reason reason_of(uint32_t code,
				      const struct device *device)
{
	return (struct p2pmap_reason){
		.size = sizeof(struct p2pmap_reason),
		.code = code,
		.pci = { .domain = device->domain,
			 .bus = device->bus,
			 .devfn = device->devfn },
	};
}

/* The importer */

static void advise_driver(struct obstacle *obstacle,
			  const struct device *device)
{
	advise(obstacle, "command",
	       "modprobe uio_pci_generic; cd /sys/bus/pci; %s"
	       "echo uio_pci_generic >devices/%s/driver_override; "
	       "echo %s >drivers_probe",
	       device->driver[0] ? "unbind its driver first; " : "",
	       device->address, device->address);
	advise(obstacle, "driver", "bind the device's own driver");
}

static void advise_reason(struct obstacle *obstacle, uint32_t code,
			  const struct device *device)
{
	switch (code) {
	case P2PMAP_REASON_NO_DRIVER:
	case P2PMAP_REASON_FOREIGN_OWNER:
		advise_driver(obstacle, device);
		break;
	case P2PMAP_REASON_NOT_ALLOWED:
		advise(obstacle, "command",
		       "as root: p2pmap-cli allow add %s --user $USER",
		       device->address);
		break;
	default:
		break;
	}
}

/* What the kernel would say, where there is no module to ask. */
static uint32_t guess_attach(const struct device *importer)
{
	if (importer->header)
		return P2PMAP_REASON_BRIDGE;
	if (!importer->driver[0])
		return P2PMAP_REASON_NO_DRIVER;
	if (device_has_foreign_owner(importer) ||
	    importer->dma == DEVICE_DMA_BLOCKED)
		return P2PMAP_REASON_FOREIGN_OWNER;
	return P2PMAP_REASON_NONE;
}

static void judge_importer(struct verdict *verdict)
{
	const struct attach_trial *attach = &verdict->attach;
	struct p2pmap_reason reason;

	if (!attach->tried)
		reason = reason_of(guess_attach(verdict->importer),
				   verdict->importer);
	else if (attach->error)
		reason = attach->reason;
	else
		return;
	if (reason.code != P2PMAP_REASON_NONE)
		advise_reason(add_reason(verdict, &reason, verdict->importer),
			      reason.code, verdict->importer);
	else if (attach->tried)
		say(add(verdict, "attach-failed", OBSTACLE_BLOCKS,
			verdict->importer),
		    "The kernel does not attach %s: %s.",
		    verdict->importer->address, strerror(-attach->error));
}

/* uio_pci_generic sets no DMA mask; who knows the device's width says it. */
static void judge_width(struct verdict *verdict)
{
	const struct device *importer = verdict->importer;
	struct obstacle *obstacle;

	if (strcmp(importer->driver, "uio_pci_generic") ||
	    importer->dma_bits > 32)
		return;
	obstacle = add(verdict, "narrow-dma-mask", OBSTACLE_NOTE, importer);
	say(obstacle,
	    "uio_pci_generic leaves %s a DMA mask of 32 bits; memory beyond "
	    "it is refused with dma-mask.",
	    importer->address);
	advise(obstacle, "command",
	       "if the device is wider, say so: --dma-bits 64, or dma_bits of "
	       "p2pmap_importer_attach()");
}

/* The exporter */

static struct obstacle *judge_bars(struct verdict *verdict)
{
	const struct device *exporter = verdict->exporter;
	struct obstacle *obstacle;
	bool unassigned = false;

	for (unsigned int i = 0; i < exporter->nr_bars; i++)
		unassigned |= !exporter->bars[i].assigned;
	if (unassigned) {
		obstacle = add(verdict, "bar-unassigned", OBSTACLE_BLOCKS,
			       exporter);
		say(obstacle, "A BAR of %s has no address.", exporter->address);
		advise(obstacle, "firmware",
		       "turn \"Above 4G Decoding\" and \"Resizable BAR\" on");
		advise(obstacle, "kernel-parameter", "pci=realloc");
		return obstacle;
	}
	obstacle = add(verdict,
		       exporter->nr_bars ? "bar-too-small" : "no-memory-bar",
		       OBSTACLE_BLOCKS, exporter);
	say(obstacle,
	    exporter->nr_bars ? "%s has no memory BAR of a whole page." :
				"%s has no memory BAR at all.",
	    exporter->address);
	advise(obstacle, "slot", "name a device that has memory to export");
	return obstacle;
}

static void judge_exporter(struct verdict *verdict)
{
	const struct device *exporter = verdict->exporter;
	struct p2pmap_reason reason;
	struct obstacle *obstacle;

	if (exporter->header) {
		reason = reason_of(P2PMAP_REASON_BRIDGE, exporter);
		add_reason(verdict, &reason, exporter);
		return;
	}
	if (!device_can_export(exporter)) {
		judge_bars(verdict);
		return;
	}
	if (exporter->memory)
		return;
	obstacle = add(verdict, "memory-off", OBSTACLE_BLOCKS, exporter);
	say(obstacle, "%s does not answer at its BARs: nothing enabled it.",
	    exporter->address);
	advise(obstacle, "command", "echo 1 >/sys/bus/pci/devices/%s/enable",
	       exporter->address);
	advise(obstacle, "driver", "bind a driver to it");
}

/* Enforcement */

static void advise_translation(struct obstacle *obstacle,
			       const struct system *system)
{
	if (system->iommu.kind == IOMMU_NONE && !system->iommu.in_firmware) {
		advise(obstacle, "firmware",
		       "turn VT-d, AMD-Vi or \"IOMMU\" on");
		return;
	}
	advise(obstacle, "kernel-parameter",
	       "intel_iommu=on iommu.passthrough=0, without iommu=pt");
}

static void judge_enforcement(struct verdict *verdict,
			      const struct survey *survey)
{
	enum tristate allowed = survey_unenforced(survey);
	struct p2pmap_reason reason =
		reason_of(P2PMAP_REASON_UNENFORCED, verdict->importer);
	struct obstacle *obstacle;

	if (verdict->route.translated)
		return;
	if (allowed != YES) {
		obstacle = add_reason(verdict, &reason, verdict->importer);
		if (allowed == UNKNOWN)
			obstacle->weight = OBSTACLE_UNKNOWN;
		advise_translation(obstacle, &survey->system);
		advise(obstacle, "module-option", "unenforced=1");
		return;
	}
	if (system_may_rawio(&survey->system) &&
	    !system_locked_down(&survey->system))
		return;
	reason.code = P2PMAP_REASON_UNENFORCED_PRIVILEGE;
	obstacle = add_reason(verdict, &reason, verdict->importer);
	advise(obstacle, "command", "run as root (CAP_SYS_RAWIO)");
	advise_translation(obstacle, &survey->system);
}

/* The route */

static void advise_acs(struct obstacle *obstacle, const char *bridge)
{
	advise(obstacle, "kernel-parameter", "pci=disable_acs_redir=%s",
	       bridge);
	advise(obstacle, "firmware",
	       "turn \"ACS\" off, if there is such a setting; it joins IOMMU "
	       "groups");
}

static void advise_host_bridge(struct obstacle *obstacle,
			       const struct p2pmap_reason *reason)
{
	if (reason->code == P2PMAP_REASON_NO_ROUTE_ACS)
		advise(obstacle, "module-option",
		       "host_bridges=..., if the host bridge routes after all");
	else if (reason->detail)
		advise(obstacle, "module-option",
		       "host_bridges=%04x:%04x, only if you know that it "
		       "routes: a wrong one corrupts data",
		       reason->detail >> 16, reason->detail & 0xffff);
	/* Without a device that stands for it there is no name to admit. */
}

static void blocked_route(struct verdict *verdict)
{
	const struct route *route = &verdict->route;
	const struct device *at = route->redirector;
	struct obstacle *obstacle;
	char address[P2PMAP_PCI_TEXT_SIZE];

	obstacle = add_reason(verdict, &route->reason, NULL);
	p2pmap_pci_format(&route->reason.pci, address, sizeof(address));
	snprintf(obstacle->address, sizeof(obstacle->address), "%s", address);
	if (route->reason.code == P2PMAP_REASON_NO_ROUTE_ACS && at) {
		obstacle->acs_offset = at->acs.offset;
		obstacle->acs_bits = route->redirects;
		advise_acs(obstacle, at->address);
	}
	advise_host_bridge(obstacle, &route->reason);
	if (!route->translated)
		advise(obstacle, "slot",
		       "put both devices below one PCIe switch");
	else if (!same_host_bridge(verdict->importer, verdict->exporter))
		advise(obstacle, "slot",
		       "put both devices below one host bridge");
}

/* It works, but not straight through the switch. */
static void detour(struct verdict *verdict)
{
	const struct device *at = verdict->route.redirector;
	struct obstacle *obstacle;
	char bits[ACS_TEXT_LEN];

	obstacle = add(verdict, "acs-redirect", OBSTACLE_NOTE, at);
	obstacle->acs_offset = at->acs.offset;
	obstacle->acs_bits = verdict->route.redirects;
	say(obstacle,
	    "%s redirects (%s): traffic goes up to the host bridge and down "
	    "again.",
	    at->address, acs_bits_text(verdict->route.redirects, bits));
	advise_acs(obstacle, at->address);
}

static void unknown_route(struct verdict *verdict)
{
	const struct route *route = &verdict->route;
	struct obstacle *obstacle;
	bool acs = route->unread && !route->redirector;

	obstacle = add(verdict, acs ? "acs-unknown" : "host-bridge-unknown",
		       route->verdict == ROUTE_UNKNOWN ? OBSTACLE_UNKNOWN :
							 OBSTACLE_NOTE,
		       acs ? route->unread : verdict->importer);
	if (acs)
		say(obstacle,
		    "Whether %s and other bridges on the way redirect (ACS) "
		    "can be read by root only.",
		    route->unread->address);
	else
		say(obstacle, "Which device stands for the host bridge can be "
			      "read by root only.");
	advise(obstacle, "command", "run as root");
}

/* Nobody but the administrator says that it routes. */
static void on_his_word(struct verdict *verdict, const struct survey *survey)
{
	const struct route *route = &verdict->route;

	for (unsigned int i = 0; i < 2; i++) {
		const struct device *root = route->host_root[i];
		struct obstacle *obstacle;

		if (!root || route->host_state[i] != HOST_BRIDGE_ADMITTED ||
		    (i && root == route->host_root[0]))
			continue;
		obstacle = add(verdict, "host-bridge-admitted", OBSTACLE_NOTE,
			       root);
		say(obstacle,
		    "That the host bridge (%04x:%04x) routes is the "
		    "administrator's word (%s); if it is wrong, data gets "
		    "lost.",
		    root->vendor, root->id,
		    survey->policy.source == HOST_POLICY_CONFIG ?
			    "in modprobe's configuration" :
			    "host_bridges=");
		advise(obstacle, "command",
		       "move real data and compare it before you trust it");
	}
}

static void judge_route(struct verdict *verdict, const struct survey *survey)
{
	const struct route *route = &verdict->route;

	if (route->verdict == ROUTE_BLOCKED) {
		blocked_route(verdict);
		return;
	}
	if (route->verdict == ROUTE_UNKNOWN || route->type_unknown)
		unknown_route(verdict);
	else if (route->redirector)
		detour(verdict);
	on_his_word(verdict, survey);
}

/* The kernel */

bool route_agrees(const struct route *route, const struct route_answer *kernel)
{
	if (!kernel->error && route->translated != kernel->translated)
		return false;
	if (route->verdict == ROUTE_UNKNOWN)
		return true;
	if (kernel->error)
		return route->verdict == ROUTE_BLOCKED &&
		       route->reason.code == kernel->reason.code &&
		       !memcmp(&route->reason.pci, &kernel->reason.pci,
			       sizeof(kernel->reason.pci)) &&
		       route->reason.detail == kernel->reason.detail;
	return route->verdict == ROUTE_EXISTS &&
	       (route->type_unknown || route->type == kernel->type) &&
	       route->distance == kernel->distance;
}

static void answer_text(const struct route_answer *kernel, char *buf,
			size_t size)
{
	if (kernel->error)
		snprintf(buf, size, "none (%s)",
			 p2pmap_reason_name(kernel->reason.code));
	else
		snprintf(buf, size, "%s, %u apart",
			 p2pmap_route_name(kernel->type), kernel->distance);
}

static void compare_with_kernel(struct verdict *verdict)
{
	const struct route *route = &verdict->route;
	struct obstacle *obstacle;
	char theirs[64], ours[64];

	verdict->disagrees = !route_agrees(route, &verdict->kernel);
	if (!verdict->disagrees)
		return;
	answer_text(&verdict->kernel, theirs, sizeof(theirs));
	answer_text(
		&(struct route_answer){
			.error = route->verdict == ROUTE_EXISTS ? 0 : -1,
			.type = route->type,
			.distance = route->distance,
			.reason = route->reason },
		ours, sizeof(ours));
	obstacle = add(verdict, "kernel-disagrees", OBSTACLE_BLOCKS, NULL);
	say(obstacle,
	    "This is a bug in p2pmap. The kernel's route: %s. The one that "
	    "was computed here: %s.",
	    theirs, ours);
	advise(obstacle, "command",
	       "report it with the output of 'p2pmap-cli topo --json' and "
	       "'lspci -xxxx'");
}

void route_take(struct route *route, const struct route_answer *kernel)
{
	if (route->verdict != ROUTE_UNKNOWN && !route->type_unknown)
		return;
	route->type_unknown = false;
	route->verdict = kernel->error ? ROUTE_BLOCKED : ROUTE_EXISTS;
	route->type = kernel->error ? P2PMAP_ROUTE_NONE : kernel->type;
	route->reason = kernel->reason;
}

/* Without the module's word on this caller the verdict is the machine's. */
static void judge_module(struct verdict *verdict, const struct survey *survey)
{
	struct obstacle *obstacle;

	if (survey->context)
		return;
	if (!survey->system.module.loaded) {
		obstacle =
			add(verdict, "module-not-loaded", OBSTACLE_NOTE, NULL);
		say(obstacle, "The module is not loaded: nobody confirms this "
			      "verdict.");
		advise(obstacle, "command", "modprobe p2pmap");
		return;
	}
	obstacle = add(verdict, "node-not-accessible", OBSTACLE_NOTE, NULL);
	say(obstacle,
	    "This process cannot use " SYSTEM_DEVICE_NODE " (%s): whether it "
	    "may attach the importer is not known.",
	    strerror(-survey->open_error));
	advise(obstacle, "command", "run as root, or 'p2pmap-cli doctor'");
}

static enum verdict_result sum_up(const struct verdict *verdict)
{
	enum verdict_result result = VERDICT_WORKS;

	for (unsigned int i = 0; i < verdict->nr_obstacles; i++) {
		if (verdict->obstacles[i].weight == OBSTACLE_BLOCKS)
			return VERDICT_BLOCKED;
		if (verdict->obstacles[i].weight == OBSTACLE_UNKNOWN)
			result = VERDICT_UNKNOWN;
	}
	return result;
}

bool verdict_translated(const struct attach_trial *attach,
			const struct device *importer)
{
	if (attach->tried && !attach->error)
		return attach->translated;
	return device_translated(importer);
}

void verdict_make(const struct survey *survey, const struct device *importer,
		  const struct device *exporter, struct verdict *out)
{
	*out = (struct verdict){ .importer = importer, .exporter = exporter };
	survey_try_attach(survey, importer, &out->attach);
	survey_ask_route(survey, importer, exporter, &out->kernel);
	route_find(&survey->devices, &survey->policy, importer, exporter,
		   verdict_translated(&out->attach, importer), &out->route);
	judge_importer(out);
	judge_exporter(out);
	judge_enforcement(out, survey);
	if (out->kernel.asked) {
		compare_with_kernel(out);
		if (!out->disagrees)
			route_take(&out->route, &out->kernel);
	}
	judge_route(out, survey);
	judge_width(out);
	judge_module(out, survey);
	out->result = sum_up(out);
}

const char *verdict_name(enum verdict_result result)
{
	static const char *const names[] = {
		[VERDICT_WORKS] = "works",
		[VERDICT_BLOCKED] = "blocked",
		[VERDICT_UNKNOWN] = "unknown",
	};

	return names[result];
}

const char *obstacle_weight_name(enum obstacle_weight weight)
{
	static const char *const names[] = {
		[OBSTACLE_BLOCKS] = "blocks",
		[OBSTACLE_UNKNOWN] = "unknown",
		[OBSTACLE_NOTE] = "note",
	};

	return names[weight];
}
