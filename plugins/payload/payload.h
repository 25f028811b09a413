/* What the parts of the payload share: bytes, ports, the hash, the TPM. 32-bit, freestanding, one processor. */
#ifndef TVDSIM_PLUGINS_PAYLOAD_PAYLOAD_H
#define TVDSIM_PLUGINS_PAYLOAD_PAYLOAD_H

#include <stddef.h>
#include <stdint.h>

#include "plugins/guest_calls.h"

/* The block of arguments at its agreed place, and the marked instructions that call out with it. */
#define CALL ((volatile struct tvdsim_call*)TVDSIM_CALL_BLOCK)
void mark_hypercall(void);
void mark_measured(void);
void mark_pcr(void);
void mark_says(void);
void mark_tpm_failed(void);

static inline void out8(uint16_t port, uint8_t value) {
  __asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port));
}
static inline uint64_t clock_cycles(void) {
  uint64_t cycles;
  __asm__ volatile("rdtsc" : "=A"(cycles));
  return cycles;
}

size_t length_of(const char* text);
int begins_with(const char* text, const char* with);
/* Reads a decimal number; moves the text behind it. */
uint32_t read_number(const char** text);

/* SHA-256 of the bytes. */
void sha256(const uint8_t* bytes, size_t size, uint8_t digest[32]);

/* A line of text put together piece by piece, cut at its end. */
struct line {
  char text[sizeof CALL->text];
  size_t used;
};
void line_add(struct line* line, const char* text);
void line_add_number(struct line* line, uint32_t number);
void line_add_hex(struct line* line, uint64_t number);
void say(const struct line* line); /* TVDSIM_CALL_SAYS */

/* The TPM, by whichever of the two interfaces it has. */
enum tpm_interface { TPM_NONE, TPM_TIS, TPM_CRB };
enum tpm_interface tpm_find(void);
/* Sends a command, gives the response's size; 0: there is none. */
size_t tpm_execute(const uint8_t* command, size_t size, uint8_t* response, size_t room);
/* 0, or the TPM's response code. A TPM that firmware started already is fine. */
uint32_t tpm_startup(void);
uint32_t tpm_extend(uint32_t pcr, const uint8_t digest[32]);
uint32_t tpm_read_pcr(uint32_t pcr, uint8_t digest[32]);

/* Sleeps through so many timer interrupts, one each millisecond. */
void sleep_ticks(uint32_t count);

#endif
