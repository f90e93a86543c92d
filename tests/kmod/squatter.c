// SPDX-License-Identifier: GPL-2.0-only
/*
 * A test driver that has taken the name of p2pmap's netlink family: whoever comes
 * later cannot register his, and has to undo all that came before.
 */
#include <linux/module.h>
#include <net/genetlink.h>
#include <p2pmap/netlink.h>

static struct genl_family family __ro_after_init = {
	.name = P2PMAP_NL_FAMILY_NAME,
	.version = P2PMAP_NL_FAMILY_VERSION,
	.module = THIS_MODULE,
};

static int __init squatter_init(void)
{
	return genl_register_family(&family);
}

static void __exit squatter_exit(void)
{
	genl_unregister_family(&family);
}

module_init(squatter_init);
module_exit(squatter_exit);
MODULE_DESCRIPTION("Take the name of a netlink family");
MODULE_LICENSE("GPL");
