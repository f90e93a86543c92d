// SPDX-License-Identifier: GPL-2.0-only
/*
 * PCI addresses, read and written.
 */
#include "fake.h"

static void reads_addresses(void **state)
{
	static const struct {
		const char *text;
		uint32_t domain;
		uint8_t bus, devfn;
		const char *written; /* if it differs */
	} good[] = {
		{ "0000:00:00.0", 0, 0, 0, NULL },
		{ "0000:02:00.0", 0, 2, 0, NULL },
		{ "abcd:ef:1f.7", 0xabcd, 0xef, 0xff, NULL },
		{ "ABCD:EF:1F.7", 0xabcd, 0xef, 0xff, "abcd:ef:1f.7" },
		{ "10000:e1:00.0", 0x10000, 0xe1, 0, NULL },
		{ "ffffffff:ff:1f.7", 0xffffffff, 0xff, 0xff, NULL },
		{ "02:01.3", 0, 2, 0x0b, "0000:02:01.3" },
	};
	char text[P2PMAP_PCI_TEXT_SIZE];
	size_t i;

	(void)state;
	for (i = 0; i < P2PMAP_ARRAY_SIZE(good); i++) {
		struct p2pmap_pci_addr pci;

		memset(&pci, 0xff, sizeof(pci));
		assert_int_equal(p2pmap_pci_parse(good[i].text, &pci), 0);
		assert_int_equal(pci.domain, good[i].domain);
		assert_int_equal(pci.bus, good[i].bus);
		assert_int_equal(pci.devfn, good[i].devfn);
		assert_int_equal(pci.reserved, 0);
		assert_ptr_equal(p2pmap_pci_format(&pci, text, sizeof(text)),
				 text);
		assert_string_equal(text, good[i].written ? good[i].written :
							    good[i].text);
	}
}

static void refuses_everything_else(void **state)
{
	static const char *const bad[] = {
		"",
		"0",
		"0000",
		"0000:",
		"0000:02",
		"0000:02:00",
		"0000:02:00.",
		"0000:02:00.8",
		"0000:02:20.0",
		"0000:02:00.0 ",
		" 0000:02:00.0",
		"0000:02:00.00",
		"000:02:00.0",
		"0000:2:00.0",
		"0000:02:0.0",
		"0000:002:00.0",
		"0000:02:000.0",
		"100000000:02:00.0",
		"0000.02.00.0",
		"0000:02:00:0",
		"0000:0g:00.0",
		"-001:02:00.0",
		"0x00:02:00.0",
		"0000::00.0",
		"2:00.0",
		"02:00",
		"02.00.0",
		"02:00.0.0",
		"0000:02:00.0\n",
		"0000:02:00.a",
	};
	struct p2pmap_pci_addr pci, before;
	size_t i;

	(void)state;
	memset(&pci, 0x5a, sizeof(pci));
	before = pci;
	for (i = 0; i < P2PMAP_ARRAY_SIZE(bad); i++) {
		if (p2pmap_pci_parse(bad[i], &pci) != -EINVAL)
			fail_msg("\"%s\" was taken for an address", bad[i]);
		assert_memory_equal(&pci, &before, sizeof(pci));
	}
}

static void every_device_and_function_comes_back(void **state)
{
	struct p2pmap_pci_addr pci = { .domain = 0 }, back;
	char text[P2PMAP_PCI_TEXT_SIZE];
	unsigned int bus, devfn;

	(void)state;
	for (bus = 0; bus < 256; bus++) {
		for (devfn = 0; devfn < 256; devfn++) {
			pci.bus = (uint8_t)bus;
			pci.devfn = (uint8_t)devfn;
			p2pmap_pci_format(&pci, text, sizeof(text));
			assert_int_equal(p2pmap_pci_parse(text, &back), 0);
			assert_memory_equal(&pci, &back, sizeof(pci));
		}
	}
}

static void a_short_buffer_is_terminated(void **state)
{
	struct p2pmap_pci_addr pci = { .bus = 2 };
	char text[6] = "xxxxx";

	(void)state;
	assert_string_equal(p2pmap_pci_format(&pci, text, 5), "0000");
	assert_int_equal(text[5], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(reads_addresses),
		FAKE_TEST(refuses_everything_else),
		FAKE_TEST(every_device_and_function_comes_back),
		FAKE_TEST(a_short_buffer_is_terminated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
