/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The options with which the running kernel was built, from where distributions
 * leave them.
 */
#ifndef KCONFIG_H
#define KCONFIG_H

#include <stddef.h>

/**
 * struct kconfig_option - an option in question
 * @name: such as "CONFIG_PCI"
 * @value: 'y', 'm', or 'n'
 */
struct kconfig_option {
	const char *name;
	char value;
};

/**
 * kconfig_read() - look options up
 * @release: of the kernel
 * @options: array; the values are filled in
 * @count: its length
 * @path: receives where the configuration was found
 * @size: of @path
 *
 * Return: 0, or -ENOENT if there is no configuration to be found.
 */
int kconfig_read(const char *release, struct kconfig_option *options,
		 size_t count, char *path, size_t size);

#endif /* KCONFIG_H */
