/* Start info and the entry state, as <xen/xen.h> and the ABI notes describe them. */
#include "dom0-tools/build/startinfo.h"

#include <string.h>

void startinfo_fill(struct start_info *si, const struct layout *l, const uint64_t *frames,
		    uint64_t shared_info, const struct startinfo_ports *ports,
		    uint64_t module_bytes, const char *cmdline)
{
	memset(si, 0, sizeof(*si));
	strcpy(si->magic, "xen-3.0-x86_64");
	si->nr_pages = l->page_count;
	si->shared_info = shared_info << 12;
	si->store_mfn = frames[l->store.pfn];
	si->store_evtchn = ports->store;
	si->console.domU.mfn = frames[l->console.pfn];
	si->console.domU.evtchn = ports->console;
	si->pt_base = layout_va(l, l->page_tables.pfn);
	si->nr_pt_frames = l->page_tables.count;
	si->mfn_list = layout_p2m_va(l);
	if (module_bytes) {
		si->mod_start = l->module_unmapped ? l->module.pfn : layout_va(l, l->module.pfn);
		si->mod_len = module_bytes;
		si->flags |= l->module_unmapped ? SIF_MOD_START_PFN : 0;
	}
	if (l->p2m_tables.count) {
		si->first_p2m_pfn = l->p2m.pfn;
		si->nr_p2m_frames = l->p2m.count + l->p2m_tables.count;
	}
	strncpy((char *)si->cmd_line, cmdline, STARTINFO_MAX_CMDLINE);
}

void startinfo_fill_vcpu(vcpu_guest_context_t *ctx, const struct layout *l, const uint64_t *frames,
			 uint64_t entry)
{
	memset(ctx, 0, sizeof(*ctx));
	ctx->flags = VGCF_in_kernel | VGCF_online;
	ctx->user_regs.rip = entry;
	ctx->user_regs.rsp = layout_va(l, l->stack.pfn + l->stack.count);
	ctx->user_regs.rsi = layout_va(l, l->start_info.pfn);
	ctx->user_regs.rflags = 1u << 9; /* IF */
	ctx->user_regs.cs = FLAT_KERNEL_CS;
	ctx->user_regs.ss = FLAT_KERNEL_SS;
	ctx->user_regs.ds = FLAT_KERNEL_DS;
	ctx->user_regs.es = FLAT_KERNEL_DS;
	ctx->user_regs.fs = FLAT_KERNEL_DS;
	ctx->user_regs.gs = FLAT_KERNEL_DS;
	ctx->kernel_ss = FLAT_KERNEL_SS;
	ctx->kernel_sp = ctx->user_regs.rsp;
	ctx->ctrlreg[3] = frames[l->page_tables.pfn] << 12;
	ctx->debugreg[6] = 0xffff0ff0; /* the architecture's reset values */
	ctx->debugreg[7] = 0x400;
}
