// SPDX-License-Identifier: GPL-2.0-only
/*
 * Importers: devices attached to a context, and who may attach them.
 *
 * Being allowed to attach an importer is being allowed to let its whole IOMMU
 * group reach what is mapped for it.  That takes CAP_SYS_RAWIO or the
 * administrator's word: the module's parameter "allow".
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/dma-map-ops.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/uidgid.h>

#include "delay.h"
#include "private.h"

static DEFINE_MUTEX(allow_lock);
static char *allow_list; /* allow_lock */

/* Who may load modules sets it when he does; a container's root may not. */
static int allow_set(const char *value, const struct kernel_param *param)
{
	char *list;

	if (!capable(CAP_SYS_RAWIO) && !capable(CAP_SYS_MODULE))
		return -EPERM;
	list = kstrdup(value, GFP_KERNEL);
	if (!list)
		return -ENOMEM;
	mutex_lock(&allow_lock);
	swap(list, allow_list);
	mutex_unlock(&allow_lock);
	kfree(list);
	return 0;
}

static int allow_get(char *buffer, const struct kernel_param *param)
{
	int length;

	mutex_lock(&allow_lock);
	length = sysfs_emit(buffer, "%s\n", allow_list ? strim(allow_list) : "");
	mutex_unlock(&allow_lock);
	return length;
}

/* When the module goes, or could not be loaded after all. */
static void allow_free(void *unused)
{
	kfree(allow_list);
}

static const struct kernel_param_ops allow_ops = {
	.set = allow_set,
	.get = allow_get,
	.free = allow_free,
};

module_param_cb(allow, &allow_ops, NULL, 0644);
MODULE_PARM_DESC(allow,
		 "Devices that may be attached without CAP_SYS_RAWIO: DDDD:BB:DD.F[=uUID|=gGID],...");

/*
 * Does one entry of the list, "address[=who]", admit the caller?  What is not
 * written just so, as p2pmap-cli writes it, admits nobody.
 */
static bool entry_allows(char *entry, struct pci_dev *pdev)
{
	char *address = strim(strsep(&entry, "="));
	unsigned int id;

	if (strcasecmp(address, pci_name(pdev)))
		return false;
	if (!entry)
		return true;
	entry = strim(entry);
	if (!*entry || kstrtouint(entry + 1, 10, &id))
		return false;
	if (entry[0] == 'u')
		return uid_eq(current_euid(), make_kuid(&init_user_ns, id));
	return entry[0] == 'g' && in_egroup_p(make_kgid(&init_user_ns, id));
}

static bool list_allows(struct pci_dev *pdev)
{
	char *copy, *rest, *entry;
	bool allowed = false;

	mutex_lock(&allow_lock);
	copy = allow_list ? kstrdup(allow_list, GFP_KERNEL) : NULL;
	mutex_unlock(&allow_lock);
	rest = copy;
	while (!allowed && (entry = strsep(&rest, ",")))
		allowed = entry_allows(entry, pdev);
	kfree(copy);
	return allowed;
}

/* May this device do DMA for us at all?  Under its device_lock(). */
static int importer_check(struct pci_dev *pdev, struct p2pmap_reason *why)
{
	struct device *dev = &pdev->dev;

	device_lock_assert(dev);
	if (!dev->driver)
		return p2pmap_fail_pci(why, -ENODEV, P2PMAP_REASON_NO_DRIVER,
				       pdev);
	if (to_pci_driver(dev->driver)->driver_managed_dma ||
	    p2pmap_iommu_owner_check(dev))
		return p2pmap_fail_pci(why, -EBUSY, P2PMAP_REASON_FOREIGN_OWNER,
				       pdev);
	if (!dev_is_dma_coherent(dev))
		return p2pmap_fail_pci(why, -EOPNOTSUPP,
				       P2PMAP_REASON_NOT_COHERENT, pdev);
	if (pdev->untrusted)
		return p2pmap_fail_pci(why, -EOPNOTSUPP,
				       P2PMAP_REASON_UNTRUSTED, pdev);
	return 0;
}

/* Not below what mappings of this device, anybody's, were made for. */
static int set_width(struct p2pmap_device *device, u64 mask)
{
	struct device *dev = &device->pdev->dev;
	int rc = -EBUSY;

	down_write(&p2pmap_devices_lock);
	if (mask >= dma_get_mask(dev) || list_empty(&device->imports))
		rc = dma_set_mask_and_coherent(dev, mask) ? -EINVAL : 0;
	up_write(&p2pmap_devices_lock);
	return rc;
}

