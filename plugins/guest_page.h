/* The page that a guest's plugin and its time master share: clock, grants, stops, and the ring of records behind it.
 *
 * The master raises `limit`, counts `grant` up and wakes whoever waits on it; the plugin runs the guest until `limit`, says in
 * `reason`, `vtime` and `instructions_at_stop` where it stands, counts `reached` up and waits for the next grant. A guest also
 * stops at each marked call, until the next grant. The ring has `slots` records (a power of two) right after this struct: the
 * plugin writes at `head`, the master reads at `tail`; both only count up.
 *
 * Invariant  each field has one writer: the master above `reached`, the plugin from there on; reached <= stops granted + 1.
 * Threads    one plugin thread (the vCPU), one master; `grant`, `reached`, `head`, `tail` are read and written atomically.
 * Leaves out guests with several vCPUs.
 */
#ifndef TVDSIM_PLUGINS_GUEST_PAGE_H
#define TVDSIM_PLUGINS_GUEST_PAGE_H

#include "plugins/records.h"

#define TVDSIM_GUEST_PAGE_MAGIC 0x47565444u /* "DTVG" as bytes */
#define TVDSIM_GUEST_PAGE_VERSION 1u
#define TVDSIM_GUEST_DEVICES 16u

enum tvdsim_guest_mode {
  TVDSIM_MODE_NONE = 0,  /* the plugin is not there yet */
  TVDSIM_MODE_TIMER = 1, /* grants are virtual nanoseconds; a stop is exact, idle time included */
  TVDSIM_MODE_INSN = 2,  /* grants are instructions; a stop is at the next block's beginning */
  TVDSIM_MODE_OFF = 3    /* never stopped but by calls */
};

enum tvdsim_guest_stop {
  TVDSIM_STOP_NONE = 0,
  TVDSIM_STOP_LIMIT = 1, /* the grant is used up */
  TVDSIM_STOP_CALL = 2,  /* a marked call waits for its answer: `call` */
  TVDSIM_STOP_EXIT = 3   /* the guest ended */
};

/* What the plugin could not keep: bits of `faults`. */
enum tvdsim_guest_fault {
  TVDSIM_FAULT_TWO_CALLS = 1,  /* a second call in one block, before the first was answered */
  TVDSIM_FAULT_TPM_SILENT = 2, /* the TPM did not answer in time; the guest went on without */
  TVDSIM_FAULT_NO_TPM_HOLD = 4 /* the guest is not held while its TPM answers: its time depends on the host */
};

struct tvdsim_guest_page {
  uint32_t magic;   /* TVDSIM_GUEST_PAGE_MAGIC */
  uint32_t version; /* TVDSIM_GUEST_PAGE_VERSION */
  uint32_t slots;   /* of the ring; a power of two */
  uint32_t grant;   /* counts grants; the plugin waits for it to change */
  uint64_t limit;   /* in the unit of the mode */
  uint64_t tail;    /* records taken out */
  uint32_t quit;    /* not 0: end the guest now */
  uint32_t unused[7];

  uint32_t reached; /* counts stops; whoever waits for one waits for it to change */
  uint32_t reason;  /* enum tvdsim_guest_stop, of the last stop */
  uint64_t vtime;   /* virtual nanoseconds at the last stop */
  uint64_t instructions_at_stop;
  uint64_t overshoot;    /* the largest distance of a stop behind its limit, in the unit of the mode */
  uint64_t head;         /* records put in */
  uint64_t call;         /* number of the call that waits */
  uint32_t mode;         /* enum tvdsim_guest_mode */
  uint32_t faults;       /* bits of enum tvdsim_guest_fault */
  uint32_t blocked;      /* 1 while a record waits for a place in the ring */
  uint32_t host_version; /* major * 100 + minor of the emulator; 0: unknown */
  uint64_t tpm_holds;    /* how often the vCPU was held for its TPM */
  uint64_t block_size;   /* instructions in the largest block that was translated */

  uint64_t instructions; /* executed so far; counted in place by the translated code */
  uint64_t unused_too[3];
  char devices[TVDSIM_GUEST_DEVICES][32]; /* names by number, as device records give it */
  struct tvdsim_records_header header;
};

#ifdef __cplusplus
static_assert(sizeof(tvdsim_guest_page) == 64 + 80 + 32 + 512 + 32, "the page has no hidden holes");
#else
_Static_assert(sizeof(struct tvdsim_guest_page) == 64 + 80 + 32 + 512 + 32, "the page has no hidden holes");
#endif

#endif
