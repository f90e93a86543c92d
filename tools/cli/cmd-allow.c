// SPDX-License-Identifier: GPL-2.0-only
/*
 * p2pmap-cli allow: which importers unprivileged users may attach.
 *
 * Two lists are kept alike: the live one is the loaded module's parameter, the
 * other is in modprobe's configuration, for the next time it is loaded.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "allowlist.h"
#include "cli.h"
#include "json.h"
#include "modconf.h"

#define LOCK_PATH "/run/p2pmap-cli.lock"
#define LIVE_PATH "/sys/module/p2pmap/parameters/allow"
/* The longest that sysfs shows of a parameter, in a page with its ends. */
#define MAX_LIST 4094
#define MAX_ID 0xfffffffeU

/**
 * enum allow_action - what is to be done
 * @ACTION_LIST: show both lists
 * @ACTION_ADD: add an entry to both
 * @ACTION_REMOVE: remove entries from both
 */
enum allow_action {
	ACTION_LIST,
	ACTION_ADD,
	ACTION_REMOVE,
};

/**
 * struct allow - one run of the command
 * @cli: the common options
 * @action: what is to be done
 * @entry: with what
 * @named: --user or --group was given
 * @runtime: leave the configuration alone
 * @config: path of the configuration
 * @live: the live list
 * @kept: the list in the configuration
 * @loaded: there is a live list
 */
struct allow {
	struct cli *cli;
	enum allow_action action;
	struct allow_entry entry;
	bool named;
	bool runtime;
	const char *config;
	char live[MAX_LIST + 2]; /* one more shows that it is longer */
	char kept[MAX_LIST + 1];
	bool loaded;
};

enum {
	OPT_USER = CLI_OPT_FIRST,
	OPT_GROUP,
	OPT_RUNTIME,
	OPT_CONFIG,
};

static const struct option options[] = {
	CLI_OPTIONS,
	{ "user", required_argument, NULL, OPT_USER },
	{ "group", required_argument, NULL, OPT_GROUP },
	{ "runtime", no_argument, NULL, OPT_RUNTIME },
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ 0 },
};

static const char help[] =
	"Usage: " CLI_NAME " allow [list] [OPTION]...\n"
	"       " CLI_NAME " allow add DEVICE [--user U | --group G]"
	" [OPTION]...\n"
	"       " CLI_NAME " allow remove DEVICE [--user U | --group G]"
	" [OPTION]...\n"
	"\n"
	"Edit the list of importers that may be attached without\n"
	"CAP_SYS_RAWIO: by everybody who may open /dev/p2pmap, or by one user\n"
	"or group. Whoever may attach a device gives it, and all of its IOMMU\n"
	"group, access to his own memory, and to no one else's.\n"
	"\n"
	"The list of the loaded module is changed at once, and the one in\n"
	"" MODCONF_PATH " for the next time it is loaded.\n"
	"\n"
	"Options:\n"
	"      --user U          only this user, by name or number\n"
	"      --group G         only this group, by name or number; for\n"
	"                        remove: without either, all of DEVICE\n"
	"      --runtime         only the loaded module's list\n"
	"      --config FILE     instead of " MODCONF_PATH "\n" CLI_OPTIONS_HELP
	"\n"
	"Examples:\n"
	"  " CLI_NAME " allow\n"
	"  sudo " CLI_NAME " allow add 03:00.0 --user alice\n"
	"  sudo " CLI_NAME " allow add 0000:03:00.0 --group p2pmap\n"
	"  sudo " CLI_NAME " allow remove 03:00.0\n"
	"\n"
	"Exit code: 0 success, 1 a list could not be changed, 2 wrong command\n"
	"line.\n";

static int parse_user(struct allow *allow, const char *name)
{
	struct passwd *user = getpwnam(name);

	allow->named = true;
	allow->entry.who = ALLOW_USER;
	if (user)
		allow->entry.id = user->pw_uid;
	else if (!cli_parse_uint(name, MAX_ID, &allow->entry.id))
		return cli_usage("there is no user '%s'", name);
	return CLI_CONTINUE;
}

