/* How a guest calls out: a marked instruction, and a block of arguments at an agreed place in its memory.
 *
 * The marker is a seven-byte NOP, `0F 1F 80` with a 32-bit displacement: its upper half is TVDSIM_CALL_MAGIC, its lower half the
 * call's number. It does nothing on any x86 processor. Whoever watches stops the guest there, reads and writes the block, and
 * lets it go on. The guest sees the answer in the block; `answered` stays 0 where nobody watches.
 *
 * Invariant  sizes and offsets never change within a version of the records (plugins/records.h).
 * Leaves out more than one vCPU: there is one block.
 */
#ifndef TVDSIM_PLUGINS_GUEST_CALLS_H
#define TVDSIM_PLUGINS_GUEST_CALLS_H

#include <stdint.h>

#define TVDSIM_CALL_MAGIC 0x5456u
#define TVDSIM_CALL_BLOCK 0x80000u /* guest-physical address of the block */

enum tvdsim_call_number {
  TVDSIM_CALL_HYPERCALL = 1, /* op, domain, handle, page: asks the hypervisor; result, id, text come back */
  TVDSIM_CALL_MEASURED = 2,  /* pcr, digest, text: what the guest is about to extend a PCR with */
  TVDSIM_CALL_PCR = 3,       /* pcr, digest: what the guest read from a PCR (SHA-256 bank) */
  TVDSIM_CALL_SAYS = 4,      /* text: a line on the guest's console */
  TVDSIM_CALL_TPM_FAILED = 5 /* result: a TPM response code that the guest did not expect; text: at what */
};

enum tvdsim_call_result {
  TVDSIM_RESULT_DONE = 0,
  TVDSIM_RESULT_REFUSED = 1, /* by the policy; text: the reason */
  TVDSIM_RESULT_FAILED = 2   /* the call was impossible; text: why */
};

struct tvdsim_call {
  uint32_t answered; /* set to 1 by whoever answers */
  uint32_t op;
  uint32_t domain;
  uint32_t handle;
  uint32_t result;
  uint32_t id;
  uint32_t pcr;
  uint32_t page;
  uint8_t digest[32];
  char text[448]; /* ends in a zero byte */
};

#ifdef __cplusplus
static_assert(sizeof(tvdsim_call) == 512, "a call's block has 512 bytes");
#else
_Static_assert(sizeof(struct tvdsim_call) == 512, "a call's block has 512 bytes");
#endif

#endif
