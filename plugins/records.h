/* What a guest plugin hands over: a stream of fixed records after one header, in a file or in shared memory.
 *
 * Plain C so that a QEMU plugin, a guest payload and the models read one layout. Numbers are little-endian, fields naturally
 * aligned, unused bytes zero.
 *
 * Invariant  sizes and offsets never change within a version; a reader refuses another magic, version or record size.
 * Threads    one writer, one reader; a ring's positions are its own business.
 * Leaves out payloads: a record points into guest memory (guest-physical address and length), it does not carry bytes.
 * Source     the TCG plugin API of QEMU 7.2: what its callbacks can know.
 */
#ifndef TVDSIM_PLUGINS_RECORDS_H
#define TVDSIM_PLUGINS_RECORDS_H

#include <stdint.h>
#ifdef __cplusplus
#include <cstddef>
#else
#include <stddef.h>
#endif

#define TVDSIM_RECORDS_MAGIC 0x44565452u /* "RTVD" as bytes */
#define TVDSIM_RECORDS_VERSION 1u

/* What happened. `a` and `b` mean what the comment says; fields not named are zero. */
enum tvdsim_record_kind {
  TVDSIM_RECORD_NONE = 0, /* never written: a zeroed slot is no record */
  TVDSIM_RECORD_HYPERCALL =
      1, /* a marker instruction ran. a: its number; b: guest-physical address of its arguments */
  TVDSIM_RECORD_EXEC_PAGE =
      2, /* code ran in a page for the first time. a: virtual address; b: guest-physical address, all ones in ROM */
  TVDSIM_RECORD_DEVICE =
      3, /* a device register was read or written. a: guest-physical address; b: the device's number */
  TVDSIM_RECORD_QUANTUM =
      4, /* the guest stopped at the end of its grant. a: virtual time in ns; b: the grant's number */
  TVDSIM_RECORD_EXIT = 5, /* the guest ended; the last record. a: its exit status */
  TVDSIM_RECORD_CLOCK =
      6 /* what time it is at this instruction, where it cannot be counted. a: virtual time in ns */
};

#define TVDSIM_RECORD_IS_STORE 0x1u /* flag of a device record: written, not read */

struct tvdsim_records_header {
  uint32_t magic;       /* TVDSIM_RECORDS_MAGIC */
  uint32_t version;     /* TVDSIM_RECORDS_VERSION */
  uint32_t record_size; /* sizeof(struct tvdsim_record) */
  uint32_t vcpus;
  uint64_t guest;   /* which guest of the run */
  uint64_t dropped; /* records that found no place; a lossless run has 0 */
};

struct tvdsim_record {
  uint64_t sequence;     /* counts from 0; a gap is a loss */
  uint64_t instructions; /* that this vCPU had executed: the guest's own clock */
  uint16_t kind;         /* enum tvdsim_record_kind */
  uint16_t vcpu;
  uint16_t flags;
  uint16_t size; /* bytes accessed or named, 0 when the kind has none */
  uint64_t a;
  uint64_t b;
};

#ifdef __cplusplus
#define TVDSIM_LAYOUT(condition, sentence) static_assert(condition, sentence)
#else
#define TVDSIM_LAYOUT(condition, sentence) _Static_assert(condition, sentence)
#endif
TVDSIM_LAYOUT(sizeof(struct tvdsim_records_header) == 32, "the header has 32 bytes");
TVDSIM_LAYOUT(offsetof(struct tvdsim_records_header, guest) == 16, "guest follows the four words");
TVDSIM_LAYOUT(offsetof(struct tvdsim_records_header, dropped) == 24, "dropped follows guest");
TVDSIM_LAYOUT(sizeof(struct tvdsim_record) == 40, "a record has 40 bytes");
TVDSIM_LAYOUT(offsetof(struct tvdsim_record, instructions) == 8, "instructions follow the sequence");
TVDSIM_LAYOUT(offsetof(struct tvdsim_record, kind) == 16, "kind follows the instructions");
TVDSIM_LAYOUT(offsetof(struct tvdsim_record, vcpu) == 18, "vcpu follows kind");
TVDSIM_LAYOUT(offsetof(struct tvdsim_record, flags) == 20, "flags follow vcpu");
TVDSIM_LAYOUT(offsetof(struct tvdsim_record, size) == 22, "size follows flags");
TVDSIM_LAYOUT(offsetof(struct tvdsim_record, a) == 24, "a follows size");
TVDSIM_LAYOUT(offsetof(struct tvdsim_record, b) == 32, "b follows a");
#undef TVDSIM_LAYOUT

#endif