/* uio_pci_generic leaves the default mask; say how wide the device really is. */
static int importer_widen(struct p2pmap_device *device, u32 bits,
			  struct p2pmap_reason *why)
{
	struct pci_dev *pdev = device->pdev;

	if (!bits)
		return 0;
	if (bits > 64)
		return -EINVAL;
	if (strcmp(dev_driver_string(&pdev->dev), "uio_pci_generic"))
		return p2pmap_fail_pci(why, -EINVAL, P2PMAP_REASON_DMA_WIDTH,
				       pdev);
	if (!capable(CAP_SYS_RAWIO))
		return p2pmap_fail_pci(why, -EPERM, P2PMAP_REASON_NOT_ALLOWED,
				       pdev);
	return set_width(device, DMA_BIT_MASK(bits));
}

static int importer_attach_locked(struct p2pmap_importer *importer,
				  struct pci_dev *pdev, u32 bits,
				  struct p2pmap_reason *why)
{
	int rc = importer_check(pdev, why);

	if (rc)
		return rc;
	importer->translated = p2pmap_iommu_translates(&pdev->dev);
	importer->enforced = p2pmap_iommu_enforces(&pdev->dev);
	importer->aperture_end = p2pmap_iommu_aperture_end(&pdev->dev);
	importer->group = p2pmap_iommu_group(&pdev->dev);
	strscpy(importer->driver, pdev->dev.driver->name,
		sizeof(importer->driver));
	importer->device = p2pmap_device_get(pdev);
	if (!importer->device)
		return -ENOMEM;
	return importer_widen(importer->device, bits, why);
}

/* One that waits for a driver's probe can be interrupted, or killed. */
static int importer_attach(struct p2pmap_importer *importer,
			   struct pci_dev *pdev, u32 bits,
			   struct p2pmap_reason *why)
{
	int rc;

	if (device_lock_interruptible(&pdev->dev))
		return -ERESTARTSYS;
	rc = importer_attach_locked(importer, pdev, bits, why);
	device_unlock(&pdev->dev);
	return rc;
}

static struct pci_dev *importer_find(const struct p2pmap_pci_addr *addr,
				     struct p2pmap_reason *why, int *rc)
{
	struct pci_dev *pdev = p2pmap_pcidev_find(addr, why, rc);

	if (!*rc && !capable(CAP_SYS_RAWIO) && !list_allows(pdev))
		*rc = p2pmap_fail(why, -EPERM, P2PMAP_REASON_NOT_ALLOWED, 0);
	return pdev;
}

static enum p2pmap_dma_mode dma_mode(bool translated)
{
	return translated ? P2PMAP_DMA_TRANSLATED : P2PMAP_DMA_DIRECT;
}

/*
 * Could this device be attached, and what are its DMA addresses just now?  Any
 * caller may ask, so one that waits for a driver's probe can be interrupted.
 */
int p2pmap_importer_mode(struct pci_dev *pdev, enum p2pmap_dma_mode *mode,
			 struct p2pmap_reason *why)
{
	int rc;

	if (device_lock_interruptible(&pdev->dev))
		return -ERESTARTSYS;
	rc = importer_check(pdev, why);
	if (!rc)
		*mode = dma_mode(p2pmap_iommu_translates(&pdev->dev));
	device_unlock(&pdev->dev);
	return rc;
}

static void importer_free(struct kref *ref)
{
	struct p2pmap_importer *importer =
		container_of(ref, struct p2pmap_importer, object.ref);

	p2pmap_device_put(importer->device);
	if (importer->ctx)
		p2pmap_context_put(importer->ctx);
	p2pmap_bill_end(&importer->bill);
	kfree(importer);
}

void p2pmap_importer_put(struct p2pmap_importer *importer)
{
	kref_put(&importer->object.ref, importer_free);
}

/* It is in no table any more; takes over the table's reference. */
void p2pmap_importer_leave(struct p2pmap_importer *importer)
{
	p2pmap_ledger_remove(P2PMAP_LEDGER_IMPORTERS, &importer->entry);
	p2pmap_importer_put(importer);
}

static int importer_count(struct p2pmap_context *ctx,
			  struct p2pmap_reason *why)
{
	int rc = 0;

