// SPDX-License-Identifier: GPL-2.0-only
/*
 * Importers: attached, handed on, adopted, detached.
 */
#include "fake.h"

static const struct p2pmap_pci_addr pci = { .domain = 1, .bus = 2, .devfn = 8 };

static void attaches_with_options(void **state)
{
	struct p2pmap_attach_opts opts = { .size = sizeof(opts),
					   .dma_bits = 40 };
	struct p2pmap_context *ctx = fake_context(0);
	struct p2pmap_importer *importer;

	(void)state;
	assert_int_equal(
		p2pmap_importer_attach(ctx, &pci, &opts, NULL, &importer), 0);
	assert_int_equal(fake.attach.dma_bits, 40);
	assert_int_equal(fake.attach.flags, 0);
	assert_int_equal(fake.attach.reserved, 0);
	assert_memory_equal(&fake.attach.pci, &pci, sizeof(pci));
	assert_int_equal(p2pmap_importer_id(importer), FAKE_IMPORTER);
	assert_memory_equal(p2pmap_importer_pci(importer), &pci, sizeof(pci));
	assert_int_equal(p2pmap_importer_mode(importer), P2PMAP_DMA_TRANSLATED);
	assert_true(p2pmap_importer_is_enforced(importer));
	assert_int_equal(p2pmap_importer_group(importer), 5);
	assert_int_equal(p2pmap_importer_dma_mask(importer), 0xffffffff);
	assert_int_equal(p2pmap_importer_detach(importer), 0);
	assert_int_equal(fake.detached_id, FAKE_IMPORTER);
	assert_int_equal(p2pmap_importer_detach(NULL), 0);
	p2pmap_context_close(ctx);
}

static void attach_fails_with_its_reason(void **state)
{
	struct p2pmap_reason reason = { .size = sizeof(reason) };
	struct p2pmap_context *ctx = fake_context(0);
	struct p2pmap_importer *importer = (void *)&fake;

	(void)state;
	fake.error[NR(P2PMAP_IOC_ATTACH)] = -EPERM;
	fake.why.code = P2PMAP_REASON_NOT_ALLOWED;
	fake.why.pci = pci;
	assert_int_equal(p2pmap_importer_attach(ctx, &pci, NULL, &reason,
						&importer),
			 -EPERM);
	assert_ptr_equal(importer, &fake);
	assert_int_equal(reason.code, P2PMAP_REASON_NOT_ALLOWED);
	assert_int_equal(reason.size, sizeof(reason));
	assert_non_null(strstr(fake.log, "cannot attach 0001:02:01.0: "
					 "Operation not permitted; This"));
	assert_non_null(strstr(fake.log, "allow=0001:02:01.0"));

	/* The log is told even if the caller does not want to know. */
	fake.nr_log = 0;
	assert_int_equal(p2pmap_importer_attach(ctx, &pci, NULL, NULL,
						&importer),
			 -EPERM);
	assert_int_equal(fake.nr_log, 1);
	p2pmap_context_close(ctx);
}

static void attach_refuses_bad_structs(void **state)
{
	struct p2pmap_context *ctx = fake_context(0);
	struct p2pmap_attach_opts opts = { .size = 3 };
	struct p2pmap_reason reason = { .size = 4 };
	struct p2pmap_importer *importer;

	(void)state;
	assert_int_equal(p2pmap_importer_attach(ctx, &pci, &opts, NULL,
						&importer),
			 -EINVAL);
	opts.size = sizeof(opts);
	opts.reserved = 1;
	assert_int_equal(p2pmap_importer_attach(ctx, &pci, &opts, NULL,
						&importer),
			 -EINVAL);
	assert_int_equal(p2pmap_importer_attach(ctx, &pci, NULL, &reason,
						&importer),
			 -EINVAL);
	fake.allocs = 0;
	fake.alloc_fail = 1;
	assert_int_equal(p2pmap_importer_attach(ctx, &pci, NULL, NULL,
						&importer),
			 -ENOMEM);
	assert_int_equal(fake.nr_ioctl[NR(P2PMAP_IOC_ATTACH)], 0);
	p2pmap_context_close(ctx);
}

