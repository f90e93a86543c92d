// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames: what lies behind a range of virtual memory.
 *
 * Regular memory goes through the core mm: pinned, or looked up by
 * hmm_range_fault() under the caller's interval notifier.  Special memory is
 * read from its page table, or described by its exporter, and never touched by
 * GUP.  This file classifies a VMA and collects its frames; what the frames
 * are good for is bar.c's and dma.c's business.  What looks at VMAs runs under
 * mmap_lock for reading.
 */
#include <linux/dax.h>
#include <linux/hmm.h>
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>

#include "compat.h"
#include "range.h"

static bool vma_is_special(const struct vm_area_struct *vma)
{
	return vma->vm_flags & (VM_IO | VM_PFNMAP);
}

/* Memory whose frames the core mm moves only after it told the notifier. */
static bool vma_moves_politely(struct vm_area_struct *vma)
{
	return vma_is_anonymous(vma) || is_vm_hugetlb_page(vma) ||
	       (vma->vm_file && shmem_mapping(vma->vm_file->f_mapping));
}

static int vma_check_regular(struct vm_area_struct *vma, unsigned long start,
			     unsigned long flags, struct p2pmap_reason *why)
{
	if (vma_is_dax(vma))
		return p2pmap_fail(why, -EOPNOTSUPP, P2PMAP_REASON_MEMORY_KIND,
				   start);
	if (vma_moves_politely(vma))
		return P2PMAP_KIND_RAM;
	/* No file and yet not anonymous: the vdso and its like. */
	if (!vma->vm_file)
		return p2pmap_fail(why, -EFAULT, P2PMAP_REASON_MEMORY_KIND,
				   start);
	if (vma->vm_flags & (VM_SHARED | VM_MAYSHARE | VM_MIXEDMAP))
		return p2pmap_fail(why, -EOPNOTSUPP, P2PMAP_REASON_MEMORY_KIND,
				   start);
	if (!(flags & VMA_DMA_MAP_FLAG_PIN))
		return p2pmap_fail(why, -EOPNOTSUPP, P2PMAP_REASON_NEEDS_PIN,
				   start);
	return P2PMAP_KIND_RAM;
}

/*
 * A write to a private mapping puts RAM where the BAR was.  (A shared one of a
 * file that was opened for reading is not VM_SHARED either.)
 */
static int vma_check_shared(struct vm_area_struct *vma, unsigned long start,
			    struct p2pmap_reason *why)
{
	if (p2pmap_is_cow(vma))
		return p2pmap_fail(why, -EFAULT, P2PMAP_REASON_PRIVATE_BAR,
				   start);
	return P2PMAP_KIND_BAR;
}

/* Device memory for which no exporter answers. */
static int vma_check_special(struct vm_area_struct *vma, unsigned long start,
			     unsigned long flags, struct p2pmap_reason *why)
{
	int rc;

	if (!(vma->vm_flags & VM_PFNMAP))
		return p2pmap_fail(why, -EFAULT, P2PMAP_REASON_NOT_A_BAR,
				   start);
	rc = vma_check_shared(vma, start, why);
	if (rc < 0)
		return rc;
	if (flags & VMA_DMA_MAP_FLAG_PIN)
		return p2pmap_fail(why, -EOPNOTSUPP,
				   P2PMAP_REASON_PIN_DEVICE_MEMORY, start);
	return P2PMAP_KIND_BAR;
}

/* Returns enum p2pmap_kind or an error. */
int p2pmap_vma_kind(struct vm_area_struct *vma, unsigned long start,
		    unsigned long flags, struct p2pmap_reason *why)
{
	bool write = flags & VMA_DMA_MAP_FLAG_WRITE;
	int rc;

	if (!(vma->vm_flags & VM_READ) || !p2pmap_keys_permit(vma, false))
		return p2pmap_fail(why, -EFAULT, P2PMAP_REASON_NOT_READABLE,
				   start);
	/* A shadow stack is writable, but not for everybody. */
	if (write && (!(vma->vm_flags & VM_WRITE) ||
		      (vma->vm_flags & P2PMAP_VM_SHADOW_STACK) ||
		      !p2pmap_keys_permit(vma, true)))
		return p2pmap_fail(why, -EFAULT, P2PMAP_REASON_NOT_WRITABLE,
				   start);
	rc = p2pmap_exporter_check(vma, start, flags, why);
	if (rc < 0)
		return rc;
	if (rc)
		return vma_check_shared(vma, start, why);
	if (vma_is_special(vma))
		return vma_check_special(vma, start, flags, why);
	return vma_check_regular(vma, start, flags, why);
}

