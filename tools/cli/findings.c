// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is missing on this machine, and what to do about it.
 *
 * Each check looks at one thing of the survey and adds at most one finding.
 * They stand in the order in which a person would mend things.
 */
#include "findings.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Below this, pinning a buffer worth the trouble fails. */
#define SMALL_MEMLOCK (64ULL << 20)

static void __attribute__((format(printf, 5, 6)))
add(struct findings *findings, enum severity severity, const char *id,
    const char *remedy, const char *fmt, ...)
{
	struct finding *finding = &findings->list[findings->count];
	va_list args;

	if (findings->count == MAX_FINDINGS)
		return;
	findings->count++;
	finding->severity = severity;
	finding->id = id;
	finding->remedy = remedy;
	va_start(args, fmt);
	vsnprintf(finding->text, sizeof(finding->text), fmt, args);
	va_end(args);
}

static void check_module(const struct survey *survey, struct findings *out)
{
	if (survey->system.module.loaded)
		return;
	add(out, SEVERITY_ERROR, "module-not-loaded",
	    "Load it with 'modprobe p2pmap' as root. If there is no such "
	    "module for this kernel, build it with 'make -C kmod' in p2pmap's "
	    "source and load it with 'insmod kmod/p2pmap.ko'.",
	    "The kernel module p2pmap is not loaded (kernel %s).",
	    survey->system.kernel);
}

static void check_node(const struct survey *survey, struct findings *out)
{
	int error = survey->system.node_error;

	if (!survey->system.module.loaded || !error)
		return;
	if (error == ENOENT)
		add(out, SEVERITY_ERROR, "no-device-node",
		    "Let udev or devtmpfs make it; in a container, pass it in.",
		    "The module is loaded, but there is no %s.",
		    SYSTEM_DEVICE_NODE);
	else
		add(out, SEVERITY_ERROR, "device-node-not-accessible",
		    "Run as root, or have the administrator give you the "
		    "node by its group or a udev rule.",
		    "%s cannot be opened: %s.", SYSTEM_DEVICE_NODE,
		    strerror(error));
}

static void check_abi(const struct survey *survey, struct findings *out)
{
	if (survey->open_error && !survey->system.node_error)
		add(out, SEVERITY_ERROR, "context-not-opened",
		    "Install a module and a library of the same version.",
		    "The module did not answer the library: %s.",
		    strerror(-survey->open_error));
	else if (survey->context &&
		 survey->info.out_abi_version < P2PMAP_ABI_VERSION)
		add(out, SEVERITY_WARNING, "module-older",
		    "Install a module of the library's version.",
		    "The module speaks ABI %u, this program ABI %u.",
		    survey->info.out_abi_version, P2PMAP_ABI_VERSION);
}

/* 1 or 0; -1 if neither the module nor its parameters tell. */
static int unenforced_allowed(const struct survey *survey)
{
	const char *value;

	if (survey->context)
		return !!(survey->info.out_flags & P2PMAP_INFO_UNENFORCED);
	value = system_parameter(&survey->system, "unenforced");
	return value ? value[0] == 'Y' || value[0] == '1' : -1;
}

static bool any_translated(const struct survey *survey)
{
	return survey->system.iommu.strict || survey->system.iommu.lazy;
}

static void check_iommu(const struct survey *survey, struct findings *out)
{
	const struct iommu *iommu = &survey->system.iommu;
	bool allowed = unenforced_allowed(survey) == 1;
	const char *remedy;

	if (any_translated(survey))
		return;
	if (iommu->kind != IOMMU_NONE)
		remedy = "Boot with iommu.passthrough=0 and without iommu=pt.";
	else if (iommu->in_firmware)
		remedy = "Boot with intel_iommu=on (Intel) or without "
			 "amd_iommu=off (AMD).";
	else
		remedy = "Turn on VT-d or AMD-Vi in the firmware's setup.";
	add(out, allowed ? SEVERITY_WARNING : SEVERITY_ERROR, "no-translation",
	    remedy,
	    "No device's DMA is translated by an IOMMU, so a device cannot be "
	    "cut off from memory. %s",
	    allowed ? "Mapping is allowed all the same (unenforced=1)." :
		      "The module's parameter unenforced=1 would allow mapping "
		      "all the same.");
}

static void check_iommu_driver(const struct survey *survey,
			       struct findings *out)
{
	if (survey->system.iommu.kind != IOMMU_OTHER || !any_translated(survey))
		return;
	add(out, SEVERITY_WARNING, "iommu-driver",
	    "Use PIN for RAM. Enforcement is claimed for VT-d and AMD-Vi, "
	    "where it was shown to work.",
	    "p2pmap does not claim enforcement with this IOMMU (%s).",
	    survey->system.iommu.name);
}

