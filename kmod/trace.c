// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tracepoints of trace.h, which is included once more to define them.
 */
#include "mapping.h"

#define CREATE_TRACE_POINTS
#include "trace.h"
