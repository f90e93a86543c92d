// SPDX-License-Identifier: GPL-2.0-only
/*
 * Other processes, for the tests inside the virtual lab: children, users without
 * privileges, descriptors that change hands, and the guest's programs.  harness.h
 * says what each function is for.
 */
#define _GNU_SOURCE
#include "harness.h"

#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

pid_t child_start(child_fn function, void *arg)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* The tests' handlers are for the tests. */
	signal(SIGSEGV, SIG_DFL);
	signal(SIGBUS, SIG_DFL);
	signal(SIGILL, SIG_DFL);
	signal(SIGFPE, SIG_DFL);
	_exit(function(arg));
}

int child_end(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFSIGNALED(status) ? CHILD_SIGNALLED + WTERMSIG(status) :
				     WEXITSTATUS(status);
}

int in_child(child_fn function, void *arg)
{
	pid_t pid = child_start(function, arg);

	return pid < 0 ? -1 : child_end(pid);
}

struct user_call {
	uid_t uid;
	child_fn function;
	void *arg;
};

static int call_as_user(void *arg)
{
	struct user_call *call = arg;

	if (become_user(call->uid, call->uid))
		return 98;
	return call->function(call->arg);
}

int as_user(uid_t uid, child_fn function, void *arg)
{
	struct user_call call = { uid, function, arg };

	return in_child(call_as_user, &call);
}

int become_user(uid_t uid, gid_t gid)
{
	if (setgroups(0, NULL) || setgid(gid) || setuid(uid))
		return -errno;
	/* What setuid() did to signals of a dying parent. */
	return prctl(PR_SET_PDEATHSIG, SIGKILL) ? -errno : 0;
}

int drop_capability(int capability)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];
	unsigned int word = capability / 32;

	if (syscall(SYS_capget, &head, data))
		return -errno;
	data[word].effective &= ~(1U << capability % 32);
	data[word].permitted &= ~(1U << capability % 32);
	data[word].inheritable &= ~(1U << capability % 32);
	return syscall(SYS_capset, &head, data) ? -errno : 0;
}

int limit_memlock(uint64_t bytes)
{
	struct rlimit limit = { bytes, bytes };

	return setrlimit(RLIMIT_MEMLOCK, &limit) ? -errno : 0;
}

union fd_message {
	char space[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

int send_fd(int socket, int fd, const void *data, size_t length)
{
	union fd_message control = { .space = { 0 } };
	struct iovec iov = { (void *)data, length };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	return sendmsg(socket, &message, 0) < 0 ? -errno : 0;
}

int recv_fd(int socket, void *data, size_t length)
{
	union fd_message control = { .space = { 0 } };
	struct iovec iov = { data, length };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) < 0)
		return -errno;
	if (!CMSG_FIRSTHDR(&message))
		return -EBADMSG;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

/* Programs of the guest */

static int exec_command(void *arg)
{
	char *const *argv = arg;

	/* What they print would be taken for the tests' words. */
	dup2(STDERR_FILENO, STDOUT_FILENO);
	execvp(argv[0], argv);
	return 127;
}

int command(const char *const argv[])
{
	return in_child(exec_command, (void *)argv);
}

int monitor(const char *line)
{
	return COMMAND("monitor", line);
}

int bind_driver(const char *driver, const char *address)
{
	return COMMAND("bind-driver", driver, address);
}