static void check_lockdown(const struct survey *survey, struct findings *out)
{
	const char *lockdown = survey->system.lockdown;

	if (!lockdown[0] || !strcmp(lockdown, "none"))
		return;
	add(out, SEVERITY_WARNING, "lockdown",
	    "Sign the module with a key that this machine trusts. BARs must "
	    "come from a driver (vfio, uio, a GPU's); mapping without "
	    "enforcement is impossible. Or turn secure boot off.",
	    "The kernel is locked down (%s): it loads signed modules only, and "
	    "nobody can mmap a BAR through sysfs.",
	    lockdown);
}

static size_t count_devices(const struct survey *survey,
			    bool (*is)(const struct device *device))
{
	size_t count = 0;

	for (size_t i = 0; i < survey->devices.count; i++)
		count += is(&survey->devices.list[i]);
	return count;
}

static void check_devices(const struct survey *survey, struct findings *out)
{
	if (survey->devices_error) {
		add(out, SEVERITY_ERROR, "no-pci", NULL,
		    "The PCI devices of this system cannot be listed: %s.",
		    strerror(-survey->devices_error));
		return;
	}
	if (!count_devices(survey, device_can_import))
		add(out, SEVERITY_WARNING, "no-importer",
		    "Bind a driver to the device that is to do DMA: its own, "
		    "or uio_pci_generic for a userspace driver.",
		    "No PCI device with a driver could be an importer.");
	if (!count_devices(survey, device_can_export))
		add(out, SEVERITY_NOTE, "no-exporter", NULL,
		    "No PCI device has a memory BAR of a page or more: only "
		    "RAM can be mapped.");
}

static void check_foreign_owners(const struct survey *survey,
				 struct findings *out)
{
	size_t count = count_devices(survey, device_has_foreign_owner);

	if (!count)
		return;
	add(out, SEVERITY_NOTE, "foreign-owner",
	    "To use one as an importer, bind its own driver or "
	    "uio_pci_generic.",
	    "%zu PCI device(s) have a driver that manages DMA itself (VFIO "
	    "and the like) and cannot be importers.",
	    count);
}

static void check_quarantine(const struct survey *survey, struct findings *out)
{
	if (!survey->context || !survey->info.out_quarantined_pages)
		return;
	add(out, SEVERITY_WARNING, "quarantine",
	    "Unbind the driver of the importer they were mapped for, or "
	    "have the administrator release them once the device is idle.",
	    "%" PRIu64 " pages are in quarantine: their process is gone, and "
	    "a device that nothing can stop may still be writing to them.",
	    (uint64_t)survey->info.out_quarantined_pages);
}

static void check_privilege(const struct survey *survey, struct findings *out)
{
	if (!survey->context ||
	    survey->info.out_flags & P2PMAP_INFO_MAY_ATTACH_ANY)
		return;
	add(out, SEVERITY_NOTE, "privilege",
	    "Run as root, have the administrator name the device in the "
	    "module's parameter 'allow', or get a descriptor with an importer "
	    "attached from a privileged process.",
	    "Without CAP_SYS_RAWIO you can attach allowed importers only.");
}

static void check_memlock(const struct survey *survey, struct findings *out)
{
	uint64_t limit = survey->system.memlock;

	if (limit >= SMALL_MEMLOCK)
		return;
	add(out, SEVERITY_NOTE, "memlock",
	    "Raise it with 'ulimit -l', in /etc/security/limits.conf, or by "
	    "LimitMEMLOCK= of a systemd unit.",
	    "RLIMIT_MEMLOCK is %" PRIu64 " KiB: no more RAM than that can "
	    "be pinned.",
	    limit / 1024);
}

void findings_make(const struct survey *survey, struct findings *out)
{
	out->count = 0;
	check_module(survey, out);
	check_node(survey, out);
	check_abi(survey, out);
	check_iommu(survey, out);
	check_iommu_driver(survey, out);
	check_lockdown(survey, out);
	check_devices(survey, out);
	check_foreign_owners(survey, out);
	check_quarantine(survey, out);
	check_privilege(survey, out);
	check_memlock(survey, out);
}

enum severity findings_worst(const struct findings *findings)
{
	enum severity worst = SEVERITY_NOTE;

	for (unsigned int i = 0; i < findings->count; i++)
		if (findings->list[i].severity < worst)
			worst = findings->list[i].severity;
	return worst;
}

const char *severity_name(enum severity severity)
{
	static const char *const names[] = {
		[SEVERITY_ERROR] = "error",
		[SEVERITY_WARNING] = "warning",
		[SEVERITY_NOTE] = "note",
	};

	return names[severity];
}
