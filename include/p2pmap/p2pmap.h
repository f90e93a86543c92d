/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libp2pmap: make a range of your own memory visible to a PCI device, and know
 * when it stops being so.
 *
 * Start with the overview, p2pmap(7).  The order of calls is
 *
 *   p2pmap_context_open()      one open of /dev/p2pmap
 *   p2pmap_importer_attach()   the device that will do DMA
 *   p2pmap_mapping_map()       a range, from the importer's point of view
 *   p2pmap_mapping_dma_addr()  what to write into the device's registers
 *   p2pmap_mapping_unmap()
 *   p2pmap_context_close()
 *
 * Conventions.  A function that can fail returns 0 (or a count) or a negative
 * errno, and leaves its out-parameters alone when it fails.  Addresses, offsets
 * and lengths are in bytes.  Flags, enums and the structs of results come from
 * <p2pmap/abi.h>.
 *
 * Structs with a field "size" grow in later versions: zero the struct, then set
 * "size" to its sizeof.  Every pointer to options may be NULL for the defaults,
 * every pointer to a struct p2pmap_reason may be NULL if nobody wants to know.
 *
 * Threads.  Several threads may use one context, and one importer or mapping,
 * at the same time.  The calls that end an object (close, detach, unmap) free
 * its handle and must be the last call on it: no other thread may be in, or
 * start, a call with it.  The library has no global state, never prints, exits
 * or aborts, starts no threads and installs no signal handlers.
 *
 * Processes.  After fork() a child may close the context and unmap mappings;
 * all else fails with EPERM, and the generation page may not be read there.
 * Closing frees no handles there: they go with the child's memory.
 * Every descriptor is close-on-exec.
 */
#ifndef P2PMAP_P2PMAP_H
#define P2PMAP_P2PMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <p2pmap/abi.h>

