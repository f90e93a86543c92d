/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints, p2pmap:p2pmap_map and following; docs/tracing.md has examples.
 *
 * They say which mapping (its id on the ledger), whose, and what happened to it,
 * in bytes from its start.  No address is told, neither virtual nor physical nor
 * DMA: who may read traces need not be who may know them.  journal.c calls them.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM p2pmap

#if !defined(P2PMAP_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define P2PMAP_TRACE_H

#include <linux/pci.h>
#include <linux/tracepoint.h>

#include "mapping.h"

#ifndef P2PMAP_TRACE_ONCE
#define P2PMAP_TRACE_ONCE
/* The exporter of a mapping that was mapped, or nothing. */
static inline const char *
p2pmap_trace_exporter(const struct vma_dma_mapping *mapping)
{
	const struct pci_dev *pdev = mapping->map ? mapping->map->bar.pdev :
						    NULL;

	return pdev ? pci_name(pdev) : "-";
}
#endif

/* For perf and others who read the format and not the header. */
TRACE_DEFINE_ENUM(P2PMAP_KIND_RAM);
TRACE_DEFINE_ENUM(P2PMAP_KIND_BAR);
TRACE_DEFINE_ENUM(P2PMAP_ROUTE_NONE);
TRACE_DEFINE_ENUM(P2PMAP_ROUTE_SAME);
TRACE_DEFINE_ENUM(P2PMAP_ROUTE_SWITCH);
TRACE_DEFINE_ENUM(P2PMAP_ROUTE_HOST_BRIDGE);
TRACE_DEFINE_ENUM(P2PMAP_ROUTE_EXPORTER);
TRACE_DEFINE_ENUM(P2PMAP_NL_OPERATION_ATTACH);
TRACE_DEFINE_ENUM(P2PMAP_NL_OPERATION_MAP);
TRACE_DEFINE_ENUM(P2PMAP_NL_OPERATION_REMAP);
TRACE_DEFINE_ENUM(P2PMAP_NL_OPERATION_DRIVER_MAP);

#define show_kind(kind)					\
	__print_symbolic(kind,				\
			 { P2PMAP_KIND_RAM, "ram" },	\
			 { P2PMAP_KIND_BAR, "bar" })

#define show_route(route)						\
	__print_symbolic(route,						\
			 { P2PMAP_ROUTE_NONE, "none" },			\
			 { P2PMAP_ROUTE_SAME, "same" },			\
			 { P2PMAP_ROUTE_SWITCH, "switch" },		\
			 { P2PMAP_ROUTE_HOST_BRIDGE, "host-bridge" },	\
			 { P2PMAP_ROUTE_EXPORTER, "exporter" })

#define show_map_flags(flags)				\
	__print_flags(flags, "|",			\
		      { P2PMAP_MAP_WRITE, "write" },	\
		      { P2PMAP_MAP_PIN, "pin" },	\
		      { P2PMAP_MAP_SINK, "sink" },	\
		      { P2PMAP_MAP_RESTORE, "restore" })

#define show_reasons(reasons)					\
	__print_flags(reasons, "|",				\
		      { P2PMAP_EVENT_UNMAPPED, "unmapped" },	\
		      { P2PMAP_EVENT_CHANGED, "changed" },	\
		      { P2PMAP_EVENT_PROTECTION, "protection" },	\
		      { P2PMAP_EVENT_SOFT_DIRTY, "soft-dirty" },	\
		      { P2PMAP_EVENT_EXIT, "exit" },		\
		      { P2PMAP_EVENT_DEVICE_GONE, "device-gone" },	\
		      { P2PMAP_EVENT_WITHDRAWN, "withdrawn" },	\
		      { P2PMAP_EVENT_RESTORED, "restored" })

#define show_operation(operation)					\
	__print_symbolic(operation,					\
			 { P2PMAP_NL_OPERATION_ATTACH, "attach" },	\
			 { P2PMAP_NL_OPERATION_MAP, "map" },		\
			 { P2PMAP_NL_OPERATION_REMAP, "remap" },	\
			 { P2PMAP_NL_OPERATION_DRIVER_MAP, "driver-map" })

