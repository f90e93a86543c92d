// SPDX-License-Identifier: GPL-2.0-only
/*
 * modprobe's configuration of p2pmap.  modconf.h says what is kept.
 *
 * A line may go on in the next one after a backslash, which stands between
 * words like a blank; a value may be quoted.
 */
#define _GNU_SOURCE
#include "modconf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODULE "p2pmap"

/* A file that is larger than this is no configuration. */
#define MAX_FILE (1 << 20)

#define DEFAULT_MODE 0644

/* Where modprobe looks; a name found in one hides it in those behind. */
static const char *const folders[] = {
	"/etc/modprobe.d",     "/run/modprobe.d", "/usr/local/lib/modprobe.d",
	"/usr/lib/modprobe.d", "/lib/modprobe.d",
};

/* The text */

/*
 * Goes through the options of "options p2pmap" lines.
 *
 * line: where the line of the last option begins
 * at: behind the last option
 * alone: it is the first of its line
 */
struct cursor {
	const char *text;
	size_t line;
	size_t at;
	bool inside;
	bool alone;
};

struct word {
	size_t begin;
	size_t end;
};

static size_t skip_blanks(const char *text, size_t at)
{
	for (;;) {
		if (text[at] == ' ' || text[at] == '\t')
			at++;
		else if (text[at] == '\\' && text[at + 1] == '\n')
			at += 2;
		else
			return at;
	}
}

/* The next word of the line, false at its end. */
static bool next_word(const char *text, size_t at, struct word *word)
{
	bool quoted = false;

	at = skip_blanks(text, at);
	word->begin = at;
	for (; text[at] && text[at] != '\n'; at++) {
		if (text[at] == '"')
			quoted = !quoted;
		if (!quoted && skip_blanks(text, at) != at)
			break;
	}
	word->end = at;
	return at > word->begin;
}

static bool is_word(const char *text, const struct word *word, const char *what)
{
	return word->end - word->begin == strlen(what) &&
	       !strncmp(text + word->begin, what, strlen(what));
}

static size_t line_end(const char *text, size_t at)
{
	while (text[at] && text[at] != '\n')
		at += text[at] == '\\' && text[at + 1] == '\n' ? 2 : 1;
	return at;
}

/* Behind "options p2pmap" of the next such line. */
static bool next_line(struct cursor *cursor)
{
	const char *text = cursor->text;
	struct word word;

	while (text[cursor->at]) {
		cursor->line = cursor->at;
		if (next_word(text, cursor->at, &word) &&
		    is_word(text, &word, "options") &&
		    next_word(text, word.end, &word) &&
		    is_word(text, &word, MODULE)) {
			cursor->at = word.end;
			return true;
		}
		cursor->at = line_end(text, cursor->at);
		cursor->at += text[cursor->at] == '\n';
	}
	return false;
}

static bool next_option(struct cursor *cursor, struct word *word)
{
	for (;;) {
		if (!cursor->inside && !next_line(cursor))
			return false;
		cursor->alone = !cursor->inside;
		cursor->inside = next_word(cursor->text, cursor->at, word);
		cursor->at = word->end;
		if (cursor->inside)
			return true;
		cursor->at = line_end(cursor->text, cursor->at);
		cursor->at += cursor->text[cursor->at] == '\n';
	}
}

static bool is_option(const char *text, const struct word *word,
		      const char *name)
{
	size_t length = strlen(name);

	return word->end - word->begin > length &&
	       !strncmp(text + word->begin, name, length) &&
	       text[word->begin + length] == '=';
}

/* Without quotes, all of it or nothing. */
static int copy_value(const char *at, const char *end, char *buf, size_t size)
{
	size_t length = 0;

	for (const char *c = at; c < end; c++)
		length += *c != '"';
	if (length >= size)
		return -EFBIG;
	for (; at < end; at++)
		if (*at != '"')
			*buf++ = *at;
	*buf = '\0';
	return 0;
}

