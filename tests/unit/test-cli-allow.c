// SPDX-License-Identifier: GPL-2.0-only
/*
 * p2pmap-cli allow without a machine: the list as text, and modprobe's
 * configuration, of which everything else stays as it is.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "allowlist.h"
#include "modconf.h"

static struct allow_entry entry_of(const char *address, enum allow_who who,
				   unsigned int id)
{
	struct allow_entry entry = { .who = who, .id = id };

	assert_int_equal(p2pmap_pci_parse(address, &entry.pci), 0);
	return entry;
}

static void assert_added(const char *list, struct allow_entry entry,
			 const char *expected)
{
	char *now = allow_add(list, &entry);

	assert_string_equal(now, expected);
	free(now);
}

static void assert_removed(const char *list, struct allow_entry entry,
			   bool everybody, const char *expected)
{
	char *now = allow_remove(list, &entry, everybody);

	assert_string_equal(now, expected);
	free(now);
}

static void an_entry_is_added_once(void **state)
{
	struct allow_entry all = entry_of("03:00.0", ALLOW_ALL, 0);
	struct allow_entry user = entry_of("03:00.0", ALLOW_USER, 7);

	(void)state;
	assert_added("", all, "0000:03:00.0");
	assert_added("0000:03:00.0", all, "0000:03:00.0");
	assert_added(" 0000:03:00.0 ", all, " 0000:03:00.0 ");
	assert_added("0000:03:00.0", user, "0000:03:00.0,0000:03:00.0=u7");
	assert_added("0000:03:00.0=u7", all, "0000:03:00.0=u7,0000:03:00.0");
	assert_added("0000:03:00.0=g7", user,
		     "0000:03:00.0=g7,0000:03:00.0=u7");
	assert_added("0000:03:00.0=u77", user,
		     "0000:03:00.0=u77,0000:03:00.0=u7");
}

static void what_is_removed_leaves_the_others(void **state)
{
	struct allow_entry all = entry_of("03:00.0", ALLOW_ALL, 0);
	struct allow_entry user = entry_of("03:00.0", ALLOW_USER, 7);
	const char *list = "0000:03:00.0,0000:03:00.0=u7,0000:04:00.0=g1";

	(void)state;
	assert_removed(list, all, false, "0000:03:00.0=u7,0000:04:00.0=g1");
	assert_removed(list, user, false, "0000:03:00.0,0000:04:00.0=g1");
	assert_removed(list, all, true, "0000:04:00.0=g1");
	assert_removed("0000:03:00.0", all, true, "");
	assert_removed("", all, true, "");
	assert_removed("nonsense,0000:03:00.0", all, true, "nonsense");
}

static void an_entry_that_the_module_ignores_is_called_so(void **state)
{
	static const char *const bad[] = {
		"nonsense",	  "03:00.0",	     "0000:03:00.0=7",
		"0000:03:00.0=u", "0000:03:00.0=ux",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *at = bad[i];
		struct allow_entry entry;
		bool valid = true;

		assert_true(allow_next(&at, &entry, &valid));
		assert_false(valid);
		assert_false(allow_next(&at, &entry, &valid));
	}
}

/* The text of a configuration */

static void assert_set(const char *text, const char *value,
		       const char *expected)
{
	char *now = modconf_set(text, "allow", value);
	char back[256] = "";

	assert_string_equal(now, expected);
	assert_int_equal(modconf_get(now, "allow", back, sizeof(back)),
			 *value ? 0 : -ENOENT);
	assert_string_equal(back, value);
	free(now);
}

static void an_option_is_set_and_the_rest_is_kept(void **state)
{
	(void)state;
	assert_set("", "X", "options p2pmap allow=X\n");
	assert_set("# mine\n", "X", "# mine\noptions p2pmap allow=X\n");
	assert_set("no newline", "X", "no newline\noptions p2pmap allow=X\n");
	assert_set("options p2pmap a=1\n", "X", "options p2pmap a=1 allow=X\n");
	assert_set("options p2pmap a=1 # no comment here\nblacklist foo\n", "X",
		   "options p2pmap a=1 # no comment here allow=X\n"
		   "blacklist foo\n");
	assert_set("options p2pmap allow=OLD b=2", "X",
		   "options p2pmap allow=X b=2");
	assert_set("\toptions\tp2pmap  b=2\tallow=OLD\t\n", "X",
		   "\toptions\tp2pmap  b=2\tallow=X\t\n");
	assert_set("options p2pmap \\\n\tallow=OLD \\\n\tb=2\n", "X",
		   "options p2pmap \\\n\tallow=X \\\n\tb=2\n");
	assert_set("options p2pmap allow=\"A B\" b=2\n", "X",
		   "options p2pmap allow=X b=2\n");
	/* A value with blanks takes quotes. */
	assert_set("options p2pmap allow=OLD b=2\n", "A, B",
		   "options p2pmap allow=\"A, B\" b=2\n");
	assert_set("options p2pmap a=1\n", "A,\tB",
		   "options p2pmap a=1 allow=\"A,\tB\"\n");
}

