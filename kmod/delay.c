// SPDX-License-Identifier: GPL-2.0-only
/*
 * Delays, for tests; delay.h says where and when this is built at all.
 *
 * Parameters of the module, which root may change at any time:
 *
 *   delay_permille   how many of a thousand passages are delayed (0)
 *   delay_us         the longest delay; most are much shorter
 *   delay_seed       of the dice; to set it starts them anew
 *   delay_points     to read: each point, and how often it was delayed
 *
 * The dice are one counter for all processors, which costs no lock.
 */
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/sysfs.h>

#include "delay.h"

/* Others wait for the processor meanwhile. */
#define SPIN_MAX_US 1000
#define SLEEP_MAX_US 100000

static unsigned int delay_permille;
module_param(delay_permille, uint, 0600);
MODULE_PARM_DESC(delay_permille, "Delays in a thousand passages (0)");

static unsigned int delay_us = 500;
module_param(delay_us, uint, 0600);
MODULE_PARM_DESC(delay_us, "Longest delay (500)");

static atomic64_t dice;
static atomic_t delayed[P2PMAP_NR_DELAYS];

static int seed_set(const char *value, const struct kernel_param *param)
{
	u64 seed;
	int rc = kstrtou64(value, 0, &seed);

	if (!rc)
		atomic64_set(&dice, seed);
	return rc;
}

static const struct kernel_param_ops seed_ops = { .set = seed_set };

module_param_cb(delay_seed, &seed_ops, NULL, 0200);
MODULE_PARM_DESC(delay_seed, "Seed of the delays");

static const char *const names[] = {
#define POINT_NAME(name) #name,
	P2PMAP_DELAY_POINTS(POINT_NAME)
};

static int points_get(char *buffer, const struct kernel_param *param)
{
	int i, length = 0;

	for (i = 0; i < P2PMAP_NR_DELAYS; i++)
		length += sysfs_emit_at(buffer, length, "%s %d\n", names[i],
					atomic_read(&delayed[i]));
	return length;
}

static const struct kernel_param_ops points_ops = { .get = points_get };

module_param_cb(delay_points, &points_ops, NULL, 0400);
MODULE_PARM_DESC(delay_points, "Points, and how often each was delayed");

/* splitmix64 */
static u64 throw_dice(void)
{
	u64 z = atomic64_add_return(0x9e3779b97f4a7c15ULL, &dice);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* For how long this time, in microseconds; mostly 0. */
static unsigned int choose(enum p2pmap_delay_point point, unsigned int max)
{
	unsigned int permille = READ_ONCE(delay_permille);
	u64 thrown;

	if (!permille)
		return 0;
	thrown = throw_dice();
	if ((u32)thrown % 1000 >= permille)
		return 0;
	atomic_inc(&delayed[point]);
	/* Of all orders of magnitude: what comes in between is fast or slow. */
	max = clamp(READ_ONCE(delay_us), 1U, max) >> (thrown >> 61);
	return 1 + (u32)(thrown >> 29) % (max + 1);
}

void p2pmap_delay(enum p2pmap_delay_point point)
{
	unsigned int us;

	/* Whether or not: a point that stands wrong is to be found at once. */
	might_sleep();
	us = choose(point, SLEEP_MAX_US);
	if (us)
		usleep_range(us, us + us / 4 + 1);
}

void p2pmap_delay_spin(enum p2pmap_delay_point point)
{
	unsigned int us = choose(point, SPIN_MAX_US);

	if (us)
		udelay(us);
}
