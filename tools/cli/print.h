/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How p2pmap-cli prints: colours, sizes, errors and JSON.
 */
#ifndef PRINT_H
#define PRINT_H

#include <stdio.h>

#include <json-c/json.h>

#include "cli.h"

/**
 * enum paint - what a piece of text is
 * @PAINT_HEAD: a heading
 * @PAINT_GOOD: as it should be
 * @PAINT_WARN: works, but
 * @PAINT_BAD: does not work
 * @PAINT_DIM: of less interest
 */
enum paint {
	PAINT_HEAD,
	PAINT_GOOD,
	PAINT_WARN,
	PAINT_BAD,
	PAINT_DIM,
};

/**
 * paint() - print a piece of text in its colour, if colours are in use
 * @cli: decides about colours
 * @file: where to
 * @what: what the text is
 * @fmt: as printf()
 */
void paint(const struct cli *cli, FILE *file, enum paint what, const char *fmt,
	   ...) __attribute__((format(printf, 4, 5)));

/**
 * print_heading() - start a section of text
 * @cli: decides about colours
 * @title: the heading
 */
void print_heading(const struct cli *cli, const char *title);

/**
 * print_field() - print one line "label: value"
 * @label: what it is
 * @fmt: as printf()
 */
void print_field(const char *label, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * print_wrapped() - print text on as many lines as it takes
 * @file: where to
 * @indent: columns to leave free
 * @text: words
 */
void print_wrapped(FILE *file, int indent, const char *text);

/**
 * print_hanging() - print text behind what stands in the line already
 * @file: where to
 * @indent: the column that was reached, and where further lines begin
 * @text: words
 */
void print_hanging(FILE *file, int indent, const char *text);

/**
 * print_clipped() - print one line, as much of it as fits
 * @fmt: as printf(), without a newline
 */
void print_clipped(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/**
 * text_columns() - how many columns a text takes
 * @text: UTF-8
 */
int text_columns(const char *text);

/**
 * print_utf8() - may lines be drawn with more than ASCII?
 */
bool print_utf8(void);

#define SIZE_TEXT_LEN 32

/**
 * size_text() - a size for people
 * @bytes: the size
 * @buf: receives the text
 *
 * Return: @buf, such as "64 MiB"; exact, never rounded.
 */
const char *size_text(uint64_t bytes, char buf[SIZE_TEXT_LEN]);

/**
 * print_json() - print one JSON value and free it
 * @value: the value; handed over
 * @flags: JSON_C_TO_STRING_PRETTY or _PLAIN
 *
 * Flushes, so that a reader of a pipe sees it at once.
 */
void print_json(json_object *value, int flags);

/**
 * print_finish() - flush everything
 *
 * Return: 0, or -1 if output was lost.
 */
int print_finish(void);

/* Shorthands for building objects; each hands its value over. */
void json_add_string(json_object *object, const char *key, const char *value);
void json_add_uint(json_object *object, const char *key, uint64_t value);
void json_add_bool(json_object *object, const char *key, bool value);
/* A string that is not known is empty, and becomes null. */
void json_add_known(json_object *object, const char *key, const char *value);

#endif /* PRINT_H */
