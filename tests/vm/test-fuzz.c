// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device node and the netlink family under arbitrary calls: as root, as a
 * user without privileges who was given the node and one device, in one thread
 * and in several.  The kernel must survive, nothing may be left behind, and the
 * user gets nothing that is not his.
 *
 * In the suite this takes seconds, and goes on from the corpus (fuzz.corpus).
 * Started with options it is the fuzzer itself: tests/vm/fuzz does that.  A
 * seed, a number of runs and the inputs that were built upon repeat all inputs;
 * which these were is printed as they are found, and with --again they are read
 * instead of being found by what the kernel reaches, which may differ.
 *
 * iommu: on pt amd
 * lab: --smp 2
 */
#define _GNU_SOURCE
#include "fuzz.h"

#include <getopt.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>

#include "nl.h"
#include "witness.h"

#define RUNS_OF_A_WORKER 32
#define SECONDS 10
#define PATIENCE_SECONDS 60
#define MEMLOCK (1 * MIB)
#define CORPUS "/tests/fuzz.corpus"

struct campaign {
	uint64_t seed;
	unsigned long runs; /* 0: until the time is over */
	unsigned int seconds;
	unsigned int threads;
	bool user;
	bool print; /* what is found, at once */
	bool keep; /* print what is worth keeping, in the end */
	bool again; /* nothing is found but what the corpus has */
	const char *corpus;
	const struct fuzz_shared *found; /* a corpus, instead of the file's */
	unsigned int printed;
	struct fuzz_shared *shared;
	struct fuzz_cover covers[FUZZ_THREADS_MAX];
	struct fuzz_world world;
};

struct worker {
	struct campaign *campaign;
	struct fuzz_random random;
	unsigned long round;
	unsigned int thread;
	unsigned int nr_corpus;
};

static void run_one(struct worker *worker, struct fuzz_input *input)
{
	struct campaign *campaign = worker->campaign;
	struct fuzz_cover *cover = &campaign->covers[worker->thread];

	fuzz_cover_begin(cover);
	fuzz_run(&campaign->world, input);
	if (!fuzz_cover_is_new(cover, campaign->shared, &input->has_block))
		return;
	input->round = worker->round + 1;
	fuzz_corpus_add(campaign->shared, input);
}

static void *work(void *arg)
{
	struct worker *worker = arg;
	struct campaign *campaign = worker->campaign;
	struct fuzz_shared *shared = campaign->shared;
	struct fuzz_input input;
	uint64_t which;

	fuzz_cover_enable(&campaign->covers[worker->thread]);
	for (unsigned int i = 0; i < RUNS_OF_A_WORKER; i++) {
		fuzz_input_make(shared, worker->nr_corpus, &worker->random,
				&input);
		which = worker->random.state | 1;
		atomic_fetch_add(&shared->hash,
				 which * fuzz_input_hash(&input));
		run_one(worker, &input);
	}
	return NULL;
}

/* The inputs of the corpus as they are, so that what they reach is known. */
static void replay(struct campaign *campaign, unsigned int first,
		   unsigned int last)
{
	struct fuzz_shared *shared = campaign->shared;
	bool has_block;

	fuzz_cover_enable(&campaign->covers[0]);
	for (; first < last; first++) {
		fuzz_cover_begin(&campaign->covers[0]);
		fuzz_run(&campaign->world, &shared->corpus[first]);
		fuzz_cover_is_new(&campaign->covers[0], shared, &has_block);
	}
}

static bool pins_more_than_it_may(void)
{
	return file_number("/proc/self/status", "VmPin:") >
	       (long)(MEMLOCK / KIB);
}

/* Everything is made anew for a worker, and goes with it. */
static int worker_begin(struct campaign *campaign)
{
	if (campaign->user) {
		fuzz_world_open_foreign(&campaign->world);
		if (limit_memlock(MEMLOCK) || become_user(USER_UID, USER_UID))
			return 1;
	}
	fuzz_world_open(&campaign->world);
	return 0;
}

