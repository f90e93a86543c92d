// SPDX-License-Identifier: GPL-2.0-only
/*
 * A signal is pending when the call begins: each call either does what it does
 * without one, or is interrupted and has changed nothing.  Where the handler is
 * for restarting, a caller never sees that there was a signal, unless the call
 * waits for something else (read).
 *
 * A tracer stops a child where its call enters the kernel and sends the signal
 * there: the kernel finds it pending at each place where it would wait.
 *
 * iommu: on amd
 */
#define _GNU_SOURCE
#include "fault-ops.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>

/* As the kernel knows them; userspace never sees this one. */
#define ERESTARTSYS 512

static volatile sig_atomic_t signals;

static void on_signal(int signal)
{
	(void)signal;
	signals++;
}

/* What the child does, and what its tracer has seen. */
struct traced {
	struct lab *lab;
	const struct op *op;
	int flags; /* of sigaction() */
	bool interrupted;
};

static void stop_here(void)
{
	syscall(SYS_kill, syscall(SYS_getpid), SIGSTOP);
}

/* Exit status: what went wrong, 0 for nothing. */
static int traced_child(void *arg)
{
	const struct traced *traced = arg;
	struct sigaction action = { .sa_handler = on_signal,
				    .sa_flags = traced->flags };
	struct world world = { .lab = traced->lab, .op = traced->op, .fd = -1 };
	struct p2pmap_info before = { .size = sizeof(before) };
	struct p2pmap_info after = { .size = sizeof(after) };
	bool interruptible = !(traced->flags & SA_RESTART);
	int rc;

	world.event_fd = eventfd(0, EFD_CLOEXEC);
	sigaction(SIGUSR1, &action, NULL);
	CHILD_CHECK(!ptrace(PTRACE_TRACEME, 0, NULL, NULL));
	world_open(&world, true);
	if (world.fd >= 0)
		CHILD_CHECK(!issue(&world, P2PMAP_IOC_INFO, &before));
	stop_here();
	rc = traced->op->call(&world);
	CHILD_CHECK(signals == 1);
	CHILD_CHECK(!rc || (interruptible && rc == -EINTR));
	if (!rc)
		return 0;
	CHILD_CHECK(!issue(&world, P2PMAP_IOC_INFO, &after));
	CHILD_CHECK(!memcmp(&before, &after, sizeof(before)));
	CHILD_CHECK(!traced->op->call(&world));
	return 0;
}

static int resume(pid_t pid, int request, int signal)
{
	int status;

	assert_int_equal(ptrace(request, pid, NULL, signal), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void trace(struct traced *traced)
{
	struct user_regs_struct regs;
	int status, tries = 8;
	pid_t pid = child_start(traced_child, traced);

	assert_int_equal(waitpid(pid, &status, 0), pid);
	/* What it needs may take signals of its own. */
	while (WIFSTOPPED(status) && WSTOPSIG(status) != SIGSTOP && tries--)
		status = resume(pid, PTRACE_CONT, WSTOPSIG(status));
	if (!WIFSTOPPED(status))
		fail_msg("%s: nothing to disturb: 0x%x", traced->op->name,
			 status);
	status = resume(pid, PTRACE_SYSCALL, 0); /* its beginning */
	assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
	assert_int_equal(kill(pid, SIGUSR1), 0);
	status = resume(pid, PTRACE_SYSCALL, 0); /* its end */
	assert_true(WIFSTOPPED(status));
	assert_int_equal(ptrace(PTRACE_GETREGS, pid, NULL, &regs), 0);
	traced->interrupted = (long)regs.rax == -ERESTARTSYS ||
			      (long)regs.rax == -EINTR;
	status = resume(pid, PTRACE_CONT, 0); /* the signal */
	assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGUSR1);
	status = resume(pid, PTRACE_CONT, SIGUSR1);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		lab_note(traced->lab, "%s, %s: 0x%x", traced->op->name,
			 memories[traced->op->memory].name, status);
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
}

static void disturb_each(struct lab *lab, int flags)
{
	struct traced traced = { .lab = lab, .flags = flags };
	unsigned int interrupted = 0;

	for (size_t i = 0; i < NR_OPS; i++) {
		traced.op = &ops[i];
		trace(&traced);
		interrupted += traced.interrupted;
	}
	lab_note(lab, "%u of %zu calls were interrupted", interrupted, NR_OPS);
	/* The first MAP of a process waits, interruptibly. */
	assert_true(interrupted > 0);
}

static void a_signal_that_restarts_is_not_noticed_by_any_call(void **state)
{
	disturb_each(*state, SA_RESTART);
}

static void a_signal_that_interrupts_a_call_has_changed_nothing(void **state)
{
	disturb_each(*state, 0);
}

/* Without an event it would wait for ever. */
static void a_signal_ends_a_read_that_waits(void **state)
{
	static const struct op read_op = { .name = "read",
					   .call = call_read,
					   .before = before_mapped,
					   .memory = RAM,
					   .flags = WRITE };
	struct traced traced = { .lab = *state, .op = &read_op };
	int status = 0;
	pid_t pid = child_start(traced_child, &traced);

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	resume(pid, PTRACE_SYSCALL, 0);
	kill(pid, SIGUSR1);
	resume(pid, PTRACE_CONT, 0);
	ptrace(PTRACE_CONT, pid, NULL, SIGUSR1);
	/* Interrupted, it reads once more, and waits until it is killed. */
	sleep_ms(200);
	assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(a_signal_that_restarts_is_not_noticed_by_any_call),
		LAB_TEST(a_signal_that_interrupts_a_call_has_changed_nothing),
		LAB_TEST(a_signal_ends_a_read_that_waits),
	};

	if (!lab_begin(argc, argv, LAB_TRANSLATED))
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
