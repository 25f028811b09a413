// What one private copy of libtpms asks of its owner: random bytes and the time. Linked into the same shared object with
// --wrap, so that every call of these functions inside libtpms comes here (vtpm/device/tpm_library.hpp tells how it is used).
//
// And it remembers its self-tests: they are about the code, which is the copy's, so an algorithm that was tested in this copy is
// tested for every TPM that comes to sit in it. The library would test anew after every park.
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

// One bit per algorithm, as libtpms keeps them: what still is to be tested, for the TPM and for the command under way.
enum { kVectorBytes = 9 };
extern unsigned char g_toTest[];
static unsigned char tested[kVectorBytes];

uint32_t __real_TestAlgorithm(uint16_t algorithm, void* to_test);

uint32_t __wrap_TestAlgorithm(uint16_t algorithm, void* to_test) {
  unsigned char* asked = to_test;
  const unsigned byte = algorithm / 8u, bit = 1u << algorithm % 8u;
  if (byte >= kVectorBytes || asked == NULL) return __real_TestAlgorithm(algorithm, to_test);
  if (tested[byte] & bit) {
    g_toTest[byte] &= (unsigned char)~bit;
    asked[byte] &= (unsigned char)~bit;
    return 0;
  }
  const uint32_t code = __real_TestAlgorithm(algorithm, to_test);
  if (code == 0) tested[byte] |= (unsigned char)bit;
  return code;
}