static int work_in_threads(struct campaign *campaign, unsigned long round)
{
	struct worker workers[FUZZ_THREADS_MAX] = { 0 };
	pthread_t threads[FUZZ_THREADS_MAX];
	unsigned int nr = fuzz_corpus_at(campaign->shared, round);

	for (unsigned int i = 0; i < campaign->threads; i++) {
		workers[i] = (struct worker){
			.campaign = campaign,
			.random = { campaign->seed + (round << 8) + i },
			.round = round,
			.thread = i,
			.nr_corpus = nr,
		};
		if (i && pthread_create(&threads[i], NULL, work, &workers[i]))
			return 1;
	}
	work(&workers[0]);
	for (unsigned int i = 1; i < campaign->threads; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

/* A round; or, with @replayed, the inputs of the file up to that one. */
static int worker_main(struct campaign *campaign, unsigned long round,
		       unsigned int replayed)
{
	int rc = worker_begin(campaign);

	if (rc)
		return rc;
	if (replayed) {
		replay(campaign, round * RUNS_OF_A_WORKER, replayed);
		return 0;
	}
	rc = work_in_threads(campaign, round);
	if (!rc && campaign->user && pins_more_than_it_may())
		rc = 2;
	return rc;
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

/* Waits for a worker; kills it should a call not end, which none may. */
static int worker_end(const struct campaign *campaign, pid_t pid)
{
	unsigned long calls = 0;
	uint64_t end = 0;
	int status;

	while (!waitpid(pid, &status, WNOHANG)) {
		if (!end || calls != campaign->shared->calls)
			end = now_ms() + PATIENCE_SECONDS * 1000;
		calls = campaign->shared->calls;
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

/* What the file has, not what is found later. */
static int replay_corpus(struct campaign *campaign)
{
	unsigned int nr = fuzz_corpus_at(campaign->shared, 0);
	int rc = 0;

	for (unsigned int i = 0; !rc && i * RUNS_OF_A_WORKER < nr; i++)
		rc = worker_run(campaign, i,
				min_of(nr, (i + 1) * RUNS_OF_A_WORKER));
	return rc;
}

/* What was found since: should the kernel die, it can be had again. */
static void print_found(struct campaign *campaign)
{
	const struct fuzz_shared *shared = campaign->shared;
	unsigned int nr = atomic_load(&shared->nr_corpus);
	char word[32];

	for (; campaign->print && campaign->printed < nr; campaign->printed++) {
		const struct fuzz_input *input =
			&shared->corpus[campaign->printed];

		snprintf(word, sizeof(word), "corpus %u", input->round);
		fuzz_input_print(word, input);
	}
}

/*
 * Those of the file, and of what was found what reached a block of code that was
 * new then: each edge would make the file ten times as long.
 */
static void print_kept(const struct campaign *campaign)
{
	const struct fuzz_shared *shared = campaign->shared;
	unsigned int nr = atomic_load(&shared->nr_corpus);

	for (unsigned int i = 0; i < nr; i++)
		if (!shared->corpus[i].round || shared->corpus[i].has_block)
			fuzz_input_print("keep", &shared->corpus[i]);
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
		print_found(campaign);
	}
	return rc;
}

static void world_close(struct fuzz_world *world)
{
	close(world->bar_fd);
	close(world->bar_fd_read_only);
	close(world->file_fd);
	close(world->zero_fd);
	close(world->null_fd);
	close(world->event_fd);
	close(world->foreign_fd);
}

static void campaign_begin(struct campaign *campaign)
{
	struct fuzz_shared *shared = fuzz_shared_new();

	campaign->shared = shared;
	fuzz_world_init(&campaign->world, shared);
	campaign->world.user = campaign->user;
	campaign->world.alone = campaign->threads == 1;
	for (unsigned int i = 0; i < campaign->threads; i++) {
		campaign->covers[i].fd = -1;
		if (!campaign->again)
			fuzz_cover_open(&campaign->covers[i]);
	}
	if (campaign->found) {
		memcpy(shared->corpus, campaign->found->corpus,
		       sizeof(shared->corpus));
		shared->nr_corpus = campaign->found->nr_corpus;
	} else {
		fuzz_corpus_read(shared, campaign->corpus);
	}
	admit_user(campaign, true);
}

static void campaign_end(struct campaign *campaign)
{
	admit_user(campaign, false);
	for (unsigned int i = 0; i < campaign->threads; i++)
		fuzz_cover_close(&campaign->covers[i]);
	world_close(&campaign->world);
}

static void tell(const struct campaign *campaign, uint64_t ms)
{
	const struct fuzz_shared *shared = campaign->shared;
	unsigned int of_file = fuzz_corpus_at(shared, 0);

	printf("# fuzz: --seed %llu: %lu runs, %lu calls (%lu of netlink, %lu succeeded) in %llu s, %llu a second\n",
	       (unsigned long long)campaign->seed, shared->runs, shared->calls,
	       shared->netlink_calls, shared->successes,
	       (unsigned long long)ms / 1000,
	       (unsigned long long)(shared->calls * 1000 / (ms + 1)));
	printf("# fuzz: a corpus of %u, %u of them found; %u edges; the inputs' hash is %016llx\n",
	       shared->nr_corpus, shared->nr_corpus - of_file, shared->nr_edges,
	       shared->hash);
	if (shared->violations)
		printf("# fuzz: %u violations, the first: %s\n",
		       shared->violations, shared->violation);
}

/* 0, or what went wrong; the kernel says what is wrong with itself. */
static int campaign_run(struct campaign *campaign)
{
	uint64_t begin = now_ms();
	int rc;

	campaign_begin(campaign);
	if (campaign->print)
		printf("corpus # --seed %llu --threads %u%s\n",
		       (unsigned long long)campaign->seed, campaign->threads,
		       campaign->user ? " --user" : "");
	print_found(campaign);
	rc = replay_corpus(campaign);
	if (!rc)
		rc = rounds(campaign);
	if (!rc && campaign->shared->violations)
		rc = 3;
	tell(campaign, now_ms() - begin);
	if (!rc && campaign->keep)
		print_kept(campaign);
	campaign_end(campaign);
	return rc;
}

/* In the suite */

static void finish(struct campaign *campaign)
{
	const struct fuzz_shared *shared = campaign->shared;

	lab_figure("fuzzed calls", shared->calls);
	lab_figure("fuzzed netlink calls", shared->netlink_calls);
	munmap(campaign->shared, sizeof(*campaign->shared));
}

static void run(struct lab *lab, bool user, unsigned int threads)
{
	struct campaign campaign = {
		.seconds = scaled(SECONDS),
		.threads = threads,
		.user = user,
		.corpus = CORPUS,
	};

	random_begin(lab);
	campaign.seed = *random_state();
	assert_int_equal(campaign_run(&campaign), 0);
	finish(&campaign);
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

/* What was found with KCOV is found again without it. */
static void a_seed_and_what_was_found_repeat_the_inputs(void **state)
{
	struct campaign campaigns[3] = { 0 };
	uint64_t hashes[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		campaigns[i] = (struct campaign){
			.seed = i < 2 ? 7 : 8,
			.runs = 2 * RUNS_OF_A_WORKER,
			.threads = 2,
			.corpus = "/dev/null",
			.again = i,
			.found = i ? campaigns[0].shared : NULL,
		};
		assert_int_equal(campaign_run(&campaigns[i]), 0);
		hashes[i] = campaigns[i].shared->hash;
	}
	assert_true(hashes[0] == hashes[1]);
	assert_true(hashes[0] != hashes[2]);
	for (int i = 0; i < 3; i++)
		finish(&campaigns[i]);
	quarantine_wait_empty();
}

#define MAPPINGS 100

static void ignore(const struct nl_message *message, void *arg)
{
	(void)message;
	(void)arg;
}

static bool something_ran(const struct fuzz_cover *cover)
{
	return __atomic_load_n(&cover->area[0], __ATOMIC_RELAXED);
}

/* A dump begins in send() and goes on in recv(): KCOV is to see both. */
static int watch_a_dump(void *arg)
{
	unsigned char *pages = ram(MAPPINGS * PAGE);
	struct p2pmap_mapping *mapping;
	struct nl_request request;
	struct fuzz_cover cover;
	struct lab *lab = arg;
	struct nl nl;

	CHILD_CHECK(!p2pmap_context_open(NULL, &lab->ctx));
	CHILD_CHECK(
		!attach(lab->ctx, lab->edu_address, 64, NULL, &lab->importer));
	for (int i = 0; i < MAPPINGS; i++)
		CHILD_CHECK(
			!try_map(lab, pages + i * PAGE, PAGE, PIN, &mapping));
	if (!fuzz_cover_open(&cover))
		return 77;
	CHILD_CHECK(!nl_open(&nl));
	fuzz_cover_enable(&cover);
	fuzz_cover_begin(&cover);
	nl_begin(&nl, &request, P2PMAP_NL_CMD_MAPPING_GET, NLM_F_DUMP);
	CHILD_CHECK(!nl_send(&nl, &request));
	CHILD_CHECK(something_ran(&cover));
	fuzz_cover_begin(&cover);
	CHILD_CHECK(!something_ran(&cover));
	CHILD_CHECK(nl_receive(&nl, 1000, ignore, NULL) > 0);
	CHILD_CHECK(something_ran(&cover));
	return 0;
}

static void what_netlink_runs_is_seen(void **state)
{
	struct lab *lab = *state;
	int rc;

	if (!lab_is_translated(lab))
		lab_skip(lab, "no IOMMU translates here");
	rc = in_child(watch_a_dump, lab);
	if (rc == 77)
		lab_skip(lab, "no KCOV here");
	assert_int_equal(rc, 0);
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
		{ "keep", no_argument, NULL, 'k' },
		{ "again", no_argument, NULL, 'a' },
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
		case 'k':
			campaign.keep = true;
			break;
		case 'a':
			campaign.again = true;
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
		LAB_TEST(what_netlink_runs_is_seen),
		LAB_TEST(a_seed_and_what_was_found_repeat_the_inputs),
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