/*
 * The kind of all of [start, end), which may cross VMAs of one kind but no
 * hole.  Returns enum p2pmap_kind or an error.
 */
int p2pmap_range_kind(struct mm_struct *mm, unsigned long start,
		      unsigned long end, unsigned long flags,
		      struct p2pmap_reason *why)
{
	struct vm_area_struct *vma;
	int kind = -1;
	int rc;

	while (start < end) {
		vma = find_vma(mm, start);
		if (!vma || vma->vm_start > start)
			return p2pmap_fail(why, -EFAULT, P2PMAP_REASON_HOLE,
					   start);
		rc = p2pmap_vma_kind(vma, start, flags, why);
		if (rc < 0)
			return rc;
		if (kind >= 0 && rc != kind)
			return p2pmap_fail(why, -EINVAL, P2PMAP_REASON_MIXED,
					   start);
		kind = rc;
		start = vma->vm_end;
	}
	return kind;
}

static int frames_grow(struct p2pmap_frames *frames)
{
	unsigned int max = frames->max_runs ? 2 * frames->max_runs : 8;
	struct p2pmap_run *runs;

	/* It does not wrap: the kernel refuses to allocate 2 GiB long before. */
	runs = kvmalloc_array(max, sizeof(*runs), P2PMAP_GFP);
	if (!runs)
		return -ENOMEM;
	if (frames->nr_runs)
		memcpy(runs, frames->runs, frames->nr_runs * sizeof(*runs));
	kvfree(frames->runs);
	frames->runs = runs;
	frames->max_runs = max;
	return 0;
}

/* Append @nr contiguous frames, to the last run if they continue it. */
int p2pmap_frames_append(struct p2pmap_frames *frames, unsigned long pfn,
			 unsigned long nr)
{
	u64 length = (u64)nr << PAGE_SHIFT;
	phys_addr_t phys = PFN_PHYS(pfn);
	struct p2pmap_run *run;
	int rc;

	if (frames->nr_runs) {
		run = &frames->runs[frames->nr_runs - 1];
		if (run->phys + run->length == phys) {
			run->length += length;
			frames->length += length;
			return 0;
		}
	}
	if (frames->nr_runs == frames->max_runs) {
		rc = frames_grow(frames);
		if (rc)
			return rc;
	}
	run = &frames->runs[frames->nr_runs++];
	*run = (struct p2pmap_run){ .phys = phys, .length = length };
	frames->length += length;
	return 0;
}

/* Pages of a batch that follow @pages[0] physically. */
static unsigned long batch_contiguous(struct page **pages, unsigned long nr)
{
	unsigned long i;

	for (i = 1; i < nr && page_to_pfn(pages[i]) == page_to_pfn(pages[0]) + i;
	     i++)
		;
	return i;
}

/* Takes over the pins of @pages, also when it fails. */
static int frames_append_pins(struct p2pmap_frames *frames, struct page **pages,
			      unsigned long nr, unsigned long addr,
			      struct p2pmap_reason *why)
{
	unsigned long i = 0, n;
	int rc = 0;

	while (i < nr) {
		n = batch_contiguous(pages + i, nr - i);
		if (is_zone_device_page(pages[i])) {
			rc = p2pmap_fail(why, -EOPNOTSUPP,
					 P2PMAP_REASON_MEMORY_KIND,
					 addr + (i << PAGE_SHIFT));
			break;
		}
		rc = p2pmap_frames_append(frames, page_to_pfn(pages[i]), n);
		if (rc)
			break;
		i += n;
	}
	if (rc)
		unpin_user_pages(pages + i, nr - i);
	return rc;
}

