/* Interrupts: the interval timer through the first interrupt controller, for a guest that idles. */
#include "plugins/payload/payload.h"

extern void timer_interrupt(void), other_interrupt(void);
volatile uint32_t timer_ticks;

static struct { uint16_t low, selector, attributes, high; } gates[48];

static void set_gate(unsigned vector, void (*to)(void)) {
  const uint32_t at = (uint32_t)to;
  gates[vector].low = (uint16_t)at;
  gates[vector].selector = 8;
  gates[vector].attributes = 0x8e00;
  gates[vector].high = (uint16_t)(at >> 16);
}

void sleep_ticks(uint32_t count) {
  struct __attribute__((packed)) {
    uint16_t limit;
    uint32_t base;
  } table = {sizeof gates - 1, (uint32_t)gates};
  unsigned i;
  for (i = 0; i < 48; ++i) set_gate(i, other_interrupt);
  set_gate(32, timer_interrupt);
  __asm__ volatile("lidt %0" ::"m"(table));
  /* Where no firmware did it: the local interrupt controller passes the old one's interrupts on. */
  *(volatile uint32_t*)0xfee000f0 |= 0x100;
  *(volatile uint32_t*)0xfee00350 = 0x700;
  out8(0x20, 0x11), out8(0x21, 32), out8(0x21, 4), out8(0x21, 1), out8(0x21, 0xfe); /* the timer alone */
  out8(0xa0, 0x11), out8(0xa1, 40), out8(0xa1, 2), out8(0xa1, 1), out8(0xa1, 0xff);
  out8(0x43, 0x34), out8(0x40, 1193 & 0xff), out8(0x40, 1193 >> 8); /* 1,193,182 Hz / 1193 */
  const uint32_t until = timer_ticks + count;
  while (timer_ticks != until) __asm__ volatile("sti; hlt; cli" ::: "memory");
  out8(0x21, 0xff);
}