#ifdef __cplusplus
extern "C" {
#endif

#define P2PMAP_API __attribute__((visibility("default")))

/**
 * struct p2pmap_context - one open of /dev/p2pmap
 *
 * Owns the importers and the mappings that were made through it.
 */
struct p2pmap_context;

/**
 * struct p2pmap_importer - a PCI device whose DMA will use mappings
 */
struct p2pmap_importer;

/**
 * struct p2pmap_mapping - one range of memory, made visible to one importer
 */
struct p2pmap_mapping;

/**
 * p2pmap_version() - version of the library
 *
 * Context: Any thread.
 * Return: the version, such as "0.1.0"; a constant, owned by the library.
 * Since: 0.1
 */
P2PMAP_API const char *p2pmap_version(void);

/* The context */

/**
 * enum p2pmap_log_level - how much a message matters
 * @P2PMAP_LOG_ERROR: a call fails, and this is why
 * @P2PMAP_LOG_WARNING: a call works, but perhaps not as expected
 * @P2PMAP_LOG_DEBUG: what the library is doing
 */
enum p2pmap_log_level {
	P2PMAP_LOG_ERROR,
	P2PMAP_LOG_WARNING,
	P2PMAP_LOG_DEBUG,
};

/**
 * typedef p2pmap_log_fn - receives the library's words
 * @user: as given in struct p2pmap_open_opts
 * @level: how much it matters
 * @message: one sentence without a newline, valid during the call only
 *
 * Called by the thread whose call it is about, possibly by several threads at
 * once.  It may not call the library with handles of the same context.
 */
typedef void (*p2pmap_log_fn)(void *user, enum p2pmap_log_level level,
			      const char *message);

/* struct p2pmap_open_opts.flags */
#define P2PMAP_OPEN_NONBLOCK (1U << 0) /* read_events does not wait */

/**
 * struct p2pmap_open_opts - options of p2pmap_context_open()
 * @size: sizeof(struct p2pmap_open_opts)
 * @path: path of the device node, NULL for /dev/p2pmap
 * @log: receives messages, NULL for none
 * @log_user: first argument of @log
 * @flags: P2PMAP_OPEN_NONBLOCK or 0
 * @watch_capacity: 0, or how many mappings the generation page has room for,
 *	at most P2PMAP_WATCH_MAX.  No more mappings than this can then be made
 *
 * Since: 0.1
 */
struct p2pmap_open_opts {
	size_t size;
	const char *path;
	p2pmap_log_fn log;
	void *log_user;
	uint32_t flags;
	uint32_t watch_capacity;
};

/**
 * p2pmap_context_open() - open the device node
 * @opts: options, or NULL
 * @ctx: result; end it with p2pmap_context_close()
 *
 * Opens the node close-on-exec and, if asked to, maps its generation page.
 *
 * Context: Any thread.
 * Return: 0, or
 * * -ENOENT, -ENXIO: no such node, the module is not loaded
 * * -EACCES, -EPERM: the caller may not open the node
 * * -EINVAL: bad options, or @opts->watch_capacity is out of range
 * * -E2BIG: @opts is of a newer version and uses what this one does not know
 * * -EOPNOTSUPP: an unknown flag
 * * -EMFILE, -ENFILE: too many open files
 * * -ENOSPC: the user has as much open and mapped as he may
 * * -ENOMEM: out of memory
 * * -ENOTTY: the node is not a p2pmap device
 * Since: 0.1
 */
P2PMAP_API int p2pmap_context_open(const struct p2pmap_open_opts *opts,
				   struct p2pmap_context **ctx);

/**
 * p2pmap_context_open_fd() - use a descriptor that another process handed over
 * @fd: a descriptor of the device node, received by SCM_RIGHTS or inherited
 * @opts: options, or NULL; @opts->path must be NULL
 * @ctx: result; end it with p2pmap_context_close()
 *
 * On success the context owns @fd and closes it in the end.  It is made
 * close-on-exec, and non-blocking if @opts says so.  Mind that O_NONBLOCK is
 * shared with every duplicate of the descriptor.  On failure it is still the
 * caller's, as it was; but a generation page that was made and could not be
 * mapped, for want of memory, cannot be had again.
 *
 * Importers which the other process attached are there, see
 * p2pmap_importer_adopt().
 *
 * Context: Any thread.
 * Return: 0, or
 * * -EBADF: @fd is not an open descriptor
 * * -ENOTTY: @fd is not a p2pmap device
 * * -EPERM: the context belongs to another process, which mapped something
 * * -EBUSY: @opts->watch_capacity is set, but a generation page or a mapping
 *   was made already
 * * -EINVAL, -E2BIG, -EOPNOTSUPP, -ENOMEM: as p2pmap_context_open()
 * Since: 0.1
 */
P2PMAP_API int p2pmap_context_open_fd(int fd,
				      const struct p2pmap_open_opts *opts,
				      struct p2pmap_context **ctx);

/**
 * p2pmap_context_close() - close a context
 * @ctx: the context, or NULL
 *
 * Frees the context and the handles of all its importers and mappings.  Unless
 * a duplicate of the descriptor is open elsewhere, the kernel ends the mappings
 * too: when the call returns, no DMA of an enforced mapping reaches the memory
 * any more.
 *
 * Context: Must be the last call on @ctx and on everything made through it.
 * Since: 0.1
 */
P2PMAP_API void p2pmap_context_close(struct p2pmap_context *ctx);

/**
 * p2pmap_context_fd() - the descriptor, for poll() and to hand on
 * @ctx: the context
 *
 * It is readable while events wait for p2pmap_context_read_events().  It stays
 * the context's: do not close it, and do not read() it besides the library.
 *
 * Context: Any thread.
 * Return: the descriptor.
 * Since: 0.1
 */
P2PMAP_API int p2pmap_context_fd(const struct p2pmap_context *ctx);

/**
 * p2pmap_context_get_info() - what the module is and does
 * @ctx: the context
 * @info: result; its field size must be set, the rest is overwritten
 *
 * Context: Any thread.
 * Return: 0, or
 * * -EINVAL: @info->size is too small
 * * -EPERM: the context belongs to another process
 * Since: 0.1
 */
P2PMAP_API int p2pmap_context_get_info(struct p2pmap_context *ctx,
				       struct p2pmap_info *info);

/**
 * p2pmap_context_set_eventfd() - have an eventfd signalled as well
 * @ctx: the context
 * @fd: an eventfd, which stays the caller's; or -1 to stop
 *
 * It is signalled whenever an event becomes pending on a mapping that had none.
 *
 * Context: Any thread.
 * Return: 0, or
 * * -EBADF: @fd is not an open descriptor
 * * -EINVAL: @fd is not an eventfd
 * * -EPERM: the context belongs to another process
 * Since: 0.1
 */
P2PMAP_API int p2pmap_context_set_eventfd(struct p2pmap_context *ctx, int fd);

/**
 * p2pmap_context_read_events() - learn what happened to mappings
 * @ctx: the context
 * @events: array of results
 * @max: how many fit
 *
 * Waits for the first event, unless the descriptor is non-blocking.  An event
 * names its mapping by id and by the cookie that was given to
 * p2pmap_mapping_map(); it may be about a mapping that another thread is
 * unmapping.
 *
 * Context: Any thread; each event goes to one of several readers.
 * Return: the number of events, at least 1, or
 * * -EAGAIN: non-blocking, and there is no event
 * * -EINTR: a signal came first; not restarted, so that a loop can end
 * * -EINVAL: @max is 0
 * * -EPERM: the context belongs to another process
 * * -EPROTO: the module's answer makes no sense
 * Since: 0.1
 */
P2PMAP_API int p2pmap_context_read_events(struct p2pmap_context *ctx,
					  struct p2pmap_event *events,
					  size_t max);

/* The importer */

/**
 * struct p2pmap_attach_opts - options of p2pmap_importer_attach()
 * @size: sizeof(struct p2pmap_attach_opts)
 * @dma_bits: 0, or the true width of the device's DMA addresses (1 to 64) where
 *	its driver, uio_pci_generic, left the default of 32; takes CAP_SYS_RAWIO
 * @reserved: must be zero
 *
 * Since: 0.1
 */
struct p2pmap_attach_opts {
	size_t size;
	uint32_t dma_bits;
	uint32_t reserved;
};

/**
 * p2pmap_importer_attach() - name a device that will do DMA
 * @ctx: the context
 * @pci: its address, see p2pmap_pci_parse()
 * @opts: options, or NULL
 * @reason: why it failed, or NULL; its field size must be set
 * @importer: result, owned by @ctx; end it with p2pmap_importer_detach() or
 *	with the context
 *
 * Needs CAP_SYS_RAWIO or an entry for the device in the module's parameter
 * "allow".  What is mapped for the importer can be reached by every device of
 * its IOMMU group, see p2pmap_importer_group().
 *
 * Context: Any thread.
 * Return: 0, or
 * * -EPERM: not allowed to this caller
 * * -ENODEV: no such device, or it has no driver
 * * -EINVAL: a bridge, or a bad width
 * * -EBUSY: VFIO or another owner manages its DMA
 * * -EOPNOTSUPP: its DMA is not coherent, or it is not trusted
 * * -ENOSPC: too many importers, or the user's limit
 * * -E2BIG: @opts is of a newer version and uses what this one does not know
 * * -ENOMEM: out of memory
 * Since: 0.1
 */
P2PMAP_API int p2pmap_importer_attach(struct p2pmap_context *ctx,
				      const struct p2pmap_pci_addr *pci,
				      const struct p2pmap_attach_opts *opts,
				      struct p2pmap_reason *reason,
				      struct p2pmap_importer **importer);

/**
 * struct p2pmap_importer_info - all about an importer, fit to be sent
 * @size: sizeof(struct p2pmap_importer_info)
 * @id: its id in the context
 * @pci: its address
 * @mode: enum p2pmap_dma_mode
 * @flags: P2PMAP_IMPORTER_*
 * @group: number of its IOMMU group, ~0 without one
 * @reserved: zero
 * @dma_mask: highest address that the device can reach
 *
 * The same in 32 and 64 bit, without padding or pointers.
 *
 * Since: 0.1
 */
struct p2pmap_importer_info {
	uint32_t size;
	uint32_t id;
	struct p2pmap_pci_addr pci;
	uint32_t mode;
	uint32_t flags;
	uint32_t group;
	uint32_t reserved;
	__aligned_u64 dma_mask;
};

/**
 * p2pmap_importer_get_info() - describe an importer, to hand it on
 * @importer: the importer
 * @info: result; its field size must be set, the rest is overwritten
 *
 * Context: Any thread.
 * Return: 0, or
 * * -EINVAL: @info->size is too small
 * Since: 0.1
 */
P2PMAP_API int p2pmap_importer_get_info(const struct p2pmap_importer *importer,
					struct p2pmap_importer_info *info);

/**
 * p2pmap_importer_adopt() - use an importer that another process attached
 * @ctx: a context made by p2pmap_context_open_fd()
 * @info: what the other process's p2pmap_importer_get_info() said, sent along
 *	with the descriptor.  Only the id is needed; the rest is what the
 *	getters will say
 * @importer: result, as of p2pmap_importer_attach()
 *
 * Asks the kernel nothing: a wrong id shows in p2pmap_mapping_map().
 *
 * Context: Any thread.
 * Return: 0, or
 * * -EINVAL: @info->size is too small, or its id is 0
 * * -E2BIG: @info is of a newer version and uses what this one does not know
 * * -ENOMEM: out of memory
 * Since: 0.1
 */
P2PMAP_API int p2pmap_importer_adopt(struct p2pmap_context *ctx,
				     const struct p2pmap_importer_info *info,
				     struct p2pmap_importer **importer);

/**
 * p2pmap_importer_detach() - forget an importer
 * @importer: the importer, or NULL; freed unless the result is -EBUSY
 *
 * Context: Must be the last call on @importer, unless it returns -EBUSY.
 * Return: 0, or
 * * -EBUSY: the context has mappings for it; nothing was changed
 * * -ENOENT: it was detached through another copy of the descriptor
 * * -EPERM: the context belongs to another process
 * Since: 0.1
 */
P2PMAP_API int p2pmap_importer_detach(struct p2pmap_importer *importer);

/**
 * p2pmap_importer_id() - the importer's id in its context
 * @importer: the importer
 *
 * Context: Any thread.
 * Return: the id, never 0.
 * Since: 0.1
 */
P2PMAP_API uint32_t p2pmap_importer_id(const struct p2pmap_importer *importer);

/**
 * p2pmap_importer_pci() - the importer's PCI address
 * @importer: the importer
 *
 * Context: Any thread.
 * Return: its address, owned by @importer.
 * Since: 0.1
 */
P2PMAP_API const struct p2pmap_pci_addr *
p2pmap_importer_pci(const struct p2pmap_importer *importer);

/**
 * p2pmap_importer_mode() - what the importer's DMA addresses are
 * @importer: the importer
 *
 * Context: Any thread.
 * Return: translated by an IOMMU, or direct.
 * Since: 0.1
 */
P2PMAP_API enum p2pmap_dma_mode
p2pmap_importer_mode(const struct p2pmap_importer *importer);

/**
 * p2pmap_importer_is_enforced() - is revocation enforced for this importer?
 * @importer: the importer
 *
 * Context: Any thread.
 * Return: true if the importer can be cut off from memory.
 * Since: 0.1
 */
P2PMAP_API bool
p2pmap_importer_is_enforced(const struct p2pmap_importer *importer);

/**
 * p2pmap_importer_group() - the unit of isolation
 * @importer: the importer
 *
 * Context: Any thread.
 * Return: number of its IOMMU group; UINT32_MAX without one.
 * Since: 0.1
 */
P2PMAP_API uint32_t
p2pmap_importer_group(const struct p2pmap_importer *importer);

/**
 * p2pmap_importer_dma_mask() - how far the importer reaches
 * @importer: the importer
 *
 * Context: Any thread.
 * Return: the highest DMA address that it can use.
 * Since: 0.1
 */
P2PMAP_API uint64_t
p2pmap_importer_dma_mask(const struct p2pmap_importer *importer);

/* Queries and mappings */

/**
 * p2pmap_context_query() - what is mapped at a range, and could it be mapped?
 * @ctx: the context
 * @importer: the importer in question, or NULL to ask about the range alone
 * @addr: first byte, page-aligned
 * @length: bytes, a multiple of the page size
 * @flags: P2PMAP_MAP_WRITE, P2PMAP_MAP_PIN: as for p2pmap_mapping_map()
 * @query: result; its field size must be set, the rest is overwritten
 * @reason: why it failed, or NULL; its field size must be set
 *
 * Says what p2pmap_mapping_map() would, as far as that can be known without
 * touching anything: no page is faulted in, no memory is charged.
 *
 * Context: Any thread.
 * Return: 0, or an error of p2pmap_mapping_map().
 * Since: 0.1
 */
P2PMAP_API int p2pmap_context_query(struct p2pmap_context *ctx,
				    const struct p2pmap_importer *importer,
				    const void *addr, uint64_t length,
				    uint32_t flags, struct p2pmap_query *query,
				    struct p2pmap_reason *reason);

/**
 * struct p2pmap_route_info - the way from one device to another
 * @size: sizeof(struct p2pmap_route_info)
 * @route: enum p2pmap_route
 * @distance: bridges between the two, as the kernel's p2pdma counts them; the
 *	less the nearer
 * @mode: enum p2pmap_dma_mode: what the importer's DMA addresses are now
 *
 * Since: 0.1
 */
struct p2pmap_route_info {
	uint32_t size;
	uint32_t route;
	uint32_t distance;
	uint32_t mode;
};

/**
 * p2pmap_context_route() - is there a way from one device to another?
 * @ctx: the context
 * @importer: address of the device that would do DMA
 * @exporter: address of the device whose memory it would reach
 * @info: result; its field size must be set, the rest is overwritten
 * @reason: why there is none, or NULL; its field size must be set
 *
 * Says what p2pmap_mapping_map() would find between the two as they are now;
 * nothing is attached or mapped, and it takes no privilege beyond the open
 * node.  Whether this caller may map is another question.  The importer needs a
 * driver, whose IOMMU domain decides which way its DMA goes; the exporter needs
 * none.
 *
 * Context: Any thread.
 * Return: 0, or
 * * -EHOSTUNREACH: no route; @reason names the bridge in the way
 * * -ENODEV: no such device, or the importer has no driver
 * * -EINVAL: a bridge; or the size of @info or @reason is too small
 * * -EBUSY: VFIO or another owner manages the importer's DMA
 * * -EOPNOTSUPP: the importer's DMA is not coherent, or it is not trusted
 * * -EPERM: the context belongs to another process
 * * -ENOTTY: the module is older than this call
 * Since: 0.1
 */
P2PMAP_API int p2pmap_context_route(struct p2pmap_context *ctx,
				    const struct p2pmap_pci_addr *importer,
				    const struct p2pmap_pci_addr *exporter,
				    struct p2pmap_route_info *info,
				    struct p2pmap_reason *reason);

/**
 * struct p2pmap_map_opts - options of p2pmap_mapping_map()
 * @size: sizeof(struct p2pmap_map_opts)
 * @cookie: the caller's, comes back with each event of the mapping
 *
 * Since: 0.1
 */
struct p2pmap_map_opts {
	size_t size;
	__aligned_u64 cookie;
};

/**
 * p2pmap_mapping_map() - make a range visible to an importer
 * @importer: the importer
 * @addr: first byte, page-aligned
 * @length: bytes, a multiple of the page size
 * @flags: P2PMAP_MAP_*
 * @opts: options, or NULL
 * @reason: why it failed, or NULL; its field size must be set
 * @mapping: result, owned by the context; end it with p2pmap_mapping_unmap() or
 *	with the context
 *
 * The importer may read the range, and write to it with P2PMAP_MAP_WRITE.  With
 * P2PMAP_MAP_PIN the memory stays where it is and counts against
 * RLIMIT_MEMLOCK; the advice for regular memory.  Without it the kernel takes
 * the memory away when it pleases, but first it cuts the importer off and makes
 * an event; the advice for device memory.
 *
 * The range may span several VMAs, all of regular memory or all of one BAR.
 * The first successful call binds the context to this process for good.
 *
 * Context: Any thread.
 * Return: 0, or
 * * -EINVAL: zero length, unaligned or wrapping range, several kinds of memory
 * * -EFAULT: a hole, memory that no device may reach, or WRITE on memory that
 *   the caller may not write
 * * -EOPNOTSUPP: an unknown flag; memory or a machine that is not supported, or
 *   not with these flags
 * * -EHOSTUNREACH: no route from importer to exporter
 * * -ERANGE: out of reach of the importer's DMA mask
 * * -ENOMEM: out of memory, or over RLIMIT_MEMLOCK
 * * -ENOSPC: too many mappings, the user's limit, or no DMA addresses left
 * * -ENODEV: the importer or the exporter is gone
 * * -ENOENT: the importer was detached through another copy of the descriptor
 * * -EAGAIN: the memory kept changing; try again
 * * -EINTR: the process is being killed
 * * -EPERM: the context belongs to another process, or an importer without
 *   enforcement and a caller without privilege
 * * -E2BIG: @opts is of a newer version and uses what this one does not know
 * Since: 0.1
 */
P2PMAP_API int p2pmap_mapping_map(struct p2pmap_importer *importer, void *addr,
				  uint64_t length, uint32_t flags,
				  const struct p2pmap_map_opts *opts,
				  struct p2pmap_reason *reason,
				  struct p2pmap_mapping **mapping);

/**
 * p2pmap_mapping_unmap() - end a mapping
 * @mapping: the mapping, or NULL; freed whatever the result
 *
 * When it returns, no DMA of an enforced mapping reaches the memory any more.
 * Stop the importer first: the DMA addresses may be another mapping's soon.
 *
 * Context: Must be the last call on @mapping.
 * Return: 0, or
 * * -ENOENT: it was unmapped through another copy of the descriptor
 * Since: 0.1
 */
P2PMAP_API int p2pmap_mapping_unmap(struct p2pmap_mapping *mapping);

/**
 * p2pmap_mapping_remap() - have revoked memory back
 * @mapping: the mapping
 * @offset: first byte to restore, from the start of the mapping, page-aligned
 * @length: bytes, a multiple of the page size, or 0 for all that follows
 * @reason: why it failed, or NULL; its field size must be set
 *
 * What is live stays as it is; what was revoked comes back at the DMA address
 * it had.  All or nothing.  p2pmap_mapping_generation() and
 * p2pmap_mapping_flags() tell of the mapping as it is afterwards.
 *
 * Context: Any thread.
 * Return: 0, or
 * * -EINVAL: a range outside of the mapping, or not page-aligned
 * * -EFAULT: the memory is not valid now
 * * -EAGAIN: the memory kept changing; try again
 * * -ENODEV: the importer or the exporter is gone
 * * -ENOMEM: out of memory
 * * -ENOENT: it was unmapped through another copy of the descriptor
 * * -EOPNOTSUPP: the mapping is pinned or not enforced
 * * -EHOSTUNREACH: what is there now cannot be reached by the importer
 * * -EPERM: the context belongs to another process
 * Since: 0.1
 */
P2PMAP_API int p2pmap_mapping_remap(struct p2pmap_mapping *mapping,
				    uint64_t offset, uint64_t length,
				    struct p2pmap_reason *reason);

/**
 * p2pmap_mapping_get_status() - how is a mapping?
 * @mapping: the mapping
 * @status: result; its field size must be set, the rest is overwritten
 *
 * Also refreshes what p2pmap_mapping_flags() and p2pmap_mapping_generation()
 * say.
 *
 * Context: Any thread.
 * Return: 0, or
 * * -EINVAL: @status->size is too small
 * * -ENOENT: it was unmapped through another copy of the descriptor
 * * -EPERM: the context belongs to another process
 * Since: 0.1
 */
P2PMAP_API int p2pmap_mapping_get_status(struct p2pmap_mapping *mapping,
					 struct p2pmap_status *status);

/**
 * p2pmap_mapping_dma_addr() - DMA address at an offset
 * @mapping: the mapping
 * @offset: byte of the mapping, less than its length
 * @dma_addr: result: where the importer finds that byte
 * @contiguous: result: bytes from there on that follow each other for the
 *	importer, at least 1; may be NULL
 *
 * The addresses of a mapping never change while it lives, whatever is revoked.
 * Costs a binary search in the list of extents, no system call.
 *
 * Context: Any thread.
 * Return: 0, or
 * * -EINVAL: @offset is outside of the mapping
 * Since: 0.1
 */
P2PMAP_API int p2pmap_mapping_dma_addr(const struct p2pmap_mapping *mapping,
				       uint64_t offset, uint64_t *dma_addr,
				       uint64_t *contiguous);

/**
 * p2pmap_mapping_extents() - the runs that are contiguous for the importer
 * @mapping: the mapping
 * @count: result: how many there are
 *
 * Context: Any thread.
 * Return: array in the order of the range, owned by @mapping.
 * Since: 0.1
 */
P2PMAP_API const struct p2pmap_extent *
p2pmap_mapping_extents(const struct p2pmap_mapping *mapping, size_t *count);

/**
 * p2pmap_mapping_id() - the mapping's id in its context
 * @mapping: the mapping
 *
 * Context: Any thread.
 * Return: the id, as in the events.
 * Since: 0.1
 */
P2PMAP_API uint32_t p2pmap_mapping_id(const struct p2pmap_mapping *mapping);

/**
 * p2pmap_mapping_addr() - first byte of the range
 * @mapping: the mapping
 *
 * Context: Any thread.
 * Return: the address that was mapped.
 * Since: 0.1
 */
P2PMAP_API void *p2pmap_mapping_addr(const struct p2pmap_mapping *mapping);

/**
 * p2pmap_mapping_length() - length of the range
 * @mapping: the mapping
 *
 * Context: Any thread.
 * Return: the length in bytes.
 * Since: 0.1
 */
P2PMAP_API uint64_t p2pmap_mapping_length(const struct p2pmap_mapping *mapping);

/**
 * p2pmap_mapping_cookie() - the caller's cookie
 * @mapping: the mapping
 *
 * Context: Any thread.
 * Return: the cookie that was given to p2pmap_mapping_map(), or 0.
 * Since: 0.1
 */
P2PMAP_API uint64_t p2pmap_mapping_cookie(const struct p2pmap_mapping *mapping);

/**
 * p2pmap_mapping_kind() - what memory the range consists of
 * @mapping: the mapping
 *
 * Context: Any thread.
 * Return: regular memory, or a BAR.
 * Since: 0.1
 */
P2PMAP_API enum p2pmap_kind
p2pmap_mapping_kind(const struct p2pmap_mapping *mapping);

/**
 * p2pmap_mapping_route() - how the importer's DMA gets to the exporter
 * @mapping: the mapping
 *
 * Context: Any thread.
 * Return: the route; P2PMAP_ROUTE_NONE for regular memory.
 * Since: 0.1
 */
P2PMAP_API enum p2pmap_route
p2pmap_mapping_route(const struct p2pmap_mapping *mapping);

/**
 * p2pmap_mapping_exporter() - whose BAR it is
 * @mapping: the mapping
 *
 * Context: Any thread.
 * Return: PCI address of the exporter, owned by @mapping; NULL for regular
 * memory.
 * Since: 0.1
 */
P2PMAP_API const struct p2pmap_pci_addr *
p2pmap_mapping_exporter(const struct p2pmap_mapping *mapping);

/**
 * p2pmap_mapping_flags() - how the mapping was when last asked
 * @mapping: the mapping
 *
 * Context: Any thread.
 * Return: P2PMAP_MAPPING_*, as of the last map, remap or get_status.
 * Since: 0.1
 */
P2PMAP_API uint32_t p2pmap_mapping_flags(const struct p2pmap_mapping *mapping);

/**
 * p2pmap_mapping_generation() - the generation when last asked
 * @mapping: the mapping
 *
 * Odd while the importer reaches all of the mapping.
 *
 * Context: Any thread.
 * Return: the generation as of the last map, remap or get_status.
 * Since: 0.1
 */
P2PMAP_API uint64_t
p2pmap_mapping_generation(const struct p2pmap_mapping *mapping);

/**
 * p2pmap_mapping_generation_word() - where the kernel keeps the generation
 * @mapping: the mapping
 *
 * For caches that want to check p2pmap_generation_is_current() inline.  The
 * word outlives the mapping, up to p2pmap_context_close(), and never repeats a
 * value: a cache may go on checking a pair of word and generation after another
 * part of the program has unmapped the mapping.
 *
 * Context: Any thread.
 * Return: a word in the generation page, read-only; NULL if the context was
 * opened without watch_capacity.
 * Since: 0.1
 */
P2PMAP_API const uint64_t *
p2pmap_mapping_generation_word(const struct p2pmap_mapping *mapping);

/**
 * p2pmap_generation_is_current() - is it still good? one load
 * @word: from p2pmap_mapping_generation_word(), not NULL
 * @generation: what the caller holds, from p2pmap_mapping_generation()
 *
 * The load has acquire order: nothing that the thread reads afterwards is read
 * before it.  The kernel changes the word before it cuts the importer off, so
 * true says that at the time of the load the importer had not lost anything
 * since the generation was taken.  It may lose it right afterwards: DMA that is
 * then on its way faults or hits the sink, it never reaches memory of somebody
 * else.
 *
 * On 32-bit machines it takes two loads, the low half first: as the word only
 * grows, a match of both proves that it was whole at the time of the first.
 *
 * Context: Any thread.
 * Return: true if nothing was revoked since; always false for an even
 * @generation, which is one of a mapping that was not whole when asked.
 * Since: 0.1
 */
static inline bool p2pmap_generation_is_current(const uint64_t *word,
						uint64_t generation)
{
#ifdef __LP64__
	uint64_t now = __atomic_load_n(word, __ATOMIC_ACQUIRE);
#else
	/* A 64-bit atomic load may be done by a write on these machines. */
	typedef uint32_t __attribute__((__may_alias__)) half_word;
	const half_word *half = (const half_word *)(const void *)word;
	const int low = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
	uint64_t now = __atomic_load_n(&half[low], __ATOMIC_ACQUIRE);

	now |= (uint64_t)__atomic_load_n(&half[!low], __ATOMIC_ACQUIRE) << 32;
#endif
	return now == generation && (generation & 1);
}

/**
 * p2pmap_mapping_is_current() - is it still good?
 * @mapping: the mapping
 * @generation: what the caller holds, from p2pmap_mapping_generation()
 *
 * As p2pmap_generation_is_current(), by one load from the generation page.
 * Without one (no watch_capacity) it costs a system call.
 *
 * Context: Any thread.
 * Return: true if nothing was revoked since.
 * Since: 0.1
 */
P2PMAP_API bool p2pmap_mapping_is_current(const struct p2pmap_mapping *mapping,
					  uint64_t generation);

/* Words */

/**
 * p2pmap_reason_text() - say in a sentence what went wrong and what would help
 * @reason: as filled by a failed call
 * @buf: result, always terminated if @size is not 0; may be NULL if it is
 * @size: bytes at @buf; P2PMAP_REASON_TEXT_SIZE is always enough
 *
 * Context: Any thread.
 * Return: length of the whole text without its end, as snprintf().
 * Since: 0.1
 */
P2PMAP_API size_t p2pmap_reason_text(const struct p2pmap_reason *reason,
				     char *buf, size_t size);

#define P2PMAP_REASON_TEXT_SIZE 512

/**
 * p2pmap_reason_name() - short name of a reason, for programs
 * @code: enum p2pmap_reason_code
 *
 * Context: Any thread.
 * Return: a constant such as "no-route-acs"; NULL for an unknown code.
 * Since: 0.1
 */
P2PMAP_API const char *p2pmap_reason_name(uint32_t code);

/**
 * p2pmap_dma_mode_name() - name of what an importer's DMA addresses are
 * @mode: enum p2pmap_dma_mode
 *
 * Context: Any thread.
 * Return: a constant: "translated" or "direct"; NULL for an unknown one.
 * Since: 0.1
 */
P2PMAP_API const char *p2pmap_dma_mode_name(uint32_t mode);

/**
 * p2pmap_kind_name() - name of a kind of memory
 * @kind: enum p2pmap_kind
 *
 * Context: Any thread.
 * Return: a constant: "ram" or "bar"; NULL for an unknown kind.
 * Since: 0.1
 */
P2PMAP_API const char *p2pmap_kind_name(uint32_t kind);

/**
 * p2pmap_route_name() - name of a route
 * @route: enum p2pmap_route
 *
 * Context: Any thread.
 * Return: a constant: "none", "same", "switch" or "host-bridge"; NULL for an
 * unknown route.
 * Since: 0.1
 */
P2PMAP_API const char *p2pmap_route_name(uint32_t route);

/**
 * p2pmap_event_reason_name() - name of one reason of an event
 * @reason: exactly one bit of struct p2pmap_event.reasons
 *
 * Context: Any thread.
 * Return: a constant such as "unmapped"; NULL for an unknown one.
 * Since: 0.1
 */
P2PMAP_API const char *p2pmap_event_reason_name(uint32_t reason);

/* PCI addresses */

/* Room for the longest PCI address and its end. */
#define P2PMAP_PCI_TEXT_SIZE 17

/**
 * p2pmap_pci_parse() - read a PCI address
 * @text: such as "0000:02:00.0" or "02:00.0", in hexadecimal
 * @pci: result
 *
 * Context: Any thread.
 * Return: 0, or
 * * -EINVAL: @text is no PCI address
 * Since: 0.1
 */
P2PMAP_API int p2pmap_pci_parse(const char *text, struct p2pmap_pci_addr *pci);

/**
 * p2pmap_pci_format() - write a PCI address
 * @pci: the address
 * @buf: result, always terminated if @size is not 0
 * @size: bytes at @buf; P2PMAP_PCI_TEXT_SIZE is always enough
 *
 * Context: Any thread.
 * Return: @buf, so that it can stand in an argument list.
 * Since: 0.1
 */
P2PMAP_API char *p2pmap_pci_format(const struct p2pmap_pci_addr *pci, char *buf,
				   size_t size);

#ifdef __cplusplus
}
#endif

#endif /* P2PMAP_P2PMAP_H */
