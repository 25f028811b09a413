// What one private copy of libtpms asks of its owner: random bytes and the time. Linked into the same shared object with
// --wrap, so that every call of these functions inside libtpms comes here (vtpm/device/tpm_library.hpp tells how it is used).
//
// Without an owner's functions the copy behaves as the stock library: OpenSSL's randomness and the machine's clocks.
#include <openssl/rand.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/time.h>
#include <time.h>

struct tvdsim_tpm_hooks {
  int (*random)(uint8_t* bytes, int size);  // 1: done
  int64_t (*now_ns)(void);
};

static struct tvdsim_tpm_hooks hooks;

int __real_RAND_bytes(unsigned char* bytes, int size);
int __real_clock_gettime(clockid_t clock, struct timespec* out);
int __real_gettimeofday(struct timeval* out, void* zone);
clock_t __real_clock(void);

void tvdsim_tpm_set_hooks(const struct tvdsim_tpm_hooks* given) { hooks = *given; }

int __wrap_RAND_bytes(unsigned char* bytes, int size) {
  return hooks.random ? hooks.random(bytes, size) : __real_RAND_bytes(bytes, size);
}

// All clocks show the same simulated time: a parked TPM takes the difference of two of them for the time that it was away.
int __wrap_clock_gettime(clockid_t clock, struct timespec* out) {
  if (!hooks.now_ns) return __real_clock_gettime(clock, out);
  const int64_t now = hooks.now_ns();
  out->tv_sec = now / 1000000000;
  out->tv_nsec = now % 1000000000;
  return 0;
}

int __wrap_gettimeofday(struct timeval* out, void* zone) {
  if (!hooks.now_ns) return __real_gettimeofday(out, zone);
  const int64_t now = hooks.now_ns();
  out->tv_sec = now / 1000000000;
  out->tv_usec = now % 1000000000 / 1000;
  return 0;
}

clock_t __wrap_clock(void) {
  return hooks.now_ns ? (clock_t)(hooks.now_ns() / (1000000000 / CLOCKS_PER_SEC)) : __real_clock();
}

// The archive refers to stderr in a way that a shared object cannot; this is its own.
extern FILE* __real_stderr;
FILE* __wrap_stderr __attribute__((visibility("hidden")));
__attribute__((constructor)) static void take_stderr(void) { __wrap_stderr = __real_stderr; }
