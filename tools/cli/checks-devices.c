// SPDX-License-Identifier: GPL-2.0-only
/*
 * Checks of the PCI devices: who could import and export, and whether there are
 * routes between them.
 */
#include "checks.h"

#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "verdict.h"

static const struct device *next(const struct survey *survey,
				 const struct device *device,
				 bool (*is)(const struct device *device))
{
	const struct devices *devices = &survey->devices;

	device = device ? device + 1 : devices->list;
	for (; device && device < devices->list + devices->count; device++)
		if (is(device))
			return device;
	return NULL;
}

/* How many there are, and the first of them. */
static size_t count(const struct survey *survey,
		    bool (*is)(const struct device *device),
		    const struct device **first)
{
	const struct device *device = NULL;
	size_t n = 0;

	*first = NULL;
	while ((device = next(survey, device, is))) {
		if (!n++)
			*first = device;
	}
	return n;
}

void check_pci(const struct survey *survey, struct check *check)
{
	if (survey->devices_error) {
		check_say(check, CHECK_FAIL,
			  "The PCI devices cannot be listed: %s.",
			  strerror(-survey->devices_error));
		check_fix(check, "mount -t sysfs sysfs /sys");
	} else {
		check_say(check, CHECK_OK, "There are %zu PCI functions.",
			  survey->devices.count);
	}
}

static bool is_without_driver(const struct device *device)
{
	return !device->bridge && !device->driver[0];
}

void check_importers(const struct survey *survey, struct check *check)
{
	const struct device *first;
	size_t n = count(survey, device_can_import, &first);

	if (n) {
		check_say(check, CHECK_OK,
			  "%zu device(s) could be importers, such as %s (%s).",
			  n, first->address, first->driver);
		return;
	}
	count(survey, is_without_driver, &first);
	check_say(check, CHECK_FAIL,
		  "No PCI device could be an importer: none has a driver that "
		  "leaves DMA to the kernel.");
	check_fix(check,
		  "modprobe uio_pci_generic; echo uio_pci_generic "
		  ">/sys/bus/pci/devices/%s/driver_override; echo %s "
		  ">/sys/bus/pci/drivers_probe",
		  first ? first->address : "ADDR",
		  first ? first->address : "ADDR");
}

void check_foreign_owners(const struct survey *survey, struct check *check)
{
	const struct device *first;
	size_t n = count(survey, device_has_foreign_owner, &first);

	if (!n) {
		check_say(check, CHECK_OK,
			  "No device's DMA is managed by VFIO and the like.");
		return;
	}
	check_say(check, CHECK_WARN,
		  "%zu device(s) cannot be importers, as their driver manages "
		  "DMA itself, such as %s (%s).",
		  n, first->address, first->driver);
	check_fix(check,
		  "echo %s >/sys/bus/pci/devices/%s/driver/unbind; then bind "
		  "its own driver or uio_pci_generic",
		  first->address, first->address);
}

static bool is_narrow(const struct device *device)
{
	return !strcmp(device->driver, "uio_pci_generic") && device->dma_bits &&
	       device->dma_bits <= 32;
}

void check_dma_width(const struct survey *survey, struct check *check)
{
	const struct device *first;
	size_t n = count(survey, is_narrow, &first);

	if (!n) {
		check_say(check, CHECK_OK,
			  "No importer is left with a DMA mask of 32 bits by "
			  "uio_pci_generic.");
		return;
	}
	check_say(check, CHECK_WARN,
		  "%zu importer(s) reach 32 bits only, as uio_pci_generic sets "
		  "no DMA mask, such as %s.",
		  n, first->address);
	check_fix(check, "if the device is wider: --dma-bits 64, or dma_bits "
			 "of p2pmap_importer_attach()");
}

