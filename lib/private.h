/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of libp2pmap share and nobody else sees.
 *
 * Call graph: context, importer, mapping, ... -> ioctl -> sys.  A handle is one
 * allocation that starts with a struct p2pmap_handle, so that closing a context
 * can free whatever is left without knowing what it is.
 */
#ifndef P2PMAP_PRIVATE_H
#define P2PMAP_PRIVATE_H

#include <pthread.h>
#include <sys/types.h>

#include <p2pmap/p2pmap.h>

#define P2PMAP_ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/**
 * struct p2pmap_sys - every system call of the library, for tests to replace
 *
 * All return a negative errno when they fail.
 */
struct p2pmap_sys {
	int (*open)(const char *path, int flags);
	int (*set_flags)(int fd, bool nonblock);
	int (*close)(int fd);
	int (*ioctl)(int fd, unsigned long request, void *arg);
	ssize_t (*read)(int fd, void *buf, size_t size);
	int (*mmap)(int fd, size_t length, const void **page);
	int (*munmap)(const void *page, size_t length);
};

extern const struct p2pmap_sys p2pmap_sys;

/* A member of its context's list, guarded by the context's lock. */
struct p2pmap_handle {
	struct p2pmap_context *ctx; /* immutable */
	struct p2pmap_handle *prev;
	struct p2pmap_handle *next;
};

struct p2pmap_context {
	/* Immutable after open. */
	const struct p2pmap_sys *sys;
	int fd;
	bool *home; /* true here, false in a forked child */
	p2pmap_log_fn log;
	void *log_user;
	const uint64_t *page; /* NULL without a generation page */
	size_t page_length;

	pthread_mutex_t lock; /* guards what follows, and mapping->state */
	struct p2pmap_handle handles; /* head of the list */
	size_t event_size; /* length of the module's events, as far as known */
};

struct p2pmap_importer {
	struct p2pmap_handle handle;
	struct p2pmap_importer_info info; /* immutable */
};

struct p2pmap_mapping {
	struct p2pmap_handle handle;
	/* Immutable. */
	uint32_t id;
	enum p2pmap_kind kind;
	enum p2pmap_route route;
	struct p2pmap_pci_addr exporter;
	void *addr;
	uint64_t length;
	uint64_t cookie;
	const uint64_t *word; /* in the generation page, or NULL */
	/* Guarded by the context's lock. */
	struct {
		uint64_t generation;
		uint32_t flags;
	} state;
	/* Immutable. */
	size_t nr_extents;
	uint64_t *starts; /* offset at which each extent starts, behind them */
	struct p2pmap_extent extents[];
};

/* context.c */
int p2pmap_context_open_sys(const struct p2pmap_sys *sys,
			    const struct p2pmap_open_opts *opts,
			    struct p2pmap_context **out);
int p2pmap_context_open_fd_sys(const struct p2pmap_sys *sys, int fd,
			       const struct p2pmap_open_opts *opts,
			       struct p2pmap_context **out);

/* extent.c */
int p2pmap_extents_complete(struct p2pmap_context *ctx,
			    struct p2pmap_mapping *mapping, size_t have);

/* handle.c */
void p2pmap_handle_init(struct p2pmap_context *ctx);
void p2pmap_handle_link(struct p2pmap_context *ctx,
			struct p2pmap_handle *handle);
void p2pmap_handle_free(struct p2pmap_handle *handle);
void p2pmap_handle_free_all(struct p2pmap_context *ctx);

/* ioctl.c */
int p2pmap_ioctl(struct p2pmap_context *ctx, unsigned long request, void *arg);
int p2pmap_ioctl_log(struct p2pmap_context *ctx, unsigned long request,
		     void *arg, const char *what);

/* lock.c: in a forked child they do nothing */
int p2pmap_lock_init(struct p2pmap_context *ctx);
void p2pmap_lock_destroy(struct p2pmap_context *ctx);
bool p2pmap_is_home(const struct p2pmap_context *ctx);
void p2pmap_lock(struct p2pmap_context *ctx);
void p2pmap_unlock(struct p2pmap_context *ctx);

/* log.c */
__attribute__((format(printf, 3, 4))) void
p2pmap_log(const struct p2pmap_context *ctx, enum p2pmap_log_level level,
	   const char *format, ...);
void p2pmap_log_errno(const struct p2pmap_context *ctx, const char *what,
		      int error, const char *advice);

/* reason.c */
int p2pmap_reason_check(const struct p2pmap_reason *reason);
int p2pmap_reason_fail(struct p2pmap_context *ctx, const char *what, int error,
		       const struct p2pmap_reason *why,
		       struct p2pmap_reason *reason);

/* struct.c */
int p2pmap_opts_copy(void *known, size_t known_size, const void *opts);
int p2pmap_struct_copy_in(void *known, size_t known_size, const void *user,
			  size_t user_size);
int p2pmap_struct_check_out(uint32_t user_size);
void p2pmap_struct_copy_out(void *user, uint32_t user_size, const void *known,
			    size_t known_size);

/* sys.c */
int p2pmap_sys_map_wiped(bool **word);
void p2pmap_sys_unmap_wiped(bool *word);

/* watch.c */
int p2pmap_watch_open(struct p2pmap_context *ctx, uint32_t capacity);
void p2pmap_watch_close(struct p2pmap_context *ctx);
const uint64_t *p2pmap_watch_word(const struct p2pmap_context *ctx,
				  uint32_t slot);

#endif /* P2PMAP_PRIVATE_H */
