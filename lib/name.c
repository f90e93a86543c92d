// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Short names of the ABI's enums and bits, for programs that print them.
 *
 * They are part of the API: scripts read them.  The switches have no default,
 * so that the compiler finds a constant without a name.
 */
#include "private.h"

const char *p2pmap_dma_mode_name(uint32_t mode)
{
	switch ((enum p2pmap_dma_mode)mode) {
	case P2PMAP_DMA_TRANSLATED:
		return "translated";
	case P2PMAP_DMA_DIRECT:
		return "direct";
	}
	return NULL;
}

const char *p2pmap_kind_name(uint32_t kind)
{
	switch ((enum p2pmap_kind)kind) {
	case P2PMAP_KIND_RAM:
		return "ram";
	case P2PMAP_KIND_BAR:
		return "bar";
	}
	return NULL;
}

const char *p2pmap_route_name(uint32_t route)
{
	switch ((enum p2pmap_route)route) {
	case P2PMAP_ROUTE_NONE:
		return "none";
	case P2PMAP_ROUTE_SAME:
		return "same";
	case P2PMAP_ROUTE_SWITCH:
		return "switch";
	case P2PMAP_ROUTE_HOST_BRIDGE:
		return "host-bridge";
	case P2PMAP_ROUTE_EXPORTER:
		return "exporter";
	}
	return NULL;
}

const char *p2pmap_event_reason_name(uint32_t reason)
{
	switch (reason) {
	case P2PMAP_EVENT_UNMAPPED:
		return "unmapped";
	case P2PMAP_EVENT_CHANGED:
		return "changed";
	case P2PMAP_EVENT_PROTECTION:
		return "protection";
	case P2PMAP_EVENT_SOFT_DIRTY:
		return "soft-dirty";
	case P2PMAP_EVENT_EXIT:
		return "exit";
	case P2PMAP_EVENT_DEVICE_GONE:
		return "device-gone";
	case P2PMAP_EVENT_WITHDRAWN:
		return "withdrawn";
	case P2PMAP_EVENT_RESTORED:
		return "restored";
	}
	return NULL;
}
