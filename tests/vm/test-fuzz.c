// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device node under arbitrary calls: as root, as a user without privileges
 * who was given the node and one device, in one thread and in several.  The
 * kernel must survive, nothing may be left behind, and the user gets nothing
 * that is not his.
 *
 * In the suite this takes seconds, and goes on from the corpus (fuzz.corpus).
 * Started with options it is the fuzzer itself: tests/vm/fuzz does that.  A seed
 * and a number of runs in one thread repeat what was done, as far as what the
 * kernel reached repeats: that decides which inputs are built upon.
 *
 * iommu: on pt amd
 */
#define _GNU_SOURCE
#include "fuzz.h"

#include <getopt.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>

#include "witness.h"

#define RUNS_OF_A_WORKER 32
#define SECONDS 20
#define PATIENCE_SECONDS 60
#define MEMLOCK (1 * MIB)
#define CORPUS "/tests/fuzz.corpus"

struct campaign {
	uint64_t seed;
	unsigned long runs; /* 0: until the time is over */
	unsigned int seconds;
	unsigned int threads;
	bool user;
	bool print;
	const char *corpus;
	struct fuzz_shared *shared;
	struct fuzz_cover covers[FUZZ_THREADS_MAX];
	struct fuzz_world world;
};

struct worker {
	struct campaign *campaign;
	struct fuzz_random random;
	unsigned int thread;
};

static void *work(void *arg)
{
	struct worker *worker = arg;
	struct campaign *campaign = worker->campaign;
	struct fuzz_cover *cover = &campaign->covers[worker->thread];
	struct fuzz_shared *shared = campaign->shared;
	struct fuzz_input input;

	fuzz_cover_enable(cover);
	for (int i = 0; i < RUNS_OF_A_WORKER; i++) {
		fuzz_input_make(shared, &worker->random, &input);
		fuzz_cover_begin(cover);
		fuzz_run(&campaign->world, &input);
		if (fuzz_cover_is_new(cover, shared))
			fuzz_corpus_add(shared, &input);
	}
	return NULL;
}

/* The inputs of the corpus as they are, so that what they reach is known. */
static void replay(struct campaign *campaign, unsigned int first,
		   unsigned int last)
{
	struct fuzz_shared *shared = campaign->shared;

	fuzz_cover_enable(&campaign->covers[0]);
	for (; first < last; first++) {
		fuzz_cover_begin(&campaign->covers[0]);
		fuzz_run(&campaign->world, &shared->corpus[first]);
		fuzz_cover_is_new(&campaign->covers[0], shared);
	}
}

static bool pins_more_than_it_may(void)
{
	return file_number("/proc/self/status", "VmPin:") >
	       (long)(MEMLOCK / KIB);
}

/* Everything is made anew for a worker, and goes with it. */
static int worker_main(struct campaign *campaign, unsigned long round,
		       unsigned int replayed)
{
	struct worker workers[FUZZ_THREADS_MAX];
	pthread_t threads[FUZZ_THREADS_MAX];

	if (campaign->user)
		fuzz_world_open_foreign(&campaign->world);
	if (campaign->user &&
	    (limit_memlock(MEMLOCK) || become_user(USER_UID, USER_UID)))
		return 1;
	fuzz_world_open(&campaign->world);
	if (replayed) {
		replay(campaign, round * RUNS_OF_A_WORKER, replayed);
		return 0;
	}
	for (unsigned int i = 0; i < campaign->threads; i++) {
		workers[i] = (struct worker){
			.campaign = campaign,
			.random = { campaign->seed + (round << 8) + i },
			.thread = i,
		};
		if (i && pthread_create(&threads[i], NULL, work, &workers[i]))
			return 1;
	}
	work(&workers[0]);
	for (unsigned int i = 1; i < campaign->threads; i++)
		pthread_join(threads[i], NULL);
	if (campaign->user && pins_more_than_it_may())
		return 2;
	return 0;
}

/* What is in the slots of a process. */
static void tell_slots(pid_t pid)
{
	char path[64], line[512];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/smaps", pid);
	file = fopen(path, "re");
	for (bool slot = false; file && fgets(line, sizeof(line), file);) {
		if (strchr(line, '-') && strchr(line, '-') < strchr(line, ' '))
			slot = !strncmp(line, "20000", 5);
		if (slot)
			printf("# %s", line);
	}
	if (file)
		fclose(file);
}

