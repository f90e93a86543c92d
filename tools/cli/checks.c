// SPDX-License-Identifier: GPL-2.0-only
/*
 * Everything that commonly goes wrong: the table of checks, and those about the
 * module, the kernel, the IOMMU and the caller.
 *
 * A check looks at one thing, and says what it saw whether that is good or bad.
 */
#include "checks.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kconfig.h"

/* Below this, pinning a buffer worth the trouble fails. */
#define SMALL_MEMLOCK (64ULL << 20)

#define GROUP "p2pmap"

void check_say(struct check *check, enum check_status status, const char *fmt,
	       ...)
{
	va_list args;

	check->status = status;
	va_start(args, fmt);
	vsnprintf(check->text, sizeof(check->text), fmt, args);
	va_end(args);
}

void check_fix(struct check *check, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(check->fix, sizeof(check->fix), fmt, args);
	va_end(args);
}

/* The module */

/* Is there a p2pmap.ko that modprobe would find? */
static enum tristate is_installed(const char *release)
{
	char path[160], line[1024];
	enum tristate found = NO;
	FILE *file;

	snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep", release);
	file = fopen(path, "re");
	if (!file)
		return UNKNOWN;
	while (found == NO && fgets(line, sizeof(line), file))
		if (strstr(line, "/p2pmap.ko"))
			found = YES;
	fclose(file);
	return found;
}

static void check_module(const struct survey *survey, struct check *check)
{
	const struct module *module = &survey->system.module;

	/* Without sysfs, a node that answers is as good. */
	if (module->loaded || survey->context) {
		check_say(check, CHECK_OK, "p2pmap %s is loaded.",
			  module->version);
		return;
	}
	check_say(check, CHECK_FAIL,
		  "The kernel module p2pmap is not loaded (kernel %s).",
		  survey->system.kernel);
	if (is_installed(survey->system.kernel) == YES)
		check_fix(check, "modprobe p2pmap");
	else
		check_fix(check, "make -C kmod && insmod kmod/p2pmap.ko   (in "
				 "p2pmap's source: there is none for this "
				 "kernel)");
}

static void user_name(char *buf, size_t size)
{
	struct passwd *user = getpwuid(getuid());

	snprintf(buf, size, "%s", user ? user->pw_name : "$USER");
}

static void check_node(const struct survey *survey, struct check *check)
{
	int error = survey->system.node_error;
	char name[64];

	if (!error) {
		check_say(check, CHECK_OK,
			  SYSTEM_DEVICE_NODE " is there and can be opened.");
	} else if (!survey->system.module.loaded) {
		check_say(check, CHECK_SKIP, "No module, no node.");
	} else if (error == ENOENT) {
		check_say(check, CHECK_FAIL,
			  "The module is loaded, but there is no %s.",
			  SYSTEM_DEVICE_NODE);
		check_fix(check, "udevadm trigger /sys/class/misc/p2pmap; in a "
				 "container: --device " SYSTEM_DEVICE_NODE);
	} else {
		check_say(check, CHECK_FAIL, "%s cannot be opened: %s.",
			  SYSTEM_DEVICE_NODE, strerror(error));
		user_name(name, sizeof(name));
		if (getgrnam(GROUP))
			check_fix(check, "usermod -aG " GROUP " %s", name);
		else
			check_fix(check,
				  "groupadd -r " GROUP " && usermod -aG " GROUP
				  " %s && udevadm trigger "
				  "/sys/class/misc/p2pmap   (with the "
				  "udev rule installed)",
				  name);
	}
}

static void check_abi(const struct survey *survey, struct check *check)
{
	unsigned int theirs = survey->info.out_abi_version;

	if (survey->system.node_error) {
		check_say(check, CHECK_SKIP, "The node cannot be opened.");
	} else if (!survey->context) {
		check_say(check, CHECK_FAIL,
			  "The module does not answer the library: %s.",
			  strerror(-survey->open_error));
		check_fix(check, "install module and library of one version");
	} else if (theirs < P2PMAP_ABI_VERSION) {
		check_say(check, CHECK_WARN,
			  "The module speaks ABI %u, the library ABI %u.",
			  theirs, P2PMAP_ABI_VERSION);
		check_fix(check, "install a module of the library's version");
	} else if (survey->system.module.version[0] &&
		   strcmp(survey->system.module.version, p2pmap_version())) {
		check_say(check, CHECK_WARN,
			  "The module is version %s, the library %s.",
			  survey->system.module.version, p2pmap_version());
		check_fix(check, "install module and library of one version");
	} else {
		check_say(check, CHECK_OK, "Module and library are %s, ABI %u.",
			  p2pmap_version(), theirs);
	}
}

/* The kernel */