int modconf_get(const char *text, const char *name, char *buf, size_t size)
{
	struct cursor cursor = { .text = text };
	struct word word;
	int ret = -ENOENT;

	while (next_option(&cursor, &word))
		if (is_option(text, &word, name))
			ret = copy_value(text + word.begin + strlen(name) + 1,
					 text + word.end, buf, size);
	return ret;
}

/* The text without [begin, end), with @insert in its place. */
static char *replace(const char *text, size_t begin, size_t end,
		     const char *insert)
{
	char *out;

	if (asprintf(&out, "%.*s%s%s", (int)begin, text, insert, text + end) <
	    0)
		return NULL;
	return out;
}

/* Where the first option of this name is, and how many there are. */
static unsigned int find_option(const char *text, const char *name,
				struct word *first, struct cursor *where)
{
	struct cursor cursor = { .text = text };
	unsigned int count = 0;
	struct word word;

	while (next_option(&cursor, &word)) {
		if (!is_option(text, &word, name) || count++)
			continue;
		*first = word;
		*where = cursor;
	}
	return count;
}

/* The option with the blank before it; the line too, if it was all there is. */
static char *remove_option(const char *text, const struct word *word,
			   const struct cursor *where)
{
	size_t begin = word->begin, end = word->end;
	struct word next;

	if (where->alone && !next_word(text, end, &next)) {
		begin = where->line;
		end = line_end(text, end);
		end += text[end] == '\n';
	} else {
		/* Blanks only: a continued line has to go on. */
		while (text[begin - 1] == ' ' || text[begin - 1] == '\t')
			begin--;
	}
	return replace(text, begin, end, "");
}

/* Behind the last option there is, or in a line of its own. */
static char *append_option(const char *text, const char *name,
			   const char *value)
{
	struct cursor cursor = { .text = text };
	size_t length = strlen(text), at = SIZE_MAX;
	struct word word;
	char *option, *out;

	while (next_option(&cursor, &word))
		at = word.end;
	if (asprintf(&option, "%s%s %s=%s%s",
		     at == SIZE_MAX && length && text[length - 1] != '\n' ?
			     "\n" :
			     "",
		     at == SIZE_MAX ? "options " MODULE : "", name, value,
		     at == SIZE_MAX ? "\n" : "") < 0)
		return NULL;
	if (at == SIZE_MAX)
		at = length;
	out = replace(text, at, at, option);
	free(option);
	return out;
}

static char *replace_value(const char *text, const struct word *word,
			   const char *name, const char *value)
{
	return replace(text, word->begin + strlen(name) + 1, word->end, value);
}

/* The value as it stands in a file: one with blanks takes quotes. */
static char *quoted(const char *value)
{
	const char *quote = strpbrk(value, " \t") ? "\"" : "";
	char *out;

	return asprintf(&out, "%s%s%s", quote, value, quote) < 0 ? NULL : out;
}

char *modconf_set(const char *text, const char *name, const char *value)
{
	char *now = strdup(text), *next, *written;
	unsigned int keep = *value ? 1 : 0, count = 0;
	struct cursor where;
	struct word word;

	/* The last one counts; those before it would only be overruled. */
	while (now && (count = find_option(now, name, &word, &where)) > keep) {
		next = remove_option(now, &word, &where);
		free(now);
		now = next;
	}
	if (!now || !keep)
		return now;
	written = quoted(value);
	next = !written ? NULL :
	       count	? replace_value(now, &word, name, written) :
			  append_option(now, name, written);
	free(written);
	free(now);
	return next;
}

/* Files */

/* The whole file, which has to be text, to be freed; NULL with errno. */
static char *read_file(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text;
	size_t n;

	if (!file)
		return NULL;
	text = malloc(MAX_FILE + 1);
	if (!text) {
		fclose(file);
		return NULL;
	}
	n = fread(text, 1, MAX_FILE + 1, file);
	if (ferror(file) || n > MAX_FILE || memchr(text, '\0', n)) {
		errno = n > MAX_FILE ? EFBIG : ferror(file) ? EIO : EILSEQ;
		free(text);
		text = NULL;
	} else {
		text[n] = '\0';
	}
	fclose(file);
	return text;
}