/* Where a worker hangs, and each process of its. */
static void tell_stacks(const struct campaign *campaign, pid_t pid)
{
	const uint8_t *op = campaign->shared->last;
	char path[64], text[4096];

	printf("# fuzz: the last operation: %02x%02x%02x%02x%02x%02x%02x%02x\n",
	       op[0], op[1], op[2], op[3], op[4], op[5], op[6], op[7]);
	/* What each processor is at, to the kernel's log. */
	file_write("/proc/sysrq-trigger", "l");
	tell_slots(pid);

	for (pid_t last = pid + 8; pid < last; pid++)
		for (int i = 0; i < 3; i++) {
			static const char *const files[] = { "syscall", "stat",
							     "stack" };

			snprintf(path, sizeof(path), "/proc/%d/%s", pid,
				 files[i]);
			if (file_read(path, text, sizeof(text)))
				printf("# fuzz: %s:\n%s\n", path, text);
		}
}

/* Waits for a worker; kills it should it hang, which no call may. */
static int worker_end(const struct campaign *campaign, pid_t pid)
{
	uint64_t end = now_ms() + PATIENCE_SECONDS * 1000;
	int status;

	while (!waitpid(pid, &status, WNOHANG)) {
		if (now_ms() > end) {
			tell_stacks(campaign, pid);
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			return -1;
		}
		sleep_ms(1);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) :
				   CHILD_SIGNALLED + WTERMSIG(status);
}

static int worker_run(struct campaign *campaign, unsigned long round,
		      unsigned int replayed)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(worker_main(campaign, round, replayed));
	}
	return pid < 0 ? -1 : worker_end(campaign, pid);
}