static void what_is_another_option_is_left_alone(void **state)
{
	(void)state;
	assert_set("options p2pmap2 allow=OLD\n", "X",
		   "options p2pmap2 allow=OLD\noptions p2pmap allow=X\n");
	assert_set("options p2pmap disallow=OLD allowed=1\n", "X",
		   "options p2pmap disallow=OLD allowed=1 allow=X\n");
	assert_set("#options p2pmap allow=OLD\n", "X",
		   "#options p2pmap allow=OLD\noptions p2pmap allow=X\n");
	assert_set("alias p2pmap allow=OLD\n", "X",
		   "alias p2pmap allow=OLD\noptions p2pmap allow=X\n");
}

static void an_option_is_removed_with_what_was_there_for_it_only(void **state)
{
	(void)state;
	assert_set("options p2pmap allow=OLD\n", "", "");
	assert_set("a\noptions p2pmap allow=OLD\nb\n", "", "a\nb\n");
	assert_set("options p2pmap a=1 allow=OLD b=2\n", "",
		   "options p2pmap a=1 b=2\n");
	assert_set("options p2pmap allow=OLD b=2\n", "",
		   "options p2pmap b=2\n");
	assert_set("options p2pmap a=1\n", "", "options p2pmap a=1\n");
	assert_set("", "", "");
}

/* The kernel takes the last one. */
static void of_several_the_last_counts(void **state)
{
	char value[32];

	(void)state;
	assert_int_equal(modconf_get("options p2pmap allow=A\n"
				     "options p2pmap b=1 allow=B\n",
				     "allow", value, sizeof(value)),
			 0);
	assert_string_equal(value, "B");
	assert_set("options p2pmap allow=A\noptions p2pmap b=1 allow=B\n", "X",
		   "options p2pmap b=1 allow=X\n");
	assert_set("options p2pmap allow=A c=2 allow=B\n", "",
		   "options p2pmap c=2\n");
}

/* What is cut may mean something else. */
static void a_value_that_does_not_fit_is_not_cut(void **state)
{
	const char *text = "options p2pmap allow=\"12345\"\n";
	char value[] = "before";

	(void)state;
	assert_int_equal(modconf_get(text, "allow", value, 5), -EFBIG);
	assert_string_equal(value, "before");
	assert_int_equal(modconf_get(text, "allow", value, 6), 0);
	assert_string_equal(value, "12345");
}

/* Files */

static char folder[] = "/tmp/p2pmap-cli-test.XXXXXX";
static char path[64];

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/p2pmap.conf", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static void write_file(const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void assert_file(const char *text)
{
	char now[256] = "";
	FILE *file = fopen(path, "re");

	assert_non_null(file);
	assert_int_equal(fread(now, 1, sizeof(now) - 1, file), strlen(text));
	fclose(file);
	assert_string_equal(now, text);
}

static void a_file_is_replaced_as_a_whole(void **state)
{
	struct stat before, after;

	(void)state;
	write_file("# mine\n");
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(modconf_store(path, "allow", "X"), 0);
	assert_file("# mine\noptions p2pmap allow=X\n");
	assert_int_equal(stat(path, &after), 0);
	/* Another file took its place, with its mode. */
	assert_true(before.st_ino != after.st_ino);
	assert_int_equal(after.st_mode & 07777, 0640);
}

static void a_file_is_made_where_there_is_none(void **state)
{
	struct stat now;

	(void)state;
	unlink(path);
	assert_int_equal(modconf_store(path, "allow", "X"), 0);
	assert_file("options p2pmap allow=X\n");
	assert_int_equal(stat(path, &now), 0);
	assert_int_equal(now.st_mode & 07777, 0644);
}

static void nothing_is_written_where_nothing_changes(void **state)
{
	struct stat before, after;

	(void)state;
	write_file("options p2pmap allow=X\n");
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(modconf_store(path, "allow", "X"), 0);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
}

static void a_link_stays_a_link(void **state)
{
	char link[80];
	struct stat now;

	(void)state;
	write_file("");
	snprintf(link, sizeof(link), "%s/link.conf", folder);
	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(modconf_store(link, "allow", "X"), 0);
	assert_int_equal(lstat(link, &now), 0);
	assert_true(S_ISLNK(now.st_mode));
	assert_file("options p2pmap allow=X\n");
	unlink(link);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(an_entry_is_added_once),
	cmocka_unit_test(what_is_removed_leaves_the_others),
	cmocka_unit_test(an_entry_that_the_module_ignores_is_called_so),
	cmocka_unit_test(an_option_is_set_and_the_rest_is_kept),
	cmocka_unit_test(what_is_another_option_is_left_alone),
	cmocka_unit_test(an_option_is_removed_with_what_was_there_for_it_only),
	cmocka_unit_test(of_several_the_last_counts),
	cmocka_unit_test(a_value_that_does_not_fit_is_not_cut),
	cmocka_unit_test(a_file_is_replaced_as_a_whole),
	cmocka_unit_test(a_file_is_made_where_there_is_none),
	cmocka_unit_test(nothing_is_written_where_nothing_changes),
	cmocka_unit_test(a_link_stays_a_link),
};

int main(void)
{
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