static int parse_group(struct allow *allow, const char *name)
{
	struct group *group = getgrnam(name);

	allow->named = true;
	allow->entry.who = ALLOW_GROUP;
	if (group)
		allow->entry.id = group->gr_gid;
	else if (!cli_parse_uint(name, MAX_ID, &allow->entry.id))
		return cli_usage("there is no group '%s'", name);
	return CLI_CONTINUE;
}

static int parse_option(struct allow *allow, int opt)
{
	switch (opt) {
	case OPT_USER:
	case OPT_GROUP:
		if (allow->named)
			return cli_usage("give one of --user and --group");
		return opt == OPT_USER ? parse_user(allow, optarg) :
					 parse_group(allow, optarg);
	case OPT_RUNTIME:
		allow->runtime = true;
		return CLI_CONTINUE;
	case OPT_CONFIG:
		allow->config = optarg;
		return CLI_CONTINUE;
	default:
		return cli_option(allow->cli, opt, help);
	}
}

static int parse_action(struct allow *allow, int argc, char **argv)
{
	const char *action = argc ? argv[0] : "list";

	if (!strcmp(action, "list"))
		return argc > 1 || allow->named ?
			       cli_usage("allow list takes no device") :
			       CLI_CONTINUE;
	if (!strcmp(action, "add"))
		allow->action = ACTION_ADD;
	else if (!strcmp(action, "remove"))
		allow->action = ACTION_REMOVE;
	else
		return cli_usage("allow what? list, add or remove, not '%s'",
				 action);
	if (argc != 2)
		return cli_usage("allow %s wants one device", action);
	if (p2pmap_pci_parse(argv[1], &allow->entry.pci))
		return cli_usage("'%s' is no PCI address such as 0000:03:00.0",
				 argv[1]);
	return CLI_CONTINUE;
}

static int parse(struct allow *allow, int argc, char **argv)
{
	int opt, ret;

	while ((opt = getopt_long(argc, argv, "jh", options, NULL)) != -1) {
		ret = parse_option(allow, opt);
		if (ret != CLI_CONTINUE)
			return ret;
	}
	return parse_action(allow, argc - optind, argv + optind);
}

static const char *config_path(const struct allow *allow)
{
	return allow->config ? allow->config : MODCONF_PATH;
}

/* What is cut at the end may be another user's entry, or everybody's. */
static int too_long(const struct allow *allow, const char *which)
{
	return cli_fail(allow->cli, EFBIG, NULL,
			"The module shows 4094 characters, and more are not "
			"changed here. Make it shorter: with an entry for a "
			"group instead of many for users, or by hand.",
			"the list of %s is too long", which);
}

static int read_lists(struct allow *allow)
{
	allow->live[0] = allow->kept[0] = '\0';
	allow->loaded = !access(LIVE_PATH, F_OK);
	system_read_line(LIVE_PATH, allow->live, sizeof(allow->live));
	if (strlen(allow->live) > MAX_LIST)
		return too_long(allow, LIVE_PATH);
	if (modconf_lookup(allow->config, "allow", allow->kept,
			   sizeof(allow->kept)) == -EFBIG)
		return too_long(allow, "the configuration");
	return CLI_CONTINUE;
}

/* Changing */

static char *change(const struct allow *allow, const char *old)
{
	return allow->action == ACTION_ADD ?
		       allow_add(old, &allow->entry) :
		       allow_remove(old, &allow->entry, !allow->named);
}

