/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fuzzer of the device node and the netlink family: what its parts share.
 *
 * An input is a short list of operations of eight bytes each, and every list of
 * bytes is one.  fuzz-ops.c does what an operation says (fuzz-ops.h), and
 * fuzz-corpus.c makes inputs and remembers those that reached something new;
 * test-fuzz.c runs them.
 *
 * A worker is a process that runs some inputs, one after the other, in a world
 * of descriptors, ids and memory that they share, and then exits with whatever
 * is still mapped.  Workers may have threads, which run inputs at a time.
 */
#ifndef P2PMAP_TEST_FUZZ_H
#define P2PMAP_TEST_FUZZ_H

#include <stdatomic.h>

#include "harness.h"

#define FUZZ_OPS_MAX 24
#define FUZZ_OP_SIZE 8
#define FUZZ_CORPUS_MAX 4096
#define FUZZ_EDGES (1 << 16)
#define FUZZ_THREADS_MAX 4

/*
 * An input that is found is built upon from the next round on, so that what a
 * seed and the inputs found make does not depend on when they were found.
 */
struct fuzz_input {
	uint32_t round; /* the first one that builds upon it */
	bool has_block; /* reached code that none before had reached */
	uint8_t nr_ops;
	uint8_t ops[FUZZ_OPS_MAX][FUZZ_OP_SIZE];
};

/* What all processes of a campaign see. */
struct fuzz_shared {
	atomic_ulong calls;
	atomic_ulong netlink_calls; /* of them */
	atomic_ulong successes;
	atomic_ulong runs;
	atomic_ullong hash; /* of all inputs that were made */
	atomic_uint nr_edges;
	atomic_uint nr_corpus;
	atomic_uint violations; /* of a user's rights */
	char violation[256]; /* the first one */
	uint8_t last[FUZZ_OP_SIZE]; /* one of those that began last */
	atomic_uchar edges[FUZZ_EDGES];
	atomic_uchar blocks[FUZZ_EDGES];
	struct fuzz_input corpus[FUZZ_CORPUS_MAX];
};

/* splitmix64; a state for each thread, so that a seed repeats */
struct fuzz_random {
	uint64_t state;
};

uint64_t fuzz_next(struct fuzz_random *random);
uint32_t fuzz_below(struct fuzz_random *random, uint32_t end);

/* fuzz-corpus.c */

struct fuzz_cover {
	int fd; /* of KCOV, or -1 */
	uint64_t *area;
};

struct fuzz_shared *fuzz_shared_new(void);
/*
 * Reads a corpus, a line of hexadecimal digits for each input, before which its
 * round may stand.
 */
unsigned int fuzz_corpus_read(struct fuzz_shared *shared, const char *path);
/* How many of them a round builds upon. */
unsigned int fuzz_corpus_at(const struct fuzz_shared *shared,
			    unsigned long round);
void fuzz_input_print(const char *word, const struct fuzz_input *input);
uint64_t fuzz_input_hash(const struct fuzz_input *input);
/* From the first @nr inputs of the corpus. */
void fuzz_input_make(const struct fuzz_shared *shared, unsigned int nr,
		     struct fuzz_random *random, struct fuzz_input *input);
void fuzz_corpus_add(struct fuzz_shared *shared,
		     const struct fuzz_input *input);
/* As root; false where there is no KCOV. */
bool fuzz_cover_open(struct fuzz_cover *cover);
void fuzz_cover_close(struct fuzz_cover *cover);
/* For the calling thread, from now on. */
void fuzz_cover_enable(struct fuzz_cover *cover);
void fuzz_cover_begin(struct fuzz_cover *cover);
/*
 * Was anything reached since that no input reached before: an edge, and even a
 * block?
 */
bool fuzz_cover_is_new(struct fuzz_cover *cover, struct fuzz_shared *shared,
		       bool *has_block);

/* fuzz-ops.c */

#define FUZZ_FDS 4
#define FUZZ_SOCKETS 4
#define FUZZ_IDS 8
#define FUZZ_SLOTS 12
#define FUZZ_SLOT_SIZE (4 * MIB)

enum fuzz_slot_kind {
	FUZZ_SLOT_NONE,
	FUZZ_SLOT_RAM,
	FUZZ_SLOT_THP,
	FUZZ_SLOT_READ_ONLY,
	FUZZ_SLOT_UNREADABLE,
	FUZZ_SLOT_MEMFD,
	FUZZ_SLOT_BAR,
	FUZZ_SLOT_BAR_READ_ONLY,
	FUZZ_SLOT_BAR_PRIVATE,
	FUZZ_SLOT_FILE,
	FUZZ_SLOT_KINDS,
};

struct fuzz_netlink {
	uint16_t family;
	uint32_t group;
	uint32_t uid; /* as which his own contexts are shown to the worker */
	uint64_t last_id; /* of what root had before: nothing of his */
	int fds[FUZZ_SOCKETS];
	bool foreign[FUZZ_SOCKETS]; /* opened with more rights than he has */
	uint64_t ids[3][FUZZ_IDS]; /* of contexts, importers, mappings */
	unsigned int nr_ids[3];
};

struct fuzz_world {
	struct fuzz_shared *shared;
	struct p2pmap_pci_addr pci[4]; /* edu, ivshmem, nvme, none */
	bool user; /* without privileges: what it may not do is a violation */
	bool alone; /* one thread: what is in a slot is known */
	int bar_fd; /* read and write */
	int bar_fd_read_only;
	int file_fd;
	int zero_fd;
	int null_fd;
	int event_fd;
	int foreign_fd; /* root's context, of which a user sees nothing */
	int fds[FUZZ_FDS];
	uint32_t ids[FUZZ_IDS];
	unsigned int nr_ids;
	struct fuzz_netlink netlink;
	unsigned char *slots;
	/* FUZZ_SLOT_KINDS: not known any more */
	enum fuzz_slot_kind kinds[FUZZ_SLOTS];
	unsigned char *edge; /* a page, with nothing behind it */
	unsigned char *read_only;
};

/* As root, before privileges are dropped. */
void fuzz_world_init(struct fuzz_world *world, struct fuzz_shared *shared);
/* In the worker, before it drops them and after. */
void fuzz_world_open_foreign(struct fuzz_world *world);
void fuzz_world_open(struct fuzz_world *world);
void fuzz_run(struct fuzz_world *world, const struct fuzz_input *input);

#endif /* P2PMAP_TEST_FUZZ_H */