static unsigned int min_of(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

static int replay_corpus(struct campaign *campaign)
{
	unsigned int nr = atomic_load(&campaign->shared->nr_corpus);
	int rc = 0;

	for (unsigned int i = 0; !rc && i * RUNS_OF_A_WORKER < nr; i++)
		rc = worker_run(campaign, i,
				min_of(nr, (i + 1) * RUNS_OF_A_WORKER));
	return rc;
}

static void mark_round(const struct campaign *campaign, unsigned long round)
{
	char text[160];

	snprintf(text, sizeof(text),
		 "p2pmap-test: fuzz: --seed %llu --threads %u%s, run %lu\n",
		 (unsigned long long)campaign->seed, campaign->threads,
		 campaign->user ? " --user" : "", round * RUNS_OF_A_WORKER);
	file_write("/dev/kmsg", text);
}

/* Who may what in a campaign without privileges. */
static void admit_user(const struct campaign *campaign, bool on)
{
	char word[64] = "";

	if (!campaign->user)
		return;
	if (on)
		snprintf(word, sizeof(word), "%s=u%d", getenv("P2PMAP_EDU"),
			 USER_UID);
	file_write("/sys/module/p2pmap/parameters/allow", on ? word : "\n");
	chmod(NODE, on ? 0666 : 0600);
}

static int rounds(struct campaign *campaign)
{
	uint64_t end = now_ms() + campaign->seconds * 1000ULL;
	unsigned long round;
	int rc = 0;

	for (round = 0; !rc; round++) {
		if (campaign->runs ?
			    round * RUNS_OF_A_WORKER >= campaign->runs :
			    now_ms() >= end)
			break;
		if (round % 32 == 0)
			mark_round(campaign, round);
		rc = worker_run(campaign, round, 0);
	}
	return rc;
}

/* 0, or what went wrong; the kernel says what is wrong with itself. */
static int campaign_run(struct campaign *campaign)
{
	struct fuzz_shared *shared = fuzz_shared_new();
	uint64_t begin = now_ms(), ms;
	unsigned int nr, i;
	int rc;

	campaign->shared = shared;
	fuzz_world_init(&campaign->world, shared);
	campaign->world.user = campaign->user;
	campaign->world.alone = campaign->threads == 1;
	for (i = 0; i < campaign->threads; i++)
		fuzz_cover_open(&campaign->covers[i]);
	nr = fuzz_corpus_read(shared, campaign->corpus);
	admit_user(campaign, true);
	rc = replay_corpus(campaign);
	if (!rc)
		rc = rounds(campaign);
	admit_user(campaign, false);
	for (i = 0; i < campaign->threads; i++)
		fuzz_cover_close(&campaign->covers[i]);
	ms = now_ms() - begin;
	printf("# fuzz: --seed %llu: %lu runs, %lu calls (%lu of netlink, %lu succeeded) in %llu s, %llu a second\n",
	       (unsigned long long)campaign->seed, shared->runs, shared->calls,
	       shared->netlink_calls, shared->successes, (unsigned long long)ms / 1000,
	       (unsigned long long)(shared->calls * 1000 / (ms + 1)));
	printf("# fuzz: a corpus of %u, %u of them found just now; %u edges\n",
	       shared->nr_corpus, shared->nr_corpus - nr, shared->nr_edges);
	if (shared->violations)
		printf("# fuzz: %u violations, the first: %s\n",
		       shared->violations, shared->violation);
	if (campaign->print)
		fuzz_corpus_print(shared);
	if (!rc && shared->violations)
		rc = 3;
	munmap(shared, sizeof(*shared));
	return rc;
}

/* In the suite */

static void world_close(struct fuzz_world *world)
{
	close(world->bar_fd);
	close(world->bar_fd_read_only);
	close(world->file_fd);
	close(world->zero_fd);
	close(world->null_fd);
	close(world->event_fd);
}

static void run(struct lab *lab, bool user, unsigned int threads)
{
	struct campaign campaign = {
		.seconds = scaled(SECONDS),
		.threads = threads,
		.user = user,
		.corpus = CORPUS,
	};

	/* Nobody else attached to edu, or it could not be detached. */
	random_begin(lab);
	campaign.seed = *random_state();
	assert_int_equal(campaign_run(&campaign), 0);
	world_close(&campaign.world);
	quarantine_wait_empty();
}

static void root_may_call_what_he_likes(void **state)
{
	run(*state, false, 1);
}

static void root_may_call_what_he_likes_in_threads(void **state)
{
	run(*state, false, 3);
}

static void a_user_gets_nothing_beyond_his_rights(void **state)
{
	run(*state, true, 1);
}

static void a_user_gets_nothing_beyond_his_rights_in_threads(void **state)
{
	run(*state, true, 3);
}

/* As a program */

static int fuzz_main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "runs", required_argument, NULL, 'r' },
		{ "seconds", required_argument, NULL, 't' },
		{ "threads", required_argument, NULL, 'j' },
		{ "corpus", required_argument, NULL, 'c' },
		{ "user", no_argument, NULL, 'u' },
		{ "print", no_argument, NULL, 'p' },
		{ NULL, 0, NULL, 0 },
	};
	static struct campaign campaign = { .seconds = SECONDS,
					    .threads = 1,
					    .corpus = CORPUS };
	struct lab_balance before;
	int option, rc;

	campaign.seed = time(NULL);
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (option) {
		case 's':
			campaign.seed = strtoull(optarg, NULL, 0);
			break;
		case 'r':
			campaign.runs = strtoul(optarg, NULL, 0);
			break;
		case 't':
			campaign.seconds = strtoul(optarg, NULL, 0);
			break;
		case 'j':
			campaign.threads = strtoul(optarg, NULL, 0);
			break;
		case 'c':
			campaign.corpus = optarg;
			break;
		case 'u':
			campaign.user = true;
			break;
		case 'p':
			campaign.print = true;
			break;
		default:
			return 2;
		}
	if (!campaign.threads || campaign.threads > FUZZ_THREADS_MAX)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	lab_balance_take(&before);
	rc = campaign_run(&campaign);
	if (rc)
		printf("# fuzz: failed: %d\n", rc);
	return rc || !lab_balance_holds(&before);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(root_may_call_what_he_likes),
		LAB_TEST(root_may_call_what_he_likes_in_threads),
		LAB_TEST(a_user_gets_nothing_beyond_his_rights),
		LAB_TEST(a_user_gets_nothing_beyond_his_rights_in_threads),
	};

	if (argc > 1 && !strncmp(argv[1], "--", 2))
		return fuzz_main(argc, argv);
	if (!lab_begin(argc, argv, LAB_ANY))
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