	mutex_lock(&ctx->lock);
	if (ctx->nr_importers == P2PMAP_MAX_IMPORTERS)
		rc = p2pmap_fail(why, -ENOSPC, P2PMAP_REASON_LIMIT,
				 P2PMAP_MAX_IMPORTERS);
	else
		ctx->nr_importers++;
	mutex_unlock(&ctx->lock);
	return rc;
}

static void importer_uncount(struct p2pmap_context *ctx)
{
	mutex_lock(&ctx->lock);
	ctx->nr_importers--;
	mutex_unlock(&ctx->lock);
}

/* Reserve an id, answer, publish. */
static int importer_install(struct p2pmap_call *call,
			    struct p2pmap_importer *importer)
{
	struct p2pmap_attach *cmd = call->cmd;
	struct device *dev = &importer->device->pdev->dev;
	int rc;

	rc = p2pmap_object_reserve(call->ctx, &importer->object,
				   P2PMAP_OBJECT_IMPORTER);
	if (rc)
		return rc;
	cmd->out_id = importer->object.id;
	cmd->out_mode = dma_mode(importer->translated);
	cmd->out_flags = importer->enforced ? P2PMAP_IMPORTER_ENFORCED : 0;
	cmd->out_group = importer->group;
	cmd->out_dma_mask = p2pmap_dma_mask(dev);
	rc = p2pmap_ledger_reserve(P2PMAP_LEDGER_IMPORTERS, &importer->entry,
				   &importer->object.ref, &call->ctx->uid);
	if (!rc)
		rc = p2pmap_respond(call);
	if (rc) {
		p2pmap_ledger_remove(P2PMAP_LEDGER_IMPORTERS, &importer->entry);
		p2pmap_object_cancel(call->ctx, &importer->object);
		return rc;
	}
	p2pmap_ledger_publish(P2PMAP_LEDGER_IMPORTERS, &importer->entry);
	p2pmap_object_publish(call->ctx, &importer->object);
	return 0;
}

int p2pmap_ioctl_attach(struct p2pmap_call *call)
{
	struct p2pmap_attach *cmd = call->cmd;
	struct p2pmap_importer *importer;
	struct pci_dev *pdev;
	int rc;

	if (cmd->flags)
		return -EOPNOTSUPP;
	if (cmd->pci.reserved || cmd->reserved)
		return -EINVAL;
	importer = kzalloc(sizeof(*importer), GFP_KERNEL_ACCOUNT);
	if (!importer)
		return -ENOMEM;
	kref_init(&importer->object.ref);
	p2pmap_context_get(call->ctx);
	importer->ctx = call->ctx;
	rc = importer_count(call->ctx, &call->why);
	if (rc)
		goto free_importer;
	pdev = importer_find(&cmd->pci, &call->why, &rc);
	if (!rc)
		rc = p2pmap_bill_add(&importer->bill, P2PMAP_COST_IMPORTER,
				     &call->why);
	if (!rc)
		rc = importer_attach(importer, pdev, cmd->dma_bits, &call->why);
	pci_dev_put(pdev);
	p2pmap_delay(P2PMAP_DELAY_IMPORTER_CHECKED);
	if (!rc)
		rc = importer_install(call, importer);
	if (!rc)
		return 0;
	importer_uncount(call->ctx);
free_importer:
	p2pmap_importer_put(importer);
	return rc;
}

int p2pmap_ioctl_detach(struct p2pmap_call *call)
{
	struct p2pmap_detach *cmd = call->cmd;
	struct p2pmap_context *ctx = call->ctx;
	struct p2pmap_importer *importer;
	struct p2pmap_object *object;
	int rc = -ENOENT;

	object = p2pmap_object_get(ctx, cmd->id, P2PMAP_OBJECT_IMPORTER);
	if (!object)
		return rc;
	importer = container_of(object, struct p2pmap_importer, object);
	mutex_lock(&ctx->lock);
	if (importer->nr_handles) {
		rc = -EBUSY;
	} else if (p2pmap_object_take(ctx, cmd->id, P2PMAP_OBJECT_IMPORTER)) {
		ctx->nr_importers--;
		p2pmap_importer_leave(importer);
		rc = 0;
	}
	mutex_unlock(&ctx->lock);
	p2pmap_importer_put(importer);
	return rc;
}
