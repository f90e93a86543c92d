// SPDX-License-Identifier: GPL-2.0-only
/*
 * How p2pmap-cli prints: colours, sizes, errors and JSON.
 */
#define _GNU_SOURCE
#include "print.h"

#include <errno.h>
#include <langinfo.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LABEL_WIDTH 14
#define TEXT_WIDTH 80

static bool colors_on(const struct cli *cli, FILE *file)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	if (cli->color != CLI_COLOR_AUTO)
		return cli->color == CLI_COLOR_ALWAYS;
	return isatty(fileno(file)) && !(no_color && *no_color) &&
	       !(term && !strcmp(term, "dumb"));
}

void paint(const struct cli *cli, FILE *file, enum paint what, const char *fmt,
	   ...)
{
	static const char *const codes[] = {
		[PAINT_HEAD] = "\033[1m",  [PAINT_GOOD] = "\033[32m",
		[PAINT_WARN] = "\033[33m", [PAINT_BAD] = "\033[1;31m",
		[PAINT_DIM] = "\033[2m",
	};
	bool colors = *fmt && colors_on(cli, file);
	va_list args;

	if (colors)
		fputs(codes[what], file);
	va_start(args, fmt);
	vfprintf(file, fmt, args);
	va_end(args);
	if (colors)
		fputs("\033[0m", file);
}

void print_heading(const struct cli *cli, const char *title)
{
	paint(cli, stdout, PAINT_HEAD, "%s", title);
	putchar('\n');
}

void print_field(const char *label, const char *fmt, ...)
{
	va_list args;

	printf("  %-*s", LABEL_WIDTH, label);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
}

void print_hanging(FILE *file, int indent, const char *text)
{
	int column = indent;
	bool first = true;

	while (*text) {
		int word = strcspn(text, " ");

		if (!first && column + 1 + word > TEXT_WIDTH) {
			fprintf(file, "\n%*s", indent, "");
			column = indent;
			first = true;
		}
		column += fprintf(file, "%s%.*s", first ? "" : " ", word, text);
		first = false;
		text += word;
		text += strspn(text, " ");
	}
	fputc('\n', file);
}

void print_wrapped(FILE *file, int indent, const char *text)
{
	fprintf(file, "%*s", indent, "");
	print_hanging(file, indent, text);
}

int text_columns(const char *text)
{
	int columns = 0;

	for (; *text; text++)
		columns += (*text & 0xc0) != 0x80;
	return columns;
}

bool print_utf8(void)
{
	return !strcmp(nl_langinfo(CODESET), "UTF-8");
}

void print_clipped(const char *fmt, ...)
{
	char line[512];
	int columns = 0;
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	if (text_columns(line) <= TEXT_WIDTH) {
		puts(line);
		return;
	}
	for (const char *at = line;
	     columns < TEXT_WIDTH - 3 || (*at & 0xc0) == 0x80; at++) {
		putchar(*at);
		columns += (at[1] & 0xc0) != 0x80;
	}
	puts("...");
}

const char *size_text(uint64_t bytes, char buf[SIZE_TEXT_LEN])
{
	static const char *const units[] = { "B",   "KiB", "MiB",
					     "GiB", "TiB", "PiB" };
	size_t unit = 0;

	while (bytes && !(bytes % 1024) &&
	       unit + 1 < sizeof(units) / sizeof(units[0])) {
		bytes /= 1024;
		unit++;
	}
	snprintf(buf, SIZE_TEXT_LEN, "%llu %s", (unsigned long long)bytes,
		 units[unit]);
	return buf;
}

/* Bytes of the sequence at @at; 0: cut, too long for it, or not a character. */
static int utf8_length(const char *at)
{
	/* By length: the lowest code point that needs it. */
	static const uint32_t lowest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char first = *at;
	int length = first < 0x80 ? 1 :
		     first < 0xc0 ? 0 :
		     first < 0xe0 ? 2 :
		     first < 0xf0 ? 3 :
		     first < 0xf8 ? 4 :
				    0;
	uint32_t code = length > 1 ? first & (0x7f >> length) : first;

	for (int i = 1; i < length; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (at[i] & 0x3f);
	}
	if (length && (code < lowest[length] || code > 0x10ffff ||
		       (code >= 0xd800 && code < 0xe000)))
		return 0;
	return length;
}

/* Arguments and names of files may be anything, JSON is UTF-8. */
void print_json(json_object *value, int flags)
{
	const char *text = json_object_to_json_string_ext(
		value, flags | JSON_C_TO_STRING_NOSLASHESCAPE);
	int length;

	for (; *text; text += length ? length : 1) {
		length = utf8_length(text);
		if (length)
			fwrite(text, 1, length, stdout);
		else
			fputs("\\ufffd", stdout);
	}
	putchar('\n');
	fflush(stdout);
	json_object_put(value);
}

int print_finish(void)
{
	if (!fflush(stdout) && !ferror(stdout))
		return 0;
	fprintf(stderr, CLI_NAME ": cannot write: %s\n", strerror(errno));
	return -1;
}

void json_add_string(json_object *object, const char *key, const char *value)
{
	json_object_object_add(object, key,
			       value ? json_object_new_string(value) : NULL);
}

void json_add_uint(json_object *object, const char *key, uint64_t value)
{
	json_object_object_add(object, key, json_object_new_uint64(value));
}

void json_add_bool(json_object *object, const char *key, bool value)
{
	json_object_object_add(object, key, json_object_new_boolean(value));
}

static void fail_json(int error, const char *message, const char *reason,
		      const char *advice)
{
	json_object *object = json_object_new_object();
	json_object *inner = json_object_new_object();

	json_add_string(inner, "errno", strerrorname_np(error));
	json_add_string(inner, "message", message);
	json_add_string(inner, "reason", reason);
	json_add_string(inner, "advice", advice);
	json_object_object_add(object, "error", inner);
	print_json(object, JSON_C_TO_STRING_PLAIN);
}

int cli_fail(const struct cli *cli, int error, const char *reason,
	     const char *advice, const char *fmt, ...)
{
	char message[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	if (cli->json)
		fail_json(error, message, reason, advice);
	fputs(CLI_NAME ": ", stderr);
	paint(cli, stderr, PAINT_BAD, "error");
	fprintf(stderr, ": %s: %s (%s)\n", message, strerror(error),
		strerrorname_np(error));
	if (advice)
		print_wrapped(stderr, 2, advice);
	return CLI_FAILED;
}

int cli_no_device(const struct cli *cli, const char *address)
{
	return cli_fail(cli, ENODEV, "no-such-device",
			"'" CLI_NAME " devices --all' lists all there are.",
			"no PCI device %s", address);
}

void json_add_known(json_object *object, const char *key, const char *value)
{
	json_add_string(object, key, value[0] ? value : NULL);
}
