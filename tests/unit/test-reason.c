// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reasons and names: every code of the ABI has words, and they help.
 */
#include <ctype.h>
#include <stdlib.h>

#include "fake.h"

/* Every constant of the ABI; tests/check/abi keeps the list complete. */
static const struct {
	const char *name;
	uint64_t value;
} constants[] = {
#define ABI_STRUCT(name, size)
#define ABI_FIELD(name, field, at)
#define ABI_IOCTL(name, number)
#define ABI_CONST(name, value) { #name, value },
#include "../../kmod/abi-layout.h"
};

static bool starts(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

/* Values that stand out in a text, and the longest there are. */
static struct p2pmap_reason example(uint32_t code)
{
	struct p2pmap_reason reason = {
		.size = sizeof(reason),
		.code = code,
		.pci = { .domain = 0xffffffff, .bus = 0xff, .devfn = 0xff },
		.detail = 0xffffffff,
		.value = { UINT64_MAX, UINT64_MAX, UINT64_MAX },
	};

	return reason;
}

static void check_sentence(const char *name, const char *text, size_t length)
{
	if (length < 20 ||
	    !(isupper(text[0]) || isxdigit(text[0]) || starts(text, "0x")))
		fail_msg("%s: not a sentence: %s", name, text);
	if (text[length - 1] != '.' || strpbrk(text, "{}\n"))
		fail_msg("%s: not a clean text: %s", name, text);
	if (strstr(text, "too old"))
		fail_msg("%s has no text of its own", name);
}

static void every_code_has_a_text_and_a_name(void **state)
{
	char text[P2PMAP_REASON_TEXT_SIZE];
	unsigned int codes = 0;
	size_t i;

	(void)state;
	for (i = 0; i < P2PMAP_ARRAY_SIZE(constants); i++) {
		uint32_t code = (uint32_t)constants[i].value;
		struct p2pmap_reason reason = example(code);
		const char *name, *from;
		size_t length;

		if (!starts(constants[i].name, "P2PMAP_REASON_"))
			continue;
		length = p2pmap_reason_text(&reason, text, sizeof(text));
		assert_int_equal(length, strlen(text));
		check_sentence(constants[i].name, text, length);

		/* "no-route-acs" for P2PMAP_REASON_NO_ROUTE_ACS */
		name = p2pmap_reason_name(code);
		assert_non_null(name);
		from = constants[i].name + strlen("P2PMAP_REASON_");
		assert_int_equal(strlen(name), strlen(from));
		for (; *name; name++, from++)
			assert_int_equal(*name,
					 *from == '_' ? '-' : tolower(*from));
		codes++;
	}
	assert_int_equal(codes, P2PMAP_REASON_USER_LIMIT + 1);
}

static void texts_say_what_the_reason_carries(void **state)
{
	static const struct {
		uint32_t code;
		const char *parts[5];
	} expected[] = {
		{ P2PMAP_REASON_NOT_ALLOWED,
		  { "allow=0000:00:01.0", "CAP_SYS_RAWIO" } },
		{ P2PMAP_REASON_UNENFORCED,
		  { "0000:00:01.0", "unenforced=1" } },
		{ P2PMAP_REASON_NO_ROUTE_ACS,
		  { "0000:00:01.0 redirects", "request redirect (RR)",
		    "completion redirect (CR)",
		    "pci=disable_acs_redir=0000:00:01.0" } },
		{ P2PMAP_REASON_NO_ROUTE_HOST_BRIDGE,
		  { "0000:00:01.0", "host_bridges=0000:000c" } },
		{ P2PMAP_REASON_NO_ROUTE_DISTINCT,
		  { "host_bridges=0000:000c" } },
		{ P2PMAP_REASON_HOLE, { "0x7f00" } },
		{ P2PMAP_REASON_NOT_WRITABLE,
		  { "0x7f00", "P2PMAP_MAP_WRITE" } },
		{ P2PMAP_REASON_DMA_MASK,
		  { "0x7f00", "0000:00:01.0", "mask is 0xffff" } },
		{ P2PMAP_REASON_MEMLOCK,
		  { "needs 12288 more", "65535 of the 32512", "RLIMIT_MEMLOCK",
		    "ulimit -l" } },
		{ P2PMAP_REASON_TOO_BIG, { "32512 bytes" } },
		{ P2PMAP_REASON_EXPORTER_REFUSES, { "0x7f00", "driver" } },
		{ P2PMAP_REASON_EXPORTER_REFUSES_WRITE,
		  { "0x7f00", "without WRITE" } },
		{ P2PMAP_REASON_EXPORTER_HAS_NONE, { "0x7f00" } },
		{ P2PMAP_REASON_NEEDS_PIN, { "P2PMAP_MAP_PIN" } },
	};
	struct p2pmap_reason reason = {
		.size = sizeof(reason),
		.pci = { .devfn = 8 },
		.detail = 0x0c,
		.value = { 0x7f00, 0xffff, 12288 },
	};
	char text[P2PMAP_REASON_TEXT_SIZE];
	size_t i, j;

	(void)state;
	for (i = 0; i < P2PMAP_ARRAY_SIZE(expected); i++) {
		reason.code = expected[i].code;
		p2pmap_reason_text(&reason, text, sizeof(text));
		for (j = 0; j < 5 && expected[i].parts[j]; j++) {
			if (!strstr(text, expected[i].parts[j]))
				fail_msg("no \"%s\" in: %s",
					 expected[i].parts[j], text);
		}
	}
}

static void acs_bits_have_names(void **state)
{
	static const struct {
		uint32_t bits;
		const char *words;
	} acs[] = {
		{ 0x04, "by request redirect (RR)," },
		{ 0x28,
		  "by completion redirect (CR) and egress control (EC)," },
		{ 0x41, "by ACS bits 0x41," },
		{ 0x24, "by request redirect (RR) and egress control (EC)," },
		{ 0x44, "by request redirect (RR) and ACS bits 0x40," },
		{ 0, "by ACS bits 0x0," },
	};
	struct p2pmap_reason reason = example(P2PMAP_REASON_NO_ROUTE_ACS);
	char text[P2PMAP_REASON_TEXT_SIZE];
	size_t i;

	(void)state;
	for (i = 0; i < P2PMAP_ARRAY_SIZE(acs); i++) {
		reason.detail = acs[i].bits;
		p2pmap_reason_text(&reason, text, sizeof(text));
		if (!strstr(text, acs[i].words))
			fail_msg("no \"%s\" in: %s", acs[i].words, text);
	}
}

static void a_code_from_the_future_is_told(void **state)
{
	struct p2pmap_reason reason = example(4711);
	char text[P2PMAP_REASON_TEXT_SIZE];

	(void)state;
	p2pmap_reason_text(&reason, text, sizeof(text));
	assert_non_null(strstr(text, "reason 4711"));
	assert_null(p2pmap_reason_name(4711));
}

static void a_short_buffer_gets_the_beginning(void **state)
{
	struct p2pmap_reason reason = example(P2PMAP_REASON_HOLE);
	char whole[P2PMAP_REASON_TEXT_SIZE];
	size_t length = p2pmap_reason_text(&reason, whole, sizeof(whole));
	size_t size;

	(void)state;
	assert_int_equal(p2pmap_reason_text(&reason, NULL, 0), length);
	for (size = 1; size <= length + 1; size++) {
		/* From the heap, for valgrind to see a byte too many. */
		char *text = malloc(size);

		assert_int_equal(p2pmap_reason_text(&reason, text, size),
				 length);
		assert_int_equal(strlen(text), size - 1);
		assert_memory_equal(text, whole, size - 1);
		free(text);
	}
}

/* A caller built when struct p2pmap_reason was shorter. */
static void a_short_reason_is_not_read_beyond(void **state)
{
	const uint32_t size_and_code[] = { 8, P2PMAP_REASON_HOLE };
	void *reason = malloc(sizeof(size_and_code));
	char text[P2PMAP_REASON_TEXT_SIZE];

	(void)state;
	memcpy(reason, size_and_code, sizeof(size_and_code));
	p2pmap_reason_text(reason, text, sizeof(text));
	assert_non_null(strstr(text, "at 0x0:"));
	free(reason);
}

/* @prefix_ constants and names must come in equal numbers. */
static void check_names(const char *prefix, const char *(*name_of)(uint32_t),
			const char *const *except)
{
	size_t i, found = 0;

	for (i = 0; i < P2PMAP_ARRAY_SIZE(constants); i++) {
		const char *const *skip = except;
		const char *name = constants[i].name;

		if (!starts(name, prefix))
			continue;
		while (*skip && strcmp(*skip, name))
			skip++;
		if (*skip)
			continue;
		if (!name_of((uint32_t)constants[i].value))
			fail_msg("%s has no name", name);
		found++;
	}
	assert_true(found >= 2);
	assert_null(name_of(0x7fffffff));
}

static void every_enum_has_names(void **state)
{
	static const char *const none[] = { NULL };
	static const char *const flags[] = { "P2PMAP_EVENT_SINK",
					     "P2PMAP_EVENT_NOT_CUT", NULL };

	(void)state;
	check_names("P2PMAP_DMA_", p2pmap_dma_mode_name, none);
	check_names("P2PMAP_KIND_", p2pmap_kind_name, none);
	check_names("P2PMAP_ROUTE_", p2pmap_route_name, none);
	check_names("P2PMAP_EVENT_", p2pmap_event_reason_name, flags);
	assert_string_equal(p2pmap_route_name(P2PMAP_ROUTE_EXPORTER),
			    "exporter");
	assert_string_equal(p2pmap_route_name(P2PMAP_ROUTE_HOST_BRIDGE),
			    "host-bridge");
	assert_null(p2pmap_event_reason_name(P2PMAP_EVENT_UNMAPPED |
					     P2PMAP_EVENT_CHANGED));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(every_code_has_a_text_and_a_name),
		FAKE_TEST(texts_say_what_the_reason_carries),
		FAKE_TEST(acs_bits_have_names),
		FAKE_TEST(a_code_from_the_future_is_told),
		FAKE_TEST(a_short_buffer_gets_the_beginning),
		FAKE_TEST(a_short_reason_is_not_read_beyond),
		FAKE_TEST(every_enum_has_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
