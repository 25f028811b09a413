/* The TPM's two memory-mapped interfaces, FIFO (TIS) and CRB, at locality 0, and the three commands that the payload needs. */
#include "plugins/payload/payload.h"

#define TPM 0xfed40000u
#define REG8(offset) (*(volatile uint8_t*)(TPM + (offset)))
#define REG32(offset) (*(volatile uint32_t*)(TPM + (offset)))

enum { TIS_ACCESS = 0x00, TIS_STS = 0x18, TIS_FIFO = 0x24, INTERFACE_ID = 0x30, TIS_DID_VID = 0xf00 };
enum {
  CRB_LOC_CTRL = 0x08,
  CRB_LOC_STS = 0x0c,
  CRB_REQ = 0x40,
  CRB_START = 0x4c,
  CRB_CMD_SIZE = 0x58,
  CRB_CMD = 0x5c,
  CRB_RSP = 0x68
};
enum { TRIES = 1000000 };

static enum tpm_interface interface;

enum tpm_interface tpm_find(void) {
  const uint32_t id = REG32(INTERFACE_ID);
  unsigned tries;
  interface = TPM_NONE;
  if (id != 0xffffffffu && (id & 0xf) == 1) {
    REG32(CRB_LOC_CTRL) = 1;
    for (tries = TRIES; tries > 0 && (REG32(CRB_LOC_STS) & 1) == 0; --tries) continue;
    if (tries) interface = TPM_CRB;
  } else if (REG32(TIS_DID_VID) != 0xffffffffu && REG32(TIS_DID_VID) != 0) {
    REG8(TIS_ACCESS) = 0x02;
    for (tries = TRIES; tries > 0 && (REG8(TIS_ACCESS) & 0x20) == 0; --tries) continue;
    if (tries) interface = TPM_TIS;
  }
  return interface;
}

static uint32_t big32(const uint8_t* at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static size_t execute_tis(const uint8_t* command, size_t size, uint8_t* response, size_t room) {
  size_t i, answer = 10;
  unsigned tries;
  REG32(TIS_STS) = 0x40;
  for (tries = TRIES; tries > 0 && (REG8(TIS_STS) & 0x40) == 0; --tries) continue;
  if (!tries) return 0;
  for (i = 0; i < size; ++i) REG8(TIS_FIFO) = command[i];
  REG32(TIS_STS) = 0x20;
  for (tries = TRIES; tries > 0 && (REG8(TIS_STS) & 0x90) != 0x90; --tries) continue;
  if (!tries) return 0;
  for (i = 0; i < answer; ++i) {
    response[i] = REG8(TIS_FIFO);
    if (i != 9) continue;
    answer = big32(response + 2);
    if (answer > room) return 0;
  }
  REG32(TIS_STS) = 0x40;
  return answer;
}

static size_t execute_crb(const uint8_t* command, size_t size, uint8_t* response, size_t room) {
  volatile uint8_t* const out = (volatile uint8_t*)REG32(CRB_CMD);
  const volatile uint8_t* const in = (const volatile uint8_t*)REG32(CRB_RSP);
  size_t i, answer = 10;
  unsigned tries;
  REG32(CRB_REQ) = 1;
  for (tries = TRIES; tries > 0 && (REG32(CRB_REQ) & 1) != 0; --tries) continue;
  if (!tries || size > REG32(CRB_CMD_SIZE)) return 0;
  for (i = 0; i < size; ++i) out[i] = command[i];
  REG32(CRB_START) = 1;
  for (tries = TRIES; tries > 0 && (REG32(CRB_START) & 1) != 0; --tries) continue;
  if (!tries) return 0;
  for (i = 0; i < answer; ++i) {
    response[i] = in[i];
    if (i != 9) continue;
    answer = big32(response + 2);
    if (answer > room) return 0;
  }
  REG32(CRB_REQ) = 2;
  return answer;
}

size_t tpm_execute(const uint8_t* command, size_t size, uint8_t* response, size_t room) {
  if (interface == TPM_TIS) return execute_tis(command, size, response, room);
  return interface == TPM_CRB ? execute_crb(command, size, response, room) : 0;
}

/* No response counts as TPM_RC_FAILURE. */
static uint32_t code_of(const uint8_t* command, size_t size, uint8_t* response, size_t room) {
  return tpm_execute(command, size, response, room) < 10 ? 0x101 : big32(response + 6);
}

uint32_t tpm_startup(void) {
  static const uint8_t kStartup[] = {0x80, 0x01, 0, 0, 0, 12, 0, 0, 0x01, 0x44, 0, 0};
  uint8_t response[64];
  const uint32_t code = code_of(kStartup, sizeof kStartup, response, sizeof response);
  return code == 0x100 ? 0 : code; /* TPM_RC_INITIALIZE: firmware was here before */
}

uint32_t tpm_extend(uint32_t pcr, const uint8_t digest[32]) {
  uint8_t command[65] = {0x80, 0x02, 0, 0, 0, 65, 0, 0, 0x01, 0x82, 0, 0, 0, 0, 0, 0,   0,
                         9,    0x40, 0, 0, 9, 0,  0, 0, 0,    0,    0, 0, 0, 1, 0, 0x0b};
  uint8_t response[64];
  unsigned i;
  command[13] = (uint8_t)pcr;
  for (i = 0; i < 32; ++i) command[33 + i] = digest[i];
  return code_of(command, sizeof command, response, sizeof response);
}

uint32_t tpm_read_pcr(uint32_t pcr, uint8_t digest[32]) {
  uint8_t command[20] = {0x80, 0x01, 0, 0, 0, 20, 0, 0, 0x01, 0x7e, 0, 0, 0, 1, 0, 0x0b, 3};
  uint8_t response[128];
  unsigned i;
  command[17 + pcr / 8] = (uint8_t)(1u << pcr % 8);
  const uint32_t code = code_of(command, sizeof command, response, sizeof response);
  /* header, update counter, selection (10 bytes for one bank of 3), count, size, digest */
  if (code == 0 && (big32(response + 24) != 1 || response[29] != 32)) return 0x101;
  for (i = 0; code == 0 && i < 32; ++i) digest[i] = response[30 + i];
  return code;
}
