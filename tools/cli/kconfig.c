// SPDX-License-Identifier: GPL-2.0-only
/*
 * The options with which the running kernel was built.  See kconfig.h.
 */
#define _GNU_SOURCE
#include "kconfig.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const paths[] = {
	"/boot/config-%s",
	"/usr/lib/modules/%s/config",
	"/lib/modules/%s/config",
	"/lib/modules/%s/build/.config",
};

#define PROC_CONFIG "/proc/config.gz"

static void take_line(const char *line, struct kconfig_option *options,
		      size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t length = strlen(options[i].name);

		if (!strncmp(line, options[i].name, length) &&
		    line[length] == '=')
			options[i].value = line[length + 1];
	}
}

static void read_lines(FILE *file, struct kconfig_option *options, size_t count)
{
	char line[512];

	while (fgets(line, sizeof(line), file))
		take_line(line, options, count);
}

/* The one compressed place; a pipe spares us a library for it. */
static bool read_proc(struct kconfig_option *options, size_t count)
{
	FILE *file;

	if (access(PROC_CONFIG, R_OK))
		return false;
	/* NOLINTNEXTLINE(cert-env33-c): the command is ours and fixed */
	file = popen("exec zcat " PROC_CONFIG " 2>/dev/null", "re");
	if (!file)
		return false;
	read_lines(file, options, count);
	return !pclose(file);
}

int kconfig_read(const char *release, struct kconfig_option *options,
		 size_t count, char *path, size_t size)
{
	FILE *file;

	for (size_t i = 0; i < count; i++)
		options[i].value = 'n';
	snprintf(path, size, PROC_CONFIG);
	if (read_proc(options, count))
		return 0;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(path, size, paths[i], release);
#pragma GCC diagnostic pop
		file = fopen(path, "re");
		if (!file)
			continue;
		read_lines(file, options, count);
		fclose(file);
		return 0;
	}
	return -ENOENT;
}
