#include "tests/unit/plugins/records_as_c.h"

#include <string.h>

#include "plugins/records.h"

size_t tvdsim_test_c_size_of_header(void) { return sizeof(struct tvdsim_records_header); }

size_t tvdsim_test_c_size_of_record(void) { return sizeof(struct tvdsim_record); }

size_t tvdsim_test_c_write_stream(unsigned char* out) {
  size_t used = 0;
  uint16_t kind;
  struct tvdsim_records_header header = {
      TVDSIM_RECORDS_MAGIC, TVDSIM_RECORDS_VERSION, sizeof(struct tvdsim_record), 1, 7, 0};
  memcpy(out, &header, sizeof header);
  used += sizeof header;
  for (kind = TVDSIM_RECORD_HYPERCALL; kind <= TVDSIM_RECORD_EXIT; ++kind) {
    struct tvdsim_record record;
    memset(&record, 0, sizeof record);
    record.sequence = kind - 1u;
    record.instructions = 1000u * kind;
    record.kind = kind;
    record.vcpu = 0;
    record.flags = kind == TVDSIM_RECORD_DEVICE ? TVDSIM_RECORD_IS_STORE : 0;
    record.size = 4;
    record.a = 0x1122334455667788u;
    record.b = 0xfed40018u;
    memcpy(out + used, &record, sizeof record);
    used += sizeof record;
  }
  return used;
}