static int lookup_file(const char *path, const char *name, char *buf,
		       size_t size)
{
	char *text = read_file(path);
	int ret = text ? modconf_get(text, name, buf, size) : -ENOENT;

	free(text);
	return ret;
}

static int is_config(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return length > 5 && !strcmp(entry->d_name + length - 5, ".conf");
}

/* Is there a file of this name in a folder that goes first? */
static bool is_hidden(const char *name, size_t folder)
{
	char path[PATH_MAX];

	while (folder--) {
		snprintf(path, sizeof(path), "%s/%s", folders[folder], name);
		if (!access(path, F_OK))
			return true;
	}
	return false;
}

/* What the files of one folder say; of them the one that sorts last counts. */
static void lookup_folder(size_t folder, const char *name, char *best,
			  size_t best_size, char *buf, size_t size, int *result)
{
	struct dirent **entries;
	char path[PATH_MAX];
	int n, ret;

	n = scandir(folders[folder], &entries, is_config, alphasort);
	for (int i = 0; i < n; i++) {
		const char *entry = entries[i]->d_name;

		snprintf(path, sizeof(path), "%s/%s", folders[folder], entry);
		ret = strcmp(entry, best) >= 0 && !is_hidden(entry, folder) ?
			      lookup_file(path, name, buf, size) :
			      -ENOENT;
		if (ret != -ENOENT) {
			snprintf(best, best_size, "%s", entry);
			*result = ret;
		}
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

int modconf_lookup(const char *path, const char *name, char *buf, size_t size)
{
	char best[NAME_MAX + 1] = "";
	int ret = -ENOENT;

	if (path)
		return lookup_file(path, name, buf, size);
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		lookup_folder(i, name, best, sizeof(best), buf, size, &ret);
	return ret;
}

static int write_all(int fd, const char *text)
{
	size_t left = strlen(text);
	ssize_t n;

	while (left) {
		n = write(fd, text, left);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			text += n;
			left -= n;
		}
	}
	return fsync(fd) ? -errno : 0;
}

/* A new file beside the old one, which then takes its place. */
static int write_file(const char *path, const char *text, int folder)
{
	struct stat old = { .st_mode = DEFAULT_MODE };
	char temp[PATH_MAX];
	bool exists;
	int fd, ret;

	if (snprintf(temp, sizeof(temp), "%s.XXXXXX", path) >=
	    (int)sizeof(temp))
		return -ENAMETOOLONG;
	exists = !stat(path, &old);
	fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = fchmod(fd, old.st_mode & 07777) ||
			      (exists && fchown(fd, old.st_uid, old.st_gid)) ?
		      -errno :
		      write_all(fd, text);
	close(fd);
	if (!ret && rename(temp, path))
		ret = -errno;
	if (ret)
		unlink(temp);
	else if (fsync(folder))
		ret = -errno;
	return ret;
}

static int open_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX] = ".";
	int fd;

	if (slash)
		snprintf(folder, sizeof(folder), "%.*s",
			 slash == path ? 1 : (int)(slash - path), path);
	if (mkdir(folder, 0755) && errno != EEXIST)
		return -errno;
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int store(const char *path, const char *name, const char *value,
		 int folder)
{
	char *text, *next;
	int ret = 0;

	text = read_file(path);
	if (!text && errno == ENOENT)
		text = strdup("");
	if (!text)
		return -errno;
	next = modconf_set(text, name, value);
	if (!next)
		ret = -ENOMEM;
	else if (strcmp(next, text))
		ret = write_file(path, next, folder);
	free(next);
	free(text);
	return ret;
}

int modconf_store(const char *path, const char *name, const char *value)
{
	char *real = realpath(path, NULL);
	int folder, ret;

	/* A link keeps pointing to the file, wherever that is. */
	if (real)
		path = real;
	folder = open_folder(path);
	ret = folder;
	if (folder >= 0) {
		ret = store(path, name, value, folder);
		close(folder);
	}
	free(real);
	return ret;
}