DECLARE_EVENT_CLASS(p2pmap_mapping,
	TP_PROTO(const struct vma_dma_mapping *mapping),
	TP_ARGS(mapping),
	TP_STRUCT__entry(
		__field(u64, mapping)
		__field(u64, context)
		__field(u64, length)
		__field(u32, flags)
		__field(u32, kind)
		__field(u32, route)
		__field(u32, bar)
		__field(u32, extents)
		__array(char, importer, 16)
		__array(char, exporter, 16)
	),
	TP_fast_assign(
		__entry->mapping = mapping->record.entry.id;
		__entry->context = mapping->record.context;
		__entry->length = mapping->length;
		__entry->flags = mapping->flags;
		__entry->kind = mapping->kind;
		__entry->route = mapping->map->route.type;
		__entry->bar = mapping->map->bar.index;
		__entry->extents = mapping->map->dma.nr_extents;
		strscpy(__entry->importer, mapping->record.importer, 16);
		strscpy(__entry->exporter, p2pmap_trace_exporter(mapping), 16);
	),
	TP_printk("mapping=%llu context=%llu length=%llu flags=%s kind=%s importer=%s exporter=%s bar=%u route=%s extents=%u",
		  __entry->mapping, __entry->context, __entry->length,
		  show_map_flags(__entry->flags & 0xf),
		  show_kind(__entry->kind), __entry->importer,
		  __entry->exporter, __entry->bar, show_route(__entry->route),
		  __entry->extents)
);

DEFINE_EVENT(p2pmap_mapping, p2pmap_map,
	TP_PROTO(const struct vma_dma_mapping *mapping),
	TP_ARGS(mapping)
);

DEFINE_EVENT(p2pmap_mapping, p2pmap_unmap,
	TP_PROTO(const struct vma_dma_mapping *mapping),
	TP_ARGS(mapping)
);

DECLARE_EVENT_CLASS(p2pmap_range,
	TP_PROTO(const struct vma_dma_mapping *mapping,
		 const struct vma_dma_event *event),
	TP_ARGS(mapping, event),
	TP_STRUCT__entry(
		__field(u64, mapping)
		__field(u64, context)
		__field(u64, offset)
		__field(u64, length)
		__field(u64, cut_offset)
		__field(u64, cut_length)
		__field(u32, reasons)
		__field(bool, not_cut)
		__array(char, importer, 16)
	),
	TP_fast_assign(
		__entry->mapping = mapping->record.entry.id;
		__entry->context = mapping->record.context;
		__entry->offset = event->offset;
		__entry->length = event->end - event->offset;
		__entry->cut_offset = event->cut_offset;
		__entry->cut_length = event->cut_end - event->cut_offset;
		__entry->reasons = event->reasons;
		__entry->not_cut = event->flags & P2PMAP_EVENT_NOT_CUT;
		strscpy(__entry->importer, mapping->record.importer, 16);
	),
	TP_printk("mapping=%llu context=%llu importer=%s offset=%llu length=%llu cut_offset=%llu cut_length=%llu reasons=%s%s",
		  __entry->mapping, __entry->context, __entry->importer,
		  __entry->offset, __entry->length, __entry->cut_offset,
		  __entry->cut_length, show_reasons(__entry->reasons),
		  __entry->not_cut ? " not-cut" : "")
);

DEFINE_EVENT(p2pmap_range, p2pmap_revoke,
	TP_PROTO(const struct vma_dma_mapping *mapping,
		 const struct vma_dma_event *event),
	TP_ARGS(mapping, event)
);

DEFINE_EVENT(p2pmap_range, p2pmap_remap,
	TP_PROTO(const struct vma_dma_mapping *mapping,
		 const struct vma_dma_event *event),
	TP_ARGS(mapping, event)
);

DEFINE_EVENT(p2pmap_range, p2pmap_event,
	TP_PROTO(const struct vma_dma_mapping *mapping,
		 const struct vma_dma_event *event),
	TP_ARGS(mapping, event)
);

TRACE_EVENT(p2pmap_refuse,
	TP_PROTO(const struct p2pmap_notice *notice),
	TP_ARGS(notice),
	TP_STRUCT__entry(
		__field(u32, operation)
		__field(u32, error)
		__field(u32, code)
	),
	TP_fast_assign(
		__entry->operation = notice->operation;
		__entry->error = notice->error;
		__entry->code = notice->code;
	),
	TP_printk("operation=%s errno=%u code=%u",
		  show_operation(__entry->operation), __entry->error,
		  __entry->code)
);

#endif /* P2PMAP_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
