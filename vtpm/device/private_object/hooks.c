// What one private copy of libtpms asks of its owner: random bytes and the time. Linked into the same shared object with
// --wrap, so that every call of these functions inside libtpms comes here (vtpm/device/tpm_library.hpp tells how it is used).
//
// And it remembers its self-tests: they are about the code, which is the copy's, so an algorithm that was tested in this copy is
// tested for every TPM that comes to sit in it. The library would test anew after every park.
//
// And it knows P-256 when it sees its numbers: libtpms builds each curve from numbers, which keeps OpenSSL from using the code that
// it has for this one. Same keys, same signatures, a quarter of the time.
//
// What it remembers for itself lies on the heap: its owner may put the copy's data back to what it was at another moment
// (vtpm/device/segment_parking.hpp), and that is for the TPM's data alone.
//
// Without an owner's functions the copy behaves as the stock library: OpenSSL's randomness and the machine's clocks.
// OpenSSL 3 calls what libtpms makes RSA keys with deprecated.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/ec.h>
#include <openssl/obj_mac.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

struct tvdsim_tpm_hooks {
  int (*random)(uint8_t* bytes, int size);  // 1: done
  int64_t (*now_ns)(void);
  // What was found once for a question, its size; 0: nothing was. And what is to be kept for the next time.
  int (*recall)(const uint8_t* question, int size, uint8_t* answer, int room);
  void (*keep)(const uint8_t* question, int size, const uint8_t* answer, int answer_size);
  // Where in which stream the next random byte comes from: 40 bytes and a count of bytes. 0: from no stream of a TPM's.
  int (*place)(uint8_t* stream, uint64_t* drawn);
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

// One bit per algorithm, as libtpms keeps them: what still is to be tested, for the TPM and for the command under way.
enum { kVectorBytes = 9 };
extern unsigned char g_toTest[];

// What the copy remembers, whichever TPM sits in it. A copy belongs to one thread. On the heap, and volatile so that it stays there:
// clang would make the one allocation a part of the data segment, which is what is parked with a TPM.
static struct memory {
  unsigned char tested[kVectorBytes];
  int tested_12;
  EC_GROUP* group;  // the numbers of P-256, taken once from OpenSSL's own curve
  BIGNUM *p, *a, *b;
}* volatile memory;

__attribute__((constructor)) static void begin(void) {
  __wrap_stderr = __real_stderr;
  memory = calloc(1, sizeof *memory);
  if (memory == NULL) abort();
}

// A TPM 1.2 is one object on the heap, and this is where the library looks for it.
extern void* tpm_instances[];
void* tvdsim_tpm_swap_12(void* instance) {
  void* before = tpm_instances[0];
  tpm_instances[0] = instance;
  return before;
}

// A TPM 1.2 tests the code of its algorithms at each power-on, with an RSA key made for that: of this copy's code, once is enough.
uint32_t __real_TPM_CryptoTest(void);
uint32_t __wrap_TPM_CryptoTest(void) {
  if (memory->tested_12) return 0;
  const uint32_t code = __real_TPM_CryptoTest();
  memory->tested_12 = code == 0;
  return code;
}

// Powers of modular exponentiations that RSA keeps on the heap: nothing but speed is lost with them.
void ExpDCacheFree(void);
void tvdsim_tpm_forget(void) { ExpDCacheFree(); }

// Failure mode, as a self-test that fails leads to: from then on the TPM answers TPM_RC_FAILURE. 0 ends it, which no real TPM
// does without losing power: it is for whoever writes the TPM's state down.
extern int g_inFailureMode;
void tvdsim_tpm_fail(int fails) { g_inFailureMode = fails; }

uint32_t __real_TestAlgorithm(uint16_t algorithm, void* to_test);

uint32_t __wrap_TestAlgorithm(uint16_t algorithm, void* to_test) {
  unsigned char* asked = to_test;
  const unsigned byte = algorithm / 8u, bit = 1u << algorithm % 8u;
  if (byte >= kVectorBytes || asked == NULL) return __real_TestAlgorithm(algorithm, to_test);
  if (memory->tested[byte] & bit) {
    g_toTest[byte] &= (unsigned char)~bit;
    asked[byte] &= (unsigned char)~bit;
    return 0;
  }
  const uint32_t code = __real_TestAlgorithm(algorithm, to_test);
  if (code == 0) memory->tested[byte] |= (unsigned char)bit;
  return code;
}

// RSA keys take a tenth of a second of searching for primes, and what is found follows from what is put in. It is kept: who asks the
// same again gets the same, and every random byte that is drawn afterwards is the same as well.

enum { kStreamName = 40, kMaxPrime = 256, kMaxRsa = 4096 };

// A prime of a primary key comes from a generator that was seeded for it: its whole state is the question, and part of the answer.
// The generator is libtpms's DRBG_STATE, known by its mark; the number its bigNum.
enum { kGenerator = 88, kMark = 0x47425244 };
struct tpm_number {
  size_t room, words;
  uint64_t word[];
};

uint32_t __real_BnGeneratePrimeForRSA(struct tpm_number* prime, uint32_t bits, uint32_t exponent, uint8_t* generator);

uint32_t __wrap_BnGeneratePrimeForRSA(struct tpm_number* prime, uint32_t bits, uint32_t exponent, uint8_t* generator) {
  uint32_t mark = 0;
  if (generator) memcpy(&mark, generator + 8, sizeof mark);
  const size_t size = bits / 8;
  if (!hooks.recall || mark != kMark || bits % 64 != 0 || size > kMaxPrime || prime->room < size / 8)
    return __real_BnGeneratePrimeForRSA(prime, bits, exponent, generator);
  uint8_t question[1 + 4 + 4 + kGenerator] = {'p'}, answer[kMaxPrime + kGenerator];
  memcpy(question + 1, &bits, 4);
  memcpy(question + 5, &exponent, 4);
  memcpy(question + 9, generator, kGenerator);
  const int whole = (int)size + kGenerator;
  if (hooks.recall(question, sizeof question, answer, sizeof answer) == whole) {
    prime->words = size / 8;
    memcpy(prime->word, answer, size);
    memcpy(generator, answer + size, kGenerator);
    return 0;
  }
  uint8_t stream[kStreamName];
  uint64_t before = 0, after = 0;
  hooks.place(stream, &before);
  const uint32_t code = __real_BnGeneratePrimeForRSA(prime, bits, exponent, generator);
  hooks.place(stream, &after);
  if (code == 0 && before == after && prime->words == size / 8) {  // it drew from its generator alone
    memcpy(answer, prime->word, size);
    memcpy(answer + size, generator, kGenerator);
    hooks.keep(question, sizeof question, answer, whole);
  }
  return code;
}

// Other keys are OpenSSL's, from the random bytes of the TPM whose turn it is: its stream and the place in it are the question.
int __real_RSA_generate_key_ex(RSA* rsa, int bits, BIGNUM* exponent, BN_GENCB* progress);

enum { kRsaParts = 8 };

static int put_part(uint8_t** at, const uint8_t* end, const BIGNUM* part) {
  if (!part) return 0;
  const int size = BN_num_bytes(part);
  if (end - *at < size + 2) return 0;
  (*at)[0] = (uint8_t)(size >> 8), (*at)[1] = (uint8_t)size;
  BN_bn2bin(part, *at + 2);
  *at += size + 2;
  return 1;
}

static void keep_rsa(const RSA* rsa, const uint8_t* question, int size, uint64_t drawn) {
  const BIGNUM* parts[kRsaParts];
  RSA_get0_key(rsa, &parts[0], &parts[1], &parts[2]);
  RSA_get0_factors(rsa, &parts[3], &parts[4]);
  RSA_get0_crt_params(rsa, &parts[5], &parts[6], &parts[7]);
  uint8_t answer[kMaxRsa], *at = answer + sizeof drawn;
  memcpy(answer, &drawn, sizeof drawn);
  for (int i = 0; i < kRsaParts; ++i)
    if (!put_part(&at, answer + sizeof answer, parts[i])) return;
  hooks.keep(question, size, answer, (int)(at - answer));
}

static int recall_rsa(RSA* rsa, const uint8_t* question, int size) {
  uint8_t answer[kMaxRsa], unused[64];
  const int found = hooks.recall(question, size, answer, sizeof answer);
  if (found == 0) return 0;
  BIGNUM* part[kRsaParts];
  const uint8_t* at = answer + sizeof(uint64_t);
  for (int i = 0; i < kRsaParts; ++i) {
    const int bytes = at[0] << 8 | at[1];
    // As OpenSSL has them itself: what is secret is computed with in constant time.
    part[i] = i < 2 ? BN_new() : BN_secure_new();
    if (!part[i] || !BN_bin2bn(at + 2, bytes, part[i])) abort();
    if (i >= 2) BN_set_flags(part[i], BN_FLG_CONSTTIME);
    at += bytes + 2;
  }
  if (RSA_set0_key(rsa, part[0], part[1], part[2]) != 1 || RSA_set0_factors(rsa, part[3], part[4]) != 1 ||
      RSA_set0_crt_params(rsa, part[5], part[6], part[7]) != 1)
    abort();
  uint64_t drawn;
  memcpy(&drawn, answer, sizeof drawn);
  for (; drawn > 0; drawn -= drawn < sizeof unused ? drawn : sizeof unused)
    hooks.random(unused, (int)(drawn < sizeof unused ? drawn : sizeof unused));
  return 1;
}

int __wrap_RSA_generate_key_ex(RSA* rsa, int bits, BIGNUM* exponent, BN_GENCB* progress) {
  uint8_t question[1 + kStreamName + 8 + 4 + 8] = {'k'};
  uint64_t before = 0, after = 0;
  uint8_t stream[kStreamName];
  if (!hooks.recall || bits > 4096 || BN_num_bytes(exponent) > 8 || !hooks.place(question + 1, &before))
    return __real_RSA_generate_key_ex(rsa, bits, exponent, progress);
  memcpy(question + 1 + kStreamName, &before, 8);
  memcpy(question + 9 + kStreamName, &bits, 4);
  BN_bn2binpad(exponent, question + 13 + kStreamName, 8);
  if (recall_rsa(rsa, question, sizeof question)) return 1;
  const int made = __real_RSA_generate_key_ex(rsa, bits, exponent, progress);
  if (made == 1 && hooks.place(stream, &after)) keep_rsa(rsa, question, sizeof question, after - before);
  return made;
}

EC_GROUP* __real_EC_GROUP_new_curve_GFp(const BIGNUM* p, const BIGNUM* a, const BIGNUM* b, BN_CTX* context);
int __real_EC_GROUP_set_generator(EC_GROUP* group, const EC_POINT* generator, const BIGNUM* order,
                                  const BIGNUM* cofactor);

static int know_p256(BN_CTX* context) {
  if (memory->group) return 1;
  BIGNUM *p = BN_new(), *a = BN_new(), *b = BN_new();
  EC_GROUP* group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
  if (p && a && b && group && EC_GROUP_get_curve(group, p, a, b, context) == 1) {
    memory->p = p, memory->a = a, memory->b = b, memory->group = group;
    return 1;
  }
  BN_free(p), BN_free(a), BN_free(b);
  EC_GROUP_free(group);
  return 0;
}

EC_GROUP* __wrap_EC_GROUP_new_curve_GFp(const BIGNUM* p, const BIGNUM* a, const BIGNUM* b, BN_CTX* context) {
  if (know_p256(context) && BN_cmp(p, memory->p) == 0 && BN_cmp(a, memory->a) == 0 && BN_cmp(b, memory->b) == 0)
    return EC_GROUP_dup(memory->group);
  return __real_EC_GROUP_new_curve_GFp(p, a, b, context);
}

// The curve that was handed out has its generator, order and cofactor: setting the same ones anew would drop its tables.
int __wrap_EC_GROUP_set_generator(EC_GROUP* group, const EC_POINT* generator, const BIGNUM* order,
                                  const BIGNUM* cofactor) {
  const EC_POINT* known = EC_GROUP_get0_generator(group);
  if (known && EC_GROUP_get_curve_name(group) == NID_X9_62_prime256v1 &&
      BN_cmp(order, EC_GROUP_get0_order(group)) == 0 && EC_POINT_cmp(group, generator, known, NULL) == 0)
    return 1;
  return __real_EC_GROUP_set_generator(group, generator, order, cofactor);
}
