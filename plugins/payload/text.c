/* Bytes and lines of text, and the functions that a freestanding compiler may still call. */
#include "plugins/payload/payload.h"

void* memcpy(void* to, const void* from, size_t size) {
  void* const begin = to;
  __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size)::"memory");
  return begin;
}

void* memset(void* at, int value, size_t size) {
  void* const begin = at;
  __asm__ volatile("rep stosb" : "+D"(at), "+c"(size) : "a"(value) : "memory");
  return begin;
}

size_t length_of(const char* text) {
  size_t length = 0;
  while (text[length]) ++length;
  return length;
}

int begins_with(const char* text, const char* with) {
  while (*with && *text == *with) ++text, ++with;
  return *with == 0;
}

uint32_t read_number(const char** text) {
  uint32_t number = 0;
  for (; **text >= '0' && **text <= '9'; ++*text) number = number * 10 + (uint32_t)(**text - '0');
  return number;
}

void line_add(struct line* line, const char* text) {
  while (*text && line->used + 1 < sizeof line->text) line->text[line->used++] = *text++;
  line->text[line->used] = 0;
}

void line_add_number(struct line* line, uint32_t number) {
  char digits[11];
  unsigned at = sizeof digits - 1;
  digits[at] = 0;
  do {
    digits[--at] = (char)('0' + number % 10);
    number /= 10;
  } while (number);
  line_add(line, digits + at);
}

void line_add_hex(struct line* line, uint64_t number) {
  char digits[17];
  unsigned i;
  for (i = 0; i < 16; ++i) digits[i] = "0123456789abcdef"[(unsigned)(number >> (60 - 4 * i)) & 15];
  digits[16] = 0;
  line_add(line, digits);
}

void say(const struct line* line) {
  unsigned i;
  for (i = 0; i <= line->used; ++i) CALL->text[i] = line->text[i];
  CALL->answered = 0;
  mark_says();
}
