// SPDX-License-Identifier: GPL-2.0-only
/*
 * A test driver that makes a race certain.  Write a kernel function's name to the
 * parameter "function": from then on processes whose command is "slow" spend a
 * second where it begins.
 */
#include <linux/delay.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/string.h>

static char name[64];
static struct kprobe probe = { .symbol_name = name };
static bool planted; /* the parameter's lock */

static int before(struct kprobe *kprobe, struct pt_regs *regs)
{
	if (!strcmp(current->comm, "slow"))
		mdelay(1000);
	return 0;
}

static int function_set(const char *value, const struct kernel_param *param)
{
	int rc;

	if (planted)
		return -EBUSY;
	if (strscpy(name, value, sizeof(name)) < 0)
		return -EINVAL;
	strim(name);
	probe.pre_handler = before;
	rc = register_kprobe(&probe);
	planted = !rc;
	return rc;
}

static const struct kernel_param_ops function_ops = { .set = function_set };

module_param_cb(function, &function_ops, NULL, 0200);
MODULE_PARM_DESC(function, "Where processes named \"slow\" are slow");

static int __init call_delay_init(void)
{
	return 0;
}

static void __exit call_delay_exit(void)
{
	if (planted)
		unregister_kprobe(&probe);
}

module_init(call_delay_init);
module_exit(call_delay_exit);
MODULE_DESCRIPTION("Make a kernel function slow for some processes");
MODULE_LICENSE("GPL");