static int frames_pin(struct p2pmap_frames *frames, struct vm_area_struct *vma,
		      unsigned long start, unsigned long end,
		      unsigned long flags, struct p2pmap_reason *why)
{
	unsigned int gup = p2pmap_pin_flags(vma,
					    flags & VMA_DMA_MAP_FLAG_WRITE);
	struct page **pages;
	long nr;
	int rc = 0;

	pages = kmalloc_array(P2PMAP_BATCH, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return -ENOMEM;
	frames->pinned = true;
	while (!rc && start < end) {
		if (fatal_signal_pending(current)) {
			rc = -EINTR;
			break;
		}
		nr = min_t(unsigned long, (end - start) >> PAGE_SHIFT,
			   P2PMAP_BATCH);
		nr = p2pmap_pin(vma->vm_mm, start, nr, gup, pages);
		if (nr <= 0) {
			rc = !nr || nr == -EHWPOISON ? -EFAULT : nr;
			break;
		}
		rc = frames_append_pins(frames, pages, nr, start, why);
		start += nr << PAGE_SHIFT;
		cond_resched();
	}
	kfree(pages);
	return rc;
}

/* The frames of @pfns that hmm found, with as few calls as there are folios. */
static int frames_append_hmm(struct p2pmap_frames *frames,
			     const struct hmm_range *range, bool write,
			     struct p2pmap_reason *why)
{
	unsigned long need = HMM_PFN_VALID | (write ? HMM_PFN_WRITE : 0);
	unsigned long nr = (range->end - range->start) >> PAGE_SHIFT;
	const unsigned long *pfns = range->hmm_pfns;
	unsigned long addr = range->start;
	unsigned long i;
	int rc;

	for (i = 0; i < nr; i++) {
		struct page *page = hmm_pfn_to_page(pfns[i]);

		/* Only where nothing was to be faulted in. */
		if ((pfns[i] & need) != need) {
			while (i + frames->missing < nr &&
			       (pfns[i + frames->missing] & need) != need)
				frames->missing++;
			return p2pmap_fail(why, -EFAULT, P2PMAP_REASON_HOLE,
					   addr + (i << PAGE_SHIFT));
		}
		if (is_zone_device_page(page))
			return p2pmap_fail(why, -EOPNOTSUPP,
					   P2PMAP_REASON_MEMORY_KIND,
					   addr + (i << PAGE_SHIFT));
		rc = p2pmap_frames_append(frames, page_to_pfn(page), 1);
		if (rc)
			return rc;
	}
	return 0;
}

/*
 * hmm says EFAULT for every failed fault; the core mm can tell them apart.  What
 * failed for want of memory, and does not when it is tried again, is no fault of
 * the caller's.
 */
static int fault_error(struct vm_area_struct *vma, const struct hmm_range *range)
{
	bool write = range->default_flags & HMM_PFN_REQ_WRITE;
	unsigned long addr, i = 0;
	int rc;

	for (addr = range->start; addr < range->end; addr += PAGE_SIZE, i++)
		if (!(range->hmm_pfns[i] & HMM_PFN_VALID))
			break;
	if (addr == range->end)
		return -EFAULT;
	rc = fixup_user_fault(vma->vm_mm, addr,
			      FAULT_FLAG_REMOTE |
				      (write ? FAULT_FLAG_WRITE : 0),
			      NULL);
	if (!rc)
		return -EAGAIN;
	return rc == -ENOMEM ? rc : -EFAULT;
}

/*
 * What is faulted in for writing may have to be copied, and the copying is told
 * to our own notifier: hmm gives up after each such place.  So go on until all of
 * it is there, and have it looked at again then; else a large range that was
 * only read so far would take a try for each batch.
 */
static int frames_hmm(struct p2pmap_frames *frames, struct vm_area_struct *vma,
		      unsigned long start, unsigned long end,
		      unsigned long flags,
		      struct mmu_interval_notifier *notifier,
		      unsigned long seq, bool fault, struct p2pmap_reason *why)
{
	bool write = flags & VMA_DMA_MAP_FLAG_WRITE;
	struct hmm_range range = {
		.notifier = notifier,
		.notifier_seq = seq,
	};
	unsigned int left = P2PMAP_BATCH;
	bool changed = false;
	unsigned long nr;
	int rc = 0;

	if (fault)
		range.default_flags = HMM_PFN_REQ_FAULT |
				      (write ? HMM_PFN_REQ_WRITE : 0);
	range.hmm_pfns = kmalloc_array(P2PMAP_BATCH, sizeof(*range.hmm_pfns),
				       GFP_KERNEL);
	if (!range.hmm_pfns)
		return -ENOMEM;
	for (; !rc && start < end; start += nr << PAGE_SHIFT) {
		nr = min_t(unsigned long, (end - start) >> PAGE_SHIFT,
			   P2PMAP_BATCH);
		range.start = start;
		range.end = start + (nr << PAGE_SHIFT);
		memset(range.hmm_pfns, 0, nr * sizeof(*range.hmm_pfns));
		rc = hmm_range_fault(&range);
		if (rc == -EFAULT)
			rc = fault_error(vma, &range);
		if (rc == -EBUSY && fault && left--) {
			range.notifier_seq = mmu_interval_read_begin(notifier);
			changed = true;
			nr = 0;
			rc = 0;
		} else if (!rc) {
			rc = frames_append_hmm(frames, &range, write, why);
			left = P2PMAP_BATCH;
		}
		if (!rc && fatal_signal_pending(current))
			rc = -EINTR;
		cond_resched();
	}
	kfree(range.hmm_pfns);
	return rc == -EBUSY || (!rc && changed) ? -EAGAIN : rc;
}

static int pfn_check(bool special, bool writable, unsigned long pfn,
		     unsigned long addr, unsigned long flags,
		     struct p2pmap_reason *why)
{
	/* What is not special or has RAM's struct page is RAM by another name. */
	if (!special || (pfn_valid(pfn) && !p2pmap_is_p2pdma(pfn)))
		return p2pmap_fail(why, -EFAULT, P2PMAP_REASON_NOT_A_BAR, addr);
	if ((flags & VMA_DMA_MAP_FLAG_WRITE) && !writable)
		return p2pmap_fail(why, -EFAULT, P2PMAP_REASON_NOT_WRITABLE,
				   addr);
	return 0;
}

/* The run that begins at @addr in the page table at @map. */
static int table_run(const struct p2pmap_pfnmap *map, unsigned long addr,
		     unsigned long end, unsigned long flags,
		     struct p2pmap_run *found, struct p2pmap_reason *why)
{
	unsigned long nr = 1, max;
	pte_t pte;
	int rc;

	rc = pfn_check(map->special, map->writable, map->pfn, addr, flags, why);
	if (rc)
		return rc;
	max = (min(end, (addr & PMD_MASK) + PMD_SIZE) - addr) >> PAGE_SHIFT;
	if (!map->ptep)
		nr = max;
	for (; nr < max; nr++) {
		pte = ptep_get(map->ptep + nr);
		if (!pte_present(pte) || pte_pfn(pte) != map->pfn + nr ||
		    !pte_special(pte) || pte_write(pte) != map->writable)
			break;
	}
	*found = (struct p2pmap_run){
		.phys = PFN_PHYS(map->pfn),
		.length = (u64)nr << PAGE_SHIFT,
	};
	return 0;
}

/* Have the exporter fill in one entry; without "unlocked" it keeps mmap_lock. */
static int fault_special(struct vm_area_struct *vma, unsigned long addr,
			 unsigned long flags)
{
	unsigned int fault = 0;

	if (flags & VMA_DMA_MAP_FLAG_WRITE)
		fault |= FAULT_FLAG_WRITE;
	if (vma->vm_mm != current->mm)
		fault |= FAULT_FLAG_REMOTE;
	return fixup_user_fault(vma->vm_mm, addr, fault, NULL);
}

/*
 * Look an entry up.  One that is missing, or write-protected only until the CPU
 * writes (as mprotect() leaves sysfs resourceN), is asked for once.
 */
static int look(struct p2pmap_pfnmap *map, struct vm_area_struct *vma,
		unsigned long addr, unsigned long flags, bool fault)
{
	int rc = p2pmap_pfnmap_start(map, vma, addr);

	if (!fault)
		return rc;
	if (!rc) {
		if (map->writable || !(flags & VMA_DMA_MAP_FLAG_WRITE))
			return 0;
		p2pmap_pfnmap_end(map);
	}
	rc = fault_special(vma, addr, flags);
	if (rc)
		return rc == -ENOMEM ? rc : -EFAULT;
	return p2pmap_pfnmap_start(map, vma, addr);
}

/*
 * Read the page table of a special VMA.  An entry that is not there yet (vfio
 * fills its mappings on demand) is faulted in if @fault, and otherwise passed
 * over: then frames->length tells that something is missing.
 */
static int frames_walk(struct p2pmap_frames *frames, struct vm_area_struct *vma,
		       unsigned long start, unsigned long end,
		       unsigned long flags, bool fault,
		       struct p2pmap_reason *why)
{
	struct p2pmap_pfnmap map;
	struct p2pmap_run run;
	int rc;

	while (start < end) {
		cond_resched();
		if (fatal_signal_pending(current))
			return -EINTR;
		rc = look(&map, vma, start, flags, fault);
		if (rc == -ENOMEM)
			return rc;
		if (rc && fault)
			return p2pmap_fail(why, -EFAULT,
					   P2PMAP_REASON_NOT_A_BAR, start);
		if (rc) {
			start += PAGE_SIZE;
			continue;
		}
		rc = table_run(&map, start, end, flags, &run, why);
		p2pmap_pfnmap_end(&map);
		if (!frames->nr_runs)
			frames->start = start;
		if (!rc)
			rc = p2pmap_frames_append(frames, PHYS_PFN(run.phys),
						  run.length >> PAGE_SHIFT);
		if (rc)
			return rc;
		start += run.length;
	}
	return 0;
}

static int frames_find(struct p2pmap_frames *frames,
		       const struct p2pmap_part *part, bool fault)
{
	const struct vma_dma_request *request = &part->request;
	unsigned long flags = request->flags;
	int rc;

	mmap_assert_locked(request->vma->vm_mm);
	rc = p2pmap_exporter_describe(frames, part);
	if (rc != -ENOENT)
		return rc;
	/* Entries that are write-protected a map would have made writable. */
	if (!part->map)
		flags &= ~VMA_DMA_MAP_FLAG_WRITE;
	if (vma_is_special(request->vma))
		return frames_walk(frames, request->vma, request->start,
				   request->end, flags, fault, part->why);
	if (fault && (request->flags & VMA_DMA_MAP_FLAG_PIN))
		return frames_pin(frames, request->vma, request->start,
				  request->end, request->flags, part->why);
	return frames_hmm(frames, request->vma, request->start, request->end,
			  request->flags, part->notifier, part->seq, fault,
			  part->why);
}

/*
 * Append the frames of @part.  mmap_lock is held for reading and never dropped.
 * -EAGAIN means that the notifier fired, or that the exporter is moving it.
 */
int p2pmap_frames_add(struct p2pmap_frames *frames,
		      const struct p2pmap_part *part)
{
	return frames_find(frames, part, true);
}

/*
 * As p2pmap_frames_add() without PIN, but nothing is faulted in.  In regular
 * memory what is missing is an error; in special memory it is passed over.
 */
int p2pmap_frames_peek(struct p2pmap_frames *frames,
		       const struct p2pmap_part *part)
{
	return frames_find(frames, part, false);
}

/*
 * A device sets no dirty bit and reclaim drops clean pages, so what is given to
 * a device for writing is dirty from the start.  Only for memory without file
 * behind it, whose dirty_folio neither sleeps nor needs the folio lock.
 */
void p2pmap_frames_mark_dirty(const struct p2pmap_frames *frames)
{
	const struct p2pmap_run *run;
	struct folio *folio;
	unsigned long pfn, last;

	for (run = frames->runs; run < frames->runs + frames->nr_runs; run++) {
		pfn = PHYS_PFN(run->phys);
		last = pfn + (run->length >> PAGE_SHIFT) - 1;
		while (pfn <= last) {
			folio = page_folio(pfn_to_page(pfn));
			folio_mark_dirty(folio);
			pfn = folio_pfn(folio) + folio_nr_pages(folio);
		}
	}
}

/* Drop the pins, if any, and the runs; the object is as new afterwards. */
void p2pmap_frames_release(struct p2pmap_frames *frames, bool dirty)
{
	struct p2pmap_run *run;
	struct page *page;

	for (run = frames->runs;
	     frames->pinned && run < frames->runs + frames->nr_runs; run++) {
		page = pfn_to_page(PHYS_PFN(run->phys));
		unpin_user_page_range_dirty_lock(page,
						 run->length >> PAGE_SHIFT,
						 dirty);
		cond_resched();
	}
	kvfree(frames->runs);
	*frames = (struct p2pmap_frames){};
}
