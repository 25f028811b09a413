/* The payload: a guest that measures itself into its TPM, asks its hypervisor for things, tells what came of it, and powers off.
 *
 * Words of its command line, in any order:
 *   calls=OP:DOMAIN[:HANDLE[:PAGE]],…  hypercalls by number, in order      work=N   hashes its own code N times first
 *   ticks=N  sleeps through N timer interrupts                             spin     never ends
 */
#include "plugins/payload/payload.h"

extern const uint8_t text_begin[], text_end[], rodata_begin[], rodata_end[];
void payload_main(uint32_t loader, const uint8_t* info);

enum {
  EXIT_PORT = 0xf4,
  EXIT_GOOD = 0x10,
  EXIT_ALONE = 0x11,
  EXIT_TPM = 0x12
}; /* the emulator's status is 2 n + 1 */
enum { PCR_CODE = 8, PCR_CONSTANTS = 9, PCR_COMMAND_LINE = 12 };

static int tpm_failed(uint32_t code, const char* at) {
  struct line line = {.used = 0};
  unsigned i;
  if (code == 0) return 0;
  line_add(&line, at);
  for (i = 0; i <= line.used; ++i) CALL->text[i] = line.text[i];
  CALL->result = code;
  CALL->answered = 0;
  mark_tpm_failed();
  return 1;
}

static int measure(uint32_t pcr, const char* name, const uint8_t* bytes, size_t size) {
  uint8_t digest[32];
  struct line line = {.used = 0};
  unsigned i;
  sha256(bytes, size, digest);
  line_add(&line, name);
  for (i = 0; i <= line.used; ++i) CALL->text[i] = line.text[i];
  for (i = 0; i < 32; ++i) CALL->digest[i] = digest[i];
  CALL->pcr = pcr;
  CALL->answered = 0;
  mark_measured();
  return tpm_failed(tpm_extend(pcr, digest), "TPM2_PCR_Extend");
}

static int report_pcr(uint32_t pcr) {
  uint8_t digest[32];
  unsigned i;
  if (tpm_failed(tpm_read_pcr(pcr, digest), "TPM2_PCR_Read")) return 1;
  for (i = 0; i < 32; ++i) CALL->digest[i] = digest[i];
  CALL->pcr = pcr;
  CALL->answered = 0;
  mark_pcr();
  return 0;
}

static int measured_boot(const char* command_line) {
  if (tpm_find() == TPM_NONE) return 0;
  if (tpm_failed(tpm_startup(), "TPM2_Startup")) return 1;
  return measure(PCR_CODE, ".text", text_begin, (size_t)(text_end - text_begin)) ||
         measure(PCR_CONSTANTS, ".rodata", rodata_begin, (size_t)(rodata_end - rodata_begin)) ||
         measure(PCR_COMMAND_LINE, "command line", (const uint8_t*)command_line, length_of(command_line)) ||
         report_pcr(PCR_CODE) || report_pcr(PCR_CONSTANTS) || report_pcr(PCR_COMMAND_LINE);
}

/* One hypercall; what came of it is said in the guest's own words. Whether somebody answered. */
static int call(uint32_t op, uint32_t domain, uint32_t handle, uint32_t page) {
  static const char* const kResults[] = {": done", ": refused: ", ": failed: "};
  struct line line = {.used = 0};
  char why[sizeof CALL->text];
  unsigned i;
  CALL->op = op;
  CALL->domain = domain;
  CALL->handle = handle;
  CALL->page = page;
  CALL->id = 0;
  CALL->text[0] = 0;
  CALL->answered = 0;
  mark_hypercall();
  if (!CALL->answered) return 0;
  for (i = 0; i + 1 < sizeof why && CALL->text[i]; ++i) why[i] = CALL->text[i];
  why[i] = 0;
  line_add(&line, "hypercall ");
  line_add_number(&line, op);
  line_add(&line, " about domain ");
  line_add_number(&line, domain);
  line_add(&line, CALL->result <= 2 ? kResults[CALL->result] : ": ? ");
  if (CALL->result == TVDSIM_RESULT_DONE) {
    line_add(&line, ", number ");
    line_add_number(&line, CALL->id);
  } else {
    line_add(&line, why);
  }
  say(&line);
  return 1;
}

/* "OP:DOMAIN[:HANDLE[:PAGE]],…"; whether all were answered. */
static int make_calls(const char* text) {
  int answered = 1;
  while (*text >= '0' && *text <= '9') {
    uint32_t numbers[4] = {0, 0, 0, 0};
    unsigned i;
    for (i = 0; i < 4; ++i) {
      numbers[i] = read_number(&text);
      if (*text != ':') break;
      ++text;
    }
    answered &= call(numbers[0], numbers[1], numbers[2], numbers[3]);
    if (*text == ',') ++text;
  }
  return answered;
}

/* The command line, without the image's name that multiboot loaders put first. */
static const char* command_line_of(uint32_t loader, const uint8_t* info) {
  const char* text = (const char*)*(const uint32_t*)(info + (loader == 1 ? 16 : 24));
  if (!text) return "";
  if (loader == 1) {
    while (*text && *text != ' ') ++text;
    if (*text) ++text;
  }
  return text;
}

void payload_main(uint32_t loader, const uint8_t* info) {
  const char* const command_line = command_line_of(loader, info);
  uint8_t status = EXIT_GOOD, digest[32];
  struct line line = {.used = 0};
  const char* word;
  uint32_t i;
  if (measured_boot(command_line)) status = EXIT_TPM;
  for (word = command_line; *word;) {
    if (begins_with(word, "work=")) {
      word += 5;
      for (i = read_number(&word); i > 0; --i) sha256(text_begin, (size_t)(text_end - text_begin), digest);
    } else if (begins_with(word, "ticks=")) {
      word += 6;
      sleep_ticks(read_number(&word));
    } else if (begins_with(word, "calls=")) {
      if (!make_calls(word + 6)) status = EXIT_ALONE;
    } else if (begins_with(word, "spin")) {
      for (;;) __asm__ volatile("");
    }
    while (*word && *word != ' ') ++word;
    while (*word == ' ') ++word;
  }
  line_add(&line, "ends at cycle ");
  line_add_hex(&line, clock_cycles());
  say(&line);
  out8(EXIT_PORT, status);
  for (;;) __asm__ volatile("hlt");
}
