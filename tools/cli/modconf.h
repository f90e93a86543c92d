/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * modprobe's configuration of p2pmap: lines "options p2pmap NAME=VALUE ...".
 *
 * Reading looks at every folder that modprobe does; writing changes one option
 * in one file and leaves every other byte of it alone.
 */
#ifndef MODCONF_H
#define MODCONF_H

#include <stdbool.h>
#include <stddef.h>

/* The file that p2pmap-cli writes. */
#define MODCONF_PATH "/etc/modprobe.d/p2pmap.conf"

/**
 * modconf_get() - value of an option in the text of a configuration
 * @text: the text
 * @name: of the option
 * @buf: receives the value; the last one counts, as for the kernel
 * @size: of @buf
 *
 * Return: 0, -ENOENT if the text does not say, -EFBIG if it does not fit; @buf
 * is then as it was.
 */
int modconf_get(const char *text, const char *name, char *buf, size_t size);

/**
 * modconf_set() - the text with another value of an option
 * @text: the text
 * @name: of the option
 * @value: its new value without quotes; empty to remove the option
 *
 * Other options, other lines and comments stay as they are.
 *
 * Return: the new text, to be freed; NULL without memory.
 */
char *modconf_set(const char *text, const char *name, const char *value);

/**
 * modconf_lookup() - value of an option, as modprobe would find it
 * @path: look into this file only, or NULL for modprobe's folders
 * @name: of the option
 * @buf: receives the value
 * @size: of @buf
 *
 * Return: as modconf_get().
 */
int modconf_lookup(const char *path, const char *name, char *buf, size_t size);

/**
 * modconf_store() - change an option in a file, all or nothing
 * @path: of the file, which need not be there
 * @name: of the option
 * @value: as for modconf_set()
 *
 * Who has looked at the old value keeps others from changing it meanwhile.
 *
 * Return: 0 or a negative errno.
 */
int modconf_store(const char *path, const char *name, const char *value);

#endif /* MODCONF_H */