static void detach_keeps_a_busy_importer(void **state)
{
	struct p2pmap_context *ctx = fake_context(0);
	struct p2pmap_importer *importer = fake_importer(ctx);

	(void)state;
	fake.error[NR(P2PMAP_IOC_DETACH)] = -EBUSY;
	assert_int_equal(p2pmap_importer_detach(importer), -EBUSY);
	assert_int_equal(p2pmap_importer_id(importer), FAKE_IMPORTER);
	fake.error[NR(P2PMAP_IOC_DETACH)] = -ENOENT;
	assert_int_equal(p2pmap_importer_detach(importer), -ENOENT);
	p2pmap_context_close(ctx);
}

static void adopts_what_get_info_described(void **state)
{
	struct p2pmap_importer_info info = { .size = sizeof(info) };
	struct p2pmap_context *ctx = fake_context(0);
	struct p2pmap_importer *importer;

	(void)state;
	assert_int_equal(p2pmap_importer_get_info(fake_importer(ctx), &info),
			 0);
	assert_int_equal(info.id, FAKE_IMPORTER);
	assert_int_equal(info.flags, P2PMAP_IMPORTER_ENFORCED);
	assert_int_equal(p2pmap_importer_adopt(ctx, &info, &importer), 0);
	assert_int_equal(p2pmap_importer_id(importer), FAKE_IMPORTER);
	assert_int_equal(p2pmap_importer_group(importer), 5);
	assert_int_equal(p2pmap_importer_pci(importer)->bus, 2);
	assert_int_equal(fake.nr_attached, 1);
	p2pmap_context_close(ctx);
}

static void adopts_a_mere_id(void **state)
{
	struct p2pmap_importer_info info = { .size = 8, .id = 4, .group = 9 };
	struct p2pmap_context *ctx = fake_context(0);
	struct p2pmap_importer *importer;

	(void)state;
	assert_int_equal(p2pmap_importer_adopt(ctx, &info, &importer), 0);
	assert_int_equal(p2pmap_importer_id(importer), 4);
	assert_int_equal(p2pmap_importer_group(importer), 0);
	p2pmap_context_close(ctx);
}

static void adopt_refuses_bad_info(void **state)
{
	struct {
		struct p2pmap_importer_info known;
		uint64_t later;
	} newer = { .known = { .size = sizeof(newer), .id = 1 } };
	struct p2pmap_importer_info info = { .size = 4, .id = 4 };
	struct p2pmap_context *ctx = fake_context(0);
	struct p2pmap_importer *importer;

	(void)state;
	assert_int_equal(p2pmap_importer_adopt(ctx, &info, &importer), -EINVAL);
	info.size = sizeof(info);
	info.id = 0;
	assert_int_equal(p2pmap_importer_adopt(ctx, &info, &importer), -EINVAL);
	newer.later = 1;
	assert_int_equal(p2pmap_importer_adopt(ctx, &newer.known, &importer),
			 -E2BIG);
	info.id = 1;
	fake.allocs = 0;
	fake.alloc_fail = 1;
	assert_int_equal(p2pmap_importer_adopt(ctx, &info, &importer), -ENOMEM);
	info.size = 0;
	assert_int_equal(p2pmap_importer_get_info(fake_importer(ctx), &info),
			 -EINVAL);
	p2pmap_context_close(ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(attaches_with_options),
		FAKE_TEST(attach_fails_with_its_reason),
		FAKE_TEST(attach_refuses_bad_structs),
		FAKE_TEST(detach_keeps_a_busy_importer),
		FAKE_TEST(adopts_what_get_info_described),
		FAKE_TEST(adopts_a_mere_id),
		FAKE_TEST(adopt_refuses_bad_info),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
