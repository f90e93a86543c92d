// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fuzzer's inputs: made at random or from older ones, and remembered if
 * they reached something in the module that none had reached before.  fuzz.h
 * says what each function is for.
 *
 * What was reached is KCOV's word.  On a debug kernel the module alone is
 * instrumented, so whatever it names is the module's.  Elsewhere every input is
 * as good as another.
 */
#define _GNU_SOURCE
#include "fuzz.h"

#include <sys/ioctl.h>

#define KCOV_INIT_TRACE _IOR('c', 1, unsigned long)
#define KCOV_ENABLE _IO('c', 100)
#define KCOV_TRACE_PC 0
#define KCOV_WORDS 65536

uint64_t fuzz_next(struct fuzz_random *random)
{
	uint64_t z = random->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

uint32_t fuzz_below(struct fuzz_random *random, uint32_t end)
{
	return fuzz_next(random) % end;
}

struct fuzz_shared *fuzz_shared_new(void)
{
	void *shared = mmap(NULL, sizeof(struct fuzz_shared), RW,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(shared, MAP_FAILED);
	return shared;
}

/* Inputs */

static void random_op(struct fuzz_random *random, uint8_t *op)
{
	uint64_t bytes = fuzz_next(random);

	memcpy(op, &bytes, FUZZ_OP_SIZE);
	/* What is wrong in every respect is refused for the first reason. */
	for (int i = 1; i < FUZZ_OP_SIZE; i++)
		if (fuzz_below(random, 3))
			op[i] &= 0x0f;
}

static void mutate(struct fuzz_random *random, struct fuzz_input *input)
{
	unsigned int at = fuzz_below(random, input->nr_ops);

	switch (fuzz_below(random, 6)) {
	case 0: /* a bit */
		input->ops[at][fuzz_below(random, FUZZ_OP_SIZE)] ^=
			1 << fuzz_below(random, 8);
		break;
	case 1: /* a byte */
		input->ops[at][fuzz_below(random, FUZZ_OP_SIZE)] =
			fuzz_next(random);
		break;
	case 2: /* an operation more */
		if (input->nr_ops == FUZZ_OPS_MAX)
			break;
		memmove(input->ops[at + 1], input->ops[at],
			(input->nr_ops - at) * FUZZ_OP_SIZE);
		input->nr_ops++;
		random_op(random, input->ops[at]);
		break;
	case 3: /* one less */
		if (input->nr_ops == 1)
			break;
		input->nr_ops--;
		memmove(input->ops[at], input->ops[at + 1],
			(input->nr_ops - at) * FUZZ_OP_SIZE);
		break;
	case 4: /* another one in its place */
		random_op(random, input->ops[at]);
		break;
	case 5: /* the same once more, later */
		memcpy(input->ops[fuzz_below(random, input->nr_ops)],
		       input->ops[at], FUZZ_OP_SIZE);
		break;
	}
}

/* The end of an input is another's. */
static void join_inputs(struct fuzz_random *random, struct fuzz_input *input,
			const struct fuzz_input *other)
{
	unsigned int keep = 1 + fuzz_below(random, input->nr_ops);
	unsigned int from = fuzz_below(random, other->nr_ops);

	while (keep < FUZZ_OPS_MAX && from < other->nr_ops)
		memcpy(input->ops[keep++], other->ops[from++], FUZZ_OP_SIZE);
	input->nr_ops = keep;
}

void fuzz_input_make(const struct fuzz_shared *shared, unsigned int nr,
		     struct fuzz_random *random, struct fuzz_input *input)
{
	if (!nr || !fuzz_below(random, 8)) {
		input->nr_ops = 1 + fuzz_below(random, FUZZ_OPS_MAX);
		for (unsigned int i = 0; i < input->nr_ops; i++)
			random_op(random, input->ops[i]);
		return;
	}
	*input = shared->corpus[fuzz_below(random, nr)];
	if (!fuzz_below(random, 4))
		join_inputs(random, input,
			    &shared->corpus[fuzz_below(random, nr)]);
	for (unsigned int n = 1 + fuzz_below(random, 6); n; n--)
		mutate(random, input);
}

/* The corpus */

/* Threads that add at a time may lose one of their inputs, not more. */
void fuzz_corpus_add(struct fuzz_shared *shared, const struct fuzz_input *input)
{
	unsigned int nr = atomic_load(&shared->nr_corpus);

	do {
		if (nr == FUZZ_CORPUS_MAX)
			return;
		shared->corpus[nr] = *input;
	} while (
		!atomic_compare_exchange_weak(&shared->nr_corpus, &nr, nr + 1));
}

static bool parse_line(const char *line, struct fuzz_input *input)
{
	uint8_t *byte = &input->ops[0][0];
	unsigned int length;
	char *end;

	input->round = 0;
	input->has_block = false;
	if (strchr(line, ' ')) {
		input->round = strtoul(line, &end, 10);
		line = end + 1;
	}
	length = strspn(line, "0123456789abcdef") / 2;
	if (!length || length % FUZZ_OP_SIZE ||
	    length > FUZZ_OPS_MAX * FUZZ_OP_SIZE)
		return false;
	input->nr_ops = length / FUZZ_OP_SIZE;
	for (; length; length--, line += 2)
		if (sscanf(line, "%2hhx", byte++) != 1)
			return false;
	return true;
}

unsigned int fuzz_corpus_read(struct fuzz_shared *shared, const char *path)
{
	char line[2 * FUZZ_OPS_MAX * FUZZ_OP_SIZE + 16];
	FILE *file = fopen(path, "re");
	struct fuzz_input input;
	unsigned int nr = 0;

	while (file && fgets(line, sizeof(line), file)) {
		if (!parse_line(line, &input))
			continue;
		fuzz_corpus_add(shared, &input);
		nr++;
	}
	if (file)
		fclose(file);
	return nr;
}

unsigned int fuzz_corpus_at(const struct fuzz_shared *shared,
			    unsigned long round)
{
	unsigned int nr = atomic_load(&shared->nr_corpus);

	while (nr && shared->corpus[nr - 1].round > round)
		nr--;
	return nr;
}

void fuzz_input_print(const char *word, const struct fuzz_input *input)
{
	printf("%s ", word);
	for (int i = 0; i < input->nr_ops * FUZZ_OP_SIZE; i++)
		printf("%02x", (&input->ops[0][0])[i]);
	puts("");
}

uint64_t fuzz_input_hash(const struct fuzz_input *input)
{
	uint64_t hash = input->nr_ops, bytes;

	for (int i = 0; i < input->nr_ops; i++) {
		memcpy(&bytes, input->ops[i], FUZZ_OP_SIZE);
		hash = fuzz_next(&(struct fuzz_random){ hash ^ bytes });
	}
	return hash;
}

/* Coverage */

bool fuzz_cover_open(struct fuzz_cover *cover)
{
	cover->fd = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);
	if (cover->fd < 0)
		return false;
	if (ioctl(cover->fd, KCOV_INIT_TRACE, KCOV_WORDS))
		return false;
	cover->area = mmap(NULL, KCOV_WORDS * sizeof(uint64_t), RW, MAP_SHARED,
			   cover->fd, 0);
	return cover->area != MAP_FAILED;
}

void fuzz_cover_close(struct fuzz_cover *cover)
{
	if (cover->fd < 0)
		return;
	munmap(cover->area, KCOV_WORDS * sizeof(uint64_t));
	close(cover->fd);
}

void fuzz_cover_enable(struct fuzz_cover *cover)
{
	if (cover->fd >= 0 && ioctl(cover->fd, KCOV_ENABLE, KCOV_TRACE_PC))
		cover->fd = -1;
}

void fuzz_cover_begin(struct fuzz_cover *cover)
{
	if (cover->fd >= 0)
		__atomic_store_n(&cover->area[0], 0, __ATOMIC_RELAXED);
}

static uint32_t edge_hash(uint64_t from, uint64_t to)
{
	uint64_t hash = (from * 3 ^ to) * 0x9e3779b97f4a7c15ULL;

	return hash >> 48;
}

/* True for the first one that asks. */
static bool note(atomic_uchar *seen)
{
	return !atomic_load_explicit(seen, memory_order_relaxed) &&
	       !atomic_exchange(seen, 1);
}

bool fuzz_cover_is_new(struct fuzz_cover *cover, struct fuzz_shared *shared,
		       bool *has_block)
{
	uint64_t nr, before = 0;
	bool is_new = false;

	*has_block = false;
	if (cover->fd < 0)
		return false;
	nr = __atomic_load_n(&cover->area[0], __ATOMIC_RELAXED);
	for (uint64_t i = 1; i <= nr && i < KCOV_WORDS; i++) {
		uint64_t at = cover->area[i];

		*has_block |= note(&shared->blocks[edge_hash(0, at)]);
		if (note(&shared->edges[edge_hash(before, at)])) {
			atomic_fetch_add(&shared->nr_edges, 1);
			is_new = true;
		}
		before = at;
	}
	return is_new;
}
