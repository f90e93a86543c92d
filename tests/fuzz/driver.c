// SPDX-License-Identifier: GPL-2.0-only
/*
 * main() of every fuzzer.  With libFuzzer it is that one's driver; without, it
 * runs the target on each file, or each file of each folder, that is named.
 *
 * A target that brings a main() of its own (the CLI's) is linked with
 * --wrap=main, and its main() is called __real_main() then.
 */
#include <dirent.h>
#include <string.h>

#include "fuzz.h"

int __wrap_main(int argc, char **argv);

#ifdef P2PMAP_FUZZER
int LLVMFuzzerRunDriver(int *argc, char ***argv,
			int (*target)(const uint8_t *data, size_t size));

static int drive(int argc, char **argv)
{
	return LLVMFuzzerRunDriver(&argc, &argv, LLVMFuzzerTestOneInput);
}
#else
#define MAX_FILES 1024
#define MAX_SIZE 65536

static struct {
	uint8_t *data;
	size_t size;
} files[MAX_FILES];
static size_t nr_files;

static void take_file(const char *path)
{
	FILE *file = fopen(path, "re");

	if (!file || nr_files == MAX_FILES) {
		perror(path);
		exit(2);
	}
	files[nr_files].data = malloc(MAX_SIZE);
	files[nr_files].size = fread(files[nr_files].data, 1, MAX_SIZE, file);
	nr_files++;
	fclose(file);
}

static void take(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	char name[1024];

	if (!dir) {
		take_file(path);
		return;
	}
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		take_file(name);
	}
	closedir(dir);
}

static int drive(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	for (size_t i = 0; i < nr_files; i++) {
		/* Of its own length, so that a sanitizer sees its end. */
		uint8_t *data = malloc(files[i].size + !files[i].size);

		memcpy(data, files[i].data, files[i].size);
		LLVMFuzzerTestOneInput(data, files[i].size);
		free(data);
		free(files[i].data);
	}
	fprintf(stderr, "%zu inputs\n", nr_files);
	return nr_files ? 0 : 2;
}
#endif

int __wrap_main(int argc, char **argv)
{
#ifndef P2PMAP_FUZZER
	for (int i = 1; i < argc; i++)
		take(argv[i]);
#endif
	if (!fuzz_prepare())
		return 77;
	return drive(argc, argv);
}

/* The weaker one: without --wrap, or without a main() of the target's. */
__attribute__((weak)) int main(int argc, char **argv)
{
	return __wrap_main(argc, argv);
}