static void check_config(const struct survey *survey, struct check *check)
{
	struct kconfig_option needed[] = {
		{ "CONFIG_MODULES", 0 },      { "CONFIG_PCI", 0 },
		{ "CONFIG_MMU_NOTIFIER", 0 }, { "CONFIG_HMM_MIRROR", 0 },
		{ "CONFIG_IOMMU_API", 0 },
	};
	const size_t count = sizeof(needed) / sizeof(needed[0]);
	char path[160], missing[160] = "";
	size_t at = 0;

	if (survey->system.module.loaded) {
		check_say(check, CHECK_OK,
			  "The kernel has what the module needs, or it would "
			  "not be loaded.");
		return;
	}
	if (kconfig_read(survey->system.kernel, needed, count, path,
			 sizeof(path))) {
		check_say(check, CHECK_SKIP,
			  "The kernel's configuration is not to be found in "
			  "/proc, /boot or /lib/modules.");
		return;
	}
	for (size_t i = 0; i < count; i++)
		if (needed[i].value == 'n')
			at += snprintf(missing + at, sizeof(missing) - at,
				       " %s", needed[i].name);
	if (!at) {
		check_say(check, CHECK_OK, "%s has all that is needed.", path);
		return;
	}
	check_say(check, CHECK_FAIL, "The kernel was built without%s (%s).",
		  missing, path);
	check_fix(check, "use a kernel that has them, such as Debian's");
}

/* With it, sysfs gives no BAR away that a driver has claimed. */
static void check_strict_devmem(const struct survey *survey,
				struct check *check)
{
	struct kconfig_option option = { "CONFIG_IO_STRICT_DEVMEM", 0 };
	char path[160];

	if (strstr(survey->system.cmdline, "iomem=relaxed"))
		check_say(check, CHECK_OK,
			  "The kernel runs with iomem=relaxed.");
	else if (kconfig_read(survey->system.kernel, &option, 1, path,
			      sizeof(path)))
		check_say(check, CHECK_SKIP,
			  "The kernel's configuration is not to be found.");
	else if (option.value != 'y')
		check_say(check, CHECK_OK,
			  "The kernel lets BARs be mapped through sysfs also "
			  "while a driver has them.");
	else
		check_say(check, CHECK_WARN,
			  "A BAR that a driver has claimed cannot be mapped "
			  "through sysfs (IO_STRICT_DEVMEM), only through that "
			  "driver.");
	if (check->status == CHECK_WARN)
		check_fix(check, "kernel command line: iomem=relaxed; or use "
				 "the driver's own mmap");
}

static void check_lockdown(const struct survey *survey, struct check *check)
{
	if (!survey->system.lockdown[0]) {
		check_say(check, CHECK_SKIP,
			  "Whether the kernel is locked "
			  "down cannot be read.");
	} else if (!system_locked_down(&survey->system)) {
		check_say(check, CHECK_OK, "The kernel is not locked down.");
	} else {
		check_say(check, CHECK_WARN,
			  "The kernel is locked down (%s): it loads signed "
			  "modules only, nobody maps a BAR through sysfs, and "
			  "nothing is mapped without enforcement.",
			  survey->system.lockdown);
		check_fix(check, "sign the module and use the exporter's own "
				 "driver; or boot without lockdown=");
	}
}

static void check_signing(const struct survey *survey, struct check *check)
{
	char enforce[8] = "";

	system_read_line("/sys/module/module/parameters/sig_enforce", enforce,
			 sizeof(enforce));
	if (survey->system.module.loaded) {
		check_say(check, CHECK_OK, "The kernel took the module.");
	} else if (survey->system.secure_boot == YES || enforce[0] == 'Y') {
		check_say(check, CHECK_WARN,
			  "This machine loads only modules that are signed "
			  "with a key it knows (%s).",
			  enforce[0] == 'Y' ? "sig_enforce" : "secure boot");
		check_fix(check, "sign-file sha256 KEY CERT p2pmap.ko; mokutil "
				 "--import CERT");
	} else {
		check_say(check, CHECK_OK, "No signature is asked for.");
	}
}

/* The IOMMU */

static void check_iommu(const struct survey *survey, struct check *check)
{
	const struct iommu *iommu = &survey->system.iommu;
	bool allowed = survey_unenforced(survey) == YES;

	if (iommu->strict || iommu->lazy) {
		check_say(check, CHECK_OK,
			  "%s translates the DMA of %u group(s), %u are "
			  "direct.",
			  iommu->name, iommu->strict + iommu->lazy,
			  iommu->direct);
		return;
	}
	check_say(check, allowed ? CHECK_WARN : CHECK_FAIL,
		  "No IOMMU translates any device's DMA, so a device cannot be "
		  "cut off from memory. %s",
		  allowed ? "Mapping is allowed all the same (unenforced=1)." :
			    "Only the module's parameter unenforced=1 allows "
			    "mapping then.");
	if (iommu->kind != IOMMU_NONE)
		check_fix(check, "kernel command line: iommu.passthrough=0, "
				 "without iommu=pt");
	else if (iommu->in_firmware)
		check_fix(check, "kernel command line: intel_iommu=on (Intel); "
				 "without amd_iommu=off (AMD)");
	else
		check_fix(check, "turn VT-d, AMD-Vi or \"IOMMU\" on in the "
				 "firmware's setup");
}

