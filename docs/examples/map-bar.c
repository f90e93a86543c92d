/* SPDX-License-Identifier: GPL-2.0-only */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <p2pmap/p2pmap.h>

/* usage: map-bar IMPORTER /sys/bus/pci/devices/EXPORTER/resource2 */
int main(int argc, char **argv)
{
	struct p2pmap_reason why = { .size = sizeof(why) };
	char text[P2PMAP_REASON_TEXT_SIZE];
	struct p2pmap_context *ctx;
	struct p2pmap_importer *importer;
	struct p2pmap_mapping *mapping;
	struct p2pmap_pci_addr address;
	uint64_t dma, contiguous, length = 1 << 20;
	void *bar;
	int fd, rc;

	if (argc != 3 || p2pmap_pci_parse(argv[1], &address))
		return 2;
	fd = open(argv[2], O_RDWR);
	bar = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (bar == MAP_FAILED)
		return 1;
	rc = p2pmap_context_open(NULL, &ctx);
	if (rc) {
		fprintf(stderr, "/dev/p2pmap: %s\n", strerror(-rc));
		return 1;
	}
	rc = p2pmap_importer_attach(ctx, &address, NULL, &why, &importer);
	if (!rc)
		rc = p2pmap_mapping_map(importer, bar, length, P2PMAP_MAP_WRITE,
					NULL, &why, &mapping);
	if (!rc)
		rc = p2pmap_mapping_dma_addr(mapping, 0, &dma, &contiguous);
	if (rc) {
		p2pmap_reason_text(&why, text, sizeof(text));
		fprintf(stderr, "%s: %s\n", strerror(-rc), text);
		return 1;
	}
	printf("%s may use DMA addresses 0x%llx to 0x%llx\n", argv[1],
	       (unsigned long long)dma,
	       (unsigned long long)(dma + contiguous - 1));

	/* ... program the device, poll p2pmap_context_fd(ctx) for events ... */

	p2pmap_mapping_unmap(mapping);
	p2pmap_context_close(ctx);
	return 0;
}