void check_exporters(const struct survey *survey, struct check *check)
{
	const struct device *first;
	size_t n = count(survey, device_can_export, &first);

	if (n)
		check_say(check, CHECK_OK,
			  "%zu device(s) could export memory, such as %s.", n,
			  first->address);
	else
		check_say(check, CHECK_WARN,
			  "No PCI device has a memory BAR of a page or more: "
			  "only RAM can be mapped.");
}

static bool has_unassigned(const struct device *device)
{
	for (unsigned int i = 0; i < device->nr_bars; i++)
		if (!device->bars[i].assigned)
			return true;
	return false;
}

void check_unassigned(const struct survey *survey, struct check *check)
{
	const struct device *first;
	size_t n = count(survey, has_unassigned, &first);

	if (!n) {
		check_say(check, CHECK_OK, "Every memory BAR has an address.");
		return;
	}
	check_say(check, CHECK_WARN,
		  "%zu device(s) have memory BARs without an address, such as "
		  "%s.",
		  n, first->address);
	check_fix(check, "firmware's setup: \"Above 4G Decoding\" on; kernel "
			 "command line: pci=realloc");
}

static bool has_only_small(const struct device *device)
{
	return !device->bridge && device->nr_bars && !has_unassigned(device) &&
	       !device_can_export(device);
}

void check_small(const struct survey *survey, struct check *check)
{
	const struct device *first;
	size_t n = count(survey, has_only_small, &first);

	if (n)
		check_say(check, CHECK_OK,
			  "%zu device(s) cannot export, as their memory BARs "
			  "are smaller than a page, such as %s.",
			  n, first->address);
	else
		check_say(check, CHECK_OK,
			  "No device has only BARs smaller than a page.");
}

static bool is_memory_off(const struct device *device)
{
	return device_can_export(device) && !device->memory;
}

void check_memory(const struct survey *survey, struct check *check)
{
	const struct device *first;
	size_t n = count(survey, is_memory_off, &first);

	if (!n) {
		check_say(check, CHECK_OK,
			  "Every exporter answers at its "
			  "BARs.");
		return;
	}
	check_say(check, CHECK_WARN,
		  "%zu device(s) do not answer at their BARs, as no driver "
		  "enabled them, such as %s.",
		  n, first->address);
	check_fix(check, "echo 1 >/sys/bus/pci/devices/%s/enable",
		  first->address);
}

/* Routes */

/*
 * All pairs of an importer and another device that exports.
 *
 * by_bridge, by_acs: those that have no route because of that; detours: those
 * that redirects send by the host bridge; bridge, acs: one of each.
 */
struct pairs {
	size_t total;
	size_t works;
	size_t unknown;
	size_t by_bridge;
	size_t by_acs;
	size_t detours;
	struct p2pmap_reason bridge;
	const struct device *acs;
};

static void count_pair(struct pairs *pairs, const struct route *route)
{
	pairs->total++;
	pairs->works += route->verdict == ROUTE_EXISTS;
	pairs->unknown += route->verdict == ROUTE_UNKNOWN;
	if (route->redirector)
		pairs->acs = route->redirector;
	pairs->detours += route->verdict == ROUTE_EXISTS && route->redirector;
	if (route->verdict != ROUTE_BLOCKED)
		return;
	if (route->reason.code == P2PMAP_REASON_NO_ROUTE_ACS) {
		pairs->by_acs++;
	} else {
		pairs->by_bridge++;
		pairs->bridge = route->reason;
	}
}

static struct pairs count_pairs(const struct survey *survey)
{
	const struct device *importer = NULL, *exporter;
	struct pairs pairs = { 0 };
	struct route route;

	while ((importer = next(survey, importer, device_can_import))) {
		exporter = NULL;
		while ((exporter = next(survey, exporter, device_can_export))) {
			if (importer == exporter)
				continue;
			route_find(&survey->devices, &survey->policy, importer,
				   exporter, device_translated(importer),
				   &route);
			count_pair(&pairs, &route);
		}
	}
	return pairs;
}