static int write_live(const char *list)
{
	int fd = open(LIVE_PATH, O_WRONLY | O_TRUNC | O_CLOEXEC), ret = 0;
	char line[MAX_LIST + 2];
	int length;

	if (fd < 0)
		return -errno;
	/* An empty write would not be passed on. */
	length = snprintf(line, sizeof(line), "%s\n", list);
	if (write(fd, line, length) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

static int store_live(const struct allow *allow, const char *list)
{
	int ret;

	if (!allow->loaded) {
		if (!allow->runtime)
			return CLI_CONTINUE;
		return cli_fail(allow->cli, ENOENT, NULL, NULL,
				"the module is not loaded");
	}
	ret = write_live(list);
	if (!ret)
		return CLI_CONTINUE;
	return cli_fail(allow->cli, -ret, NULL,
			ret == -EACCES ? "Only root changes the list." : NULL,
			"cannot change " LIVE_PATH);
}

static int store_kept(const struct allow *allow, const char *list)
{
	int ret;

	if (allow->runtime || !strcmp(list, allow->kept))
		return CLI_CONTINUE;
	ret = modconf_store(config_path(allow), "allow", list);
	if (!ret)
		return CLI_CONTINUE;
	return cli_fail(allow->cli, -ret, NULL,
			ret == -EACCES ? "Only root changes it." : NULL,
			"cannot change %s", config_path(allow));
}

/* Both are known to fit before one is written. */
static int store_lists(const struct allow *allow, const char *live,
		       const char *kept)
{
	int ret;

	if (!live || !kept)
		return cli_fail(allow->cli, ENOMEM, NULL, NULL,
				"cannot change the lists");
	if (allow->loaded && strlen(live) > MAX_LIST)
		return too_long(allow, LIVE_PATH);
	if (!allow->runtime && strlen(kept) > MAX_LIST)
		return too_long(allow, "the configuration");
	ret = store_kept(allow, kept);
	return ret == CLI_CONTINUE ? store_live(allow, live) : ret;
}

static bool is_done(const struct allow *allow, const char *list)
{
	bool wanted = allow->action == ACTION_ADD;

	return allow_has(list, &allow->entry, !wanted && !allow->named) ==
	       wanted;
}

/* For modprobe another file may count, and that is not written. */
static int check_lists(const struct allow *allow)
{
	const char *how = allow->action == ACTION_ADD ? "not" : "still";
	char address[P2PMAP_PCI_TEXT_SIZE];

	p2pmap_pci_format(&allow->entry.pci, address, sizeof(address));
	if (allow->loaded && !is_done(allow, allow->live))
		return cli_fail(allow->cli, EAGAIN, NULL, NULL,
				"%s is %s in " LIVE_PATH, address, how);
	if (allow->runtime || is_done(allow, allow->kept))
		return CLI_CONTINUE;
	return cli_fail(allow->cli, EEXIST, NULL,
			"Another file has an option allow of p2pmap, too, in "
			"/etc/modprobe.d or another of modprobe's folders, and "
			"that is the one which counts: change it by hand.",
			"%s is %s in the list for when the module is loaded "
			"again",
			address, how);
}

/* Both are read again, as they are now that nobody else changes them. */
static int change_locked(struct allow *allow)
{
	char *live, *kept;
	int ret;

	ret = read_lists(allow);
	if (ret != CLI_CONTINUE)
		return ret;
	live = change(allow, allow->live);
	kept = change(allow, allow->kept);
	ret = store_lists(allow, live, kept);
	free(live);
	free(kept);
	if (ret == CLI_CONTINUE)
		ret = read_lists(allow);
	return ret == CLI_CONTINUE ? check_lists(allow) : ret;
}

/*
 * One lock over both lists, whatever file the other is in, from before they are
 * read until they are written.  A file of root's own: what others may open they
 * may lock, and keep.
 */
static int change_lists(struct allow *allow)
{
	int fd = open(LOCK_PATH, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
		      0600);
	int ret;

	if (fd < 0 || flock(fd, LOCK_EX))
		ret = cli_fail(
			allow->cli, errno, NULL,
			errno == EACCES ? "Only root changes the lists." : NULL,
			"cannot lock " LOCK_PATH);
	else
		ret = change_locked(allow);
	if (fd >= 0)
		close(fd);
	return ret;
}

/* Showing */

static const char *who_name(const struct allow_entry *entry)
{
	static const char *const names[] = {
		[ALLOW_ALL] = "everybody",
		[ALLOW_USER] = "user",
		[ALLOW_GROUP] = "group",
	};

	return names[entry->who];
}

static const char *id_name(const struct allow_entry *entry)
{
	struct passwd *user;
	struct group *group;

	if (entry->who == ALLOW_USER) {
		user = getpwuid(entry->id);
		return user ? user->pw_name : NULL;
	}
	group = entry->who == ALLOW_GROUP ? getgrgid(entry->id) : NULL;
	return group ? group->gr_name : NULL;
}

static void show_entry(const struct allow *allow,
		       const struct allow_entry *entry, json_object *array)
{
	bool live = allow_has(allow->live, entry, false);
	bool kept = allow_has(allow->kept, entry, false);
	const char *name = id_name(entry);
	char address[P2PMAP_PCI_TEXT_SIZE];
	json_object *object;

	p2pmap_pci_format(&entry->pci, address, sizeof(address));
	if (!array) {
		printf("%-16s %s", address, who_name(entry));
		if (entry->who != ALLOW_ALL)
			printf(" %u%s%s%s", entry->id, name ? " (" : "",
			       name ? name : "", name ? ")" : "");
		printf("%s\n", live && kept   ? "" :
			       live	      ? "; until unloaded only" :
			       !allow->loaded ? "" :
						"; when loaded again");
		return;
	}
	object = json_object_new_object();
	json_add_string(object, "address", address);
	json_add_string(object, "who", who_name(entry));
	if (entry->who != ALLOW_ALL)
		json_add_uint(object, "id", entry->id);
	json_add_string(object, "name", name);
	json_add_bool(object, "live", live);
	json_add_bool(object, "kept", kept);
	json_object_array_add(array, object);
}

/* Those of one list, without those that another one has, too. */
static unsigned int show_list(const struct allow *allow, const char *list,
			      const char *without, json_object *array)
{
	struct allow_entry entry;
	unsigned int count = 0;
	bool valid;

	while (allow_next(&list, &entry, &valid)) {
		if (!valid) {
			fprintf(stderr, CLI_NAME
				": an entry is not understood, and admits "
				"nobody\n");
			continue;
		}
		if (without && allow_has(without, &entry, false))
			continue;
		show_entry(allow, &entry, array);
		count++;
	}
	return count;
}

static void show(struct allow *allow)
{
	json_object *object = NULL, *array = NULL;
	unsigned int count;

	if (allow->cli->json) {
		object = json_document("allow");
		array = json_object_new_array();
		json_add_bool(object, "module_loaded", allow->loaded);
		json_add_string(object, "config", config_path(allow));
		json_object_object_add(object, "entries", array);
	}
	count = show_list(allow, allow->live, NULL, array);
	count += show_list(allow, allow->kept, allow->live, array);
	if (object)
		print_json(object, JSON_C_TO_STRING_PRETTY);
	else if (!count)
		puts("Nobody may attach an importer without CAP_SYS_RAWIO.");
}

/* For hot-plugged devices this is no mistake, for a typo it is. */
static void warn_absent(const struct allow *allow)
{
	char address[P2PMAP_PCI_TEXT_SIZE], path[64];

	p2pmap_pci_format(&allow->entry.pci, address, sizeof(address));
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", address);
	if (allow->action == ACTION_ADD && access(path, F_OK))
		fprintf(stderr, CLI_NAME ": note: there is no device %s now\n",
			address);
}

int cmd_allow(struct cli *cli, int argc, char **argv)
{
	struct allow allow = { .cli = cli };
	int ret;

	ret = parse(&allow, argc, argv);
	if (ret != CLI_CONTINUE)
		return ret;
	if (allow.action == ACTION_LIST) {
		ret = read_lists(&allow);
	} else {
		warn_absent(&allow);
		ret = change_lists(&allow);
	}
	if (ret != CLI_CONTINUE)
		return ret;
	show(&allow);
	return CLI_OK;
}