static void check_iommu_driver(const struct survey *survey, struct check *check)
{
	const struct iommu *iommu = &survey->system.iommu;

	if (!iommu->strict && !iommu->lazy) {
		check_say(check, CHECK_SKIP, "Nothing is translated.");
	} else if (iommu->kind != IOMMU_OTHER) {
		check_say(check, CHECK_OK, "Revocation is enforced with %s.",
			  iommu->kind == IOMMU_VTD ? "VT-d" : "AMD-Vi");
	} else {
		check_say(check, CHECK_WARN,
			  "p2pmap does not claim enforcement with this IOMMU "
			  "(%s); RAM has to be pinned.",
			  iommu->name);
		check_fix(check, "map RAM with --pin, P2PMAP_MAP_PIN");
	}
}

/* The caller, and what others left */

static void check_memlock(const struct survey *survey, struct check *check)
{
	uint64_t limit = survey->system.memlock;

	if (limit == UINT64_MAX) {
		check_say(check, CHECK_OK, "No limit for pinned memory.");
		return;
	}
	check_say(check, limit < SMALL_MEMLOCK ? CHECK_WARN : CHECK_OK,
		  "RLIMIT_MEMLOCK is %" PRIu64 " KiB: no more RAM than that "
		  "can be pinned.",
		  limit / 1024);
	if (check->status == CHECK_WARN)
		check_fix(check, "ulimit -l unlimited; or LimitMEMLOCK= of "
				 "the service, /etc/security/limits.conf");
}

static void check_quarantine(const struct survey *survey, struct check *check)
{
	if (!survey->context) {
		check_say(check, CHECK_SKIP, "No module to ask.");
		return;
	}
	if (!survey->info.out_quarantined_pages) {
		check_say(check, CHECK_OK, "No page is in quarantine.");
		return;
	}
	check_say(check, CHECK_WARN,
		  "%" PRIu64 " pages are in quarantine: their process is gone, "
		  "and a device that nothing can stop may still write to them.",
		  (uint64_t)survey->info.out_quarantined_pages);
	check_fix(check, "cat /sys/class/misc/p2pmap/quarantine; unbind the "
			 "driver of the importer named there, or, if it is "
			 "idle, echo its address into that file");
}

/*
 * vital: without it nothing can be mapped, not even RAM
 * of_devices: says nothing where the PCI devices cannot be seen
 */
static const struct {
	const char *id;
	void (*run)(const struct survey *survey, struct check *check);
	bool vital;
	bool of_devices;
} table[] = {
	{ "module", check_module, true, false },
	{ "node", check_node, true, false },
	{ "abi", check_abi, true, false },
	{ "kernel-config", check_config, false, false },
	{ "module-signing", check_signing, false, false },
	{ "lockdown", check_lockdown, false, false },
	{ "strict-devmem", check_strict_devmem, false, false },
	{ "iommu", check_iommu, true, true },
	{ "iommu-driver", check_iommu_driver, false, true },
	{ "pci", check_pci, true, false },
	{ "importers", check_importers, true, true },
	{ "foreign-owners", check_foreign_owners, false, true },
	{ "dma-width", check_dma_width, false, true },
	{ "exporters", check_exporters, false, true },
	{ "bars-unassigned", check_unassigned, false, true },
	{ "bars-small", check_small, false, true },
	{ "memory-off", check_memory, false, true },
	{ "host-bridges", check_host_bridges, false, true },
	{ "acs", check_acs, false, true },
	{ "routes", check_routes, false, true },
	{ "privilege", check_privilege, false, true },
	{ "memlock", check_memlock, false, false },
	{ "quarantine", check_quarantine, false, false },
};

_Static_assert(sizeof(table) / sizeof(table[0]) <= MAX_CHECKS,
	       "struct checks has no room for all of them");

void checks_make(const struct survey *survey, struct checks *out)
{
	*out = (struct checks){ 0 };
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct check *check = &out->list[out->count++];

		check->id = table[i].id;
		if (survey->devices_error && table[i].of_devices)
			check_say(check, CHECK_SKIP,
				  "The PCI devices cannot be seen.");
		else
			table[i].run(survey, check);
		if (table[i].vital && check->status == CHECK_FAIL)
			out->blocked = true;
	}
}

bool checks_usable(const struct checks *checks)
{
	return !checks->blocked;
}

const char *check_status_name(enum check_status status)
{
	static const char *const names[] = {
		[CHECK_OK] = "ok",
		[CHECK_WARN] = "warn",
		[CHECK_FAIL] = "fail",
		[CHECK_SKIP] = "skip",
	};

	return names[status];
}