void check_host_bridges(const struct survey *survey, struct check *check)
{
	struct pairs pairs = count_pairs(survey);
	uint32_t ids = pairs.bridge.detail;

	if (!pairs.by_bridge) {
		check_say(check, CHECK_OK,
			  survey->policy.cpu_routes ?
				  "This processor routes between peers." :
				  "No pair of devices is stopped at a host "
				  "bridge that is not listed.");
		return;
	}
	check_say(check, pairs.works ? CHECK_WARN : CHECK_FAIL,
		  "%zu pair(s) have no route: the host bridge %04x:%04x is not "
		  "known to send peer-to-peer traffic down again.",
		  pairs.by_bridge, ids >> 16, ids & 0xffff);
	if (!ids) {
		check_fix(check, "put importer and exporter below one host "
				 "bridge, or one switch: no device stands for "
				 "this one");
		return;
	}
	check_fix(check,
		  "if you know that it does (a wrong one corrupts data): echo "
		  "options p2pmap host_bridges=%04x:%04x "
		  ">>/etc/modprobe.d/p2pmap.conf; modprobe -r p2pmap; modprobe "
		  "p2pmap",
		  ids >> 16, ids & 0xffff);
}

void check_acs(const struct survey *survey, struct check *check)
{
	struct pairs pairs = count_pairs(survey);

	if (pairs.acs) {
		check_say(check,
			  pairs.by_acs && !pairs.works ? CHECK_FAIL :
							 CHECK_WARN,
			  "Bridges redirect peer-to-peer traffic (ACS), such "
			  "as %s: %zu pair(s) have no route, %zu a longer one.",
			  pairs.acs->address, pairs.by_acs, pairs.detours);
		check_fix(check,
			  "kernel command line: pci=disable_acs_redir=%s",
			  pairs.acs->address);
	} else if (pairs.unknown) {
		check_say(check, CHECK_SKIP, "ACS can be read by root only.");
		check_fix(check, "run as root");
	} else {
		check_say(check, CHECK_OK,
			  "No redirect (ACS) is in the way of any pair.");
	}
}

void check_routes(const struct survey *survey, struct check *check)
{
	struct pairs pairs = count_pairs(survey);

	if (!pairs.total) {
		check_say(check, CHECK_SKIP,
			  "There is no importer with another exporter.");
		return;
	}
	check_say(check,
		  pairs.works == pairs.total ? CHECK_OK :
		  pairs.works		     ? CHECK_WARN :
		  pairs.unknown		     ? CHECK_SKIP :
					       CHECK_FAIL,
		  "Of %zu pairs of importer and exporter %zu have a route, %zu "
		  "have none, %zu are unknown.",
		  pairs.total, pairs.works,
		  pairs.total - pairs.works - pairs.unknown, pairs.unknown);
	if (check->status != CHECK_OK)
		check_fix(check, "p2pmap-cli topo; p2pmap-cli check IMPORTER "
				 "EXPORTER");
}

void check_privilege(const struct survey *survey, struct check *check)
{
	const struct device *device = NULL, *first = NULL;
	size_t total = 0, may = 0;
	struct attach_trial trial;
	struct passwd *user;

	if (!survey->context) {
		check_say(check, CHECK_SKIP, "No module to ask.");
		return;
	}
	while ((device = next(survey, device, device_can_import))) {
		survey_try_attach(survey, device, &trial);
		may += !trial.error;
		total++;
		if (trial.reason.code == P2PMAP_REASON_NOT_ALLOWED && !first)
			first = device;
	}
	check_say(check,
		  may	? CHECK_OK :
		  total ? CHECK_FAIL :
			  CHECK_SKIP,
		  "You may attach %zu of %zu importers.", may, total);
	if (may || !first)
		return;
	user = getpwuid(getuid());
	check_fix(check, "as root: p2pmap-cli allow add %s --user %s",
		  first->address, user ? user->pw_name : "$USER");
}
