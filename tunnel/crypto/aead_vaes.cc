// AES-GCM (NIST SP 800-38D) in 256-bit registers, for processors with VAES and VPCLMULQDQ but
// without AVX-512 (Zen 3, Alder Lake and their successors): intel-ipsec-mb 1.3 treats them like
// those of 2013. 16 blocks at a time: the counter mode of one group and the GHASH of the one before
// do not depend on each other, so the processor runs them side by side.
//
// Constant time: no branch and no address depends on keys or text. Nothing here may be called
// before usable() has said yes. All functions carry CULVERT_WIDE, not a compiler option for the
// file: what other files share with it must not be compiled for such processors.
#include <cpuid.h>
#include <immintrin.h>
#include <sodium.h>

#include <algorithm>
#include <cstring>

#include "tunnel/crypto/aead_engine.h"

#define CULVERT_WIDE __attribute__((target("avx2,aes,pclmul,vaes,vpclmulqdq")))
#define CULVERT_WIDE_INLINE CULVERT_WIDE inline __attribute__((always_inline))

namespace culvert::crypto {
namespace {

constexpr std::size_t kBlock = 16;
constexpr std::size_t kPair = 2 * kBlock;  // one register
constexpr std::size_t kPairs = 8;          // in a group
constexpr std::size_t kGroup = kPairs * kPair;
constexpr std::size_t kPowers = kGroup / kBlock;

bool usable() {
  static const bool answer = [] {
    constexpr unsigned kVaes = 1u << 9, kVpclmulqdq = 1u << 10;  // CPUID.7.0:ECX
    unsigned a = 0, b = 0, c = 0, d = 0;
    // The first asks the system, too, whether it keeps these registers.
    return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("aes") != 0 &&
           __builtin_cpu_supports("pclmul") != 0 && __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 &&
           (c & kVaes) != 0 && (c & kVpclmulqdq) != 0;
  }();
  return answer;
}

template <int kRounds>
struct alignas(32) GcmKey {
  std::byte round_keys[kRounds + 1][kBlock];
  // H^16 ... H^1, each times x, which saves shifting the products; then zeros, which an odd last
  // block is multiplied with.
  std::byte powers[kPowers + 1][kBlock];
};

CULVERT_WIDE_INLINE __m128i load(const std::byte* from) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
}
CULVERT_WIDE_INLINE void store(std::byte* to, __m128i value) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), value);
}
CULVERT_WIDE_INLINE __m256i load_pair(const std::byte* from) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}
CULVERT_WIDE_INLINE void store_pair(std::byte* to, __m256i value) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), value);
}
CULVERT_WIDE_INLINE __m256i load_twice(const std::byte* from) {
  return _mm256_broadcastsi128_si256(load(from));
}
CULVERT_WIDE_INLINE __m128i reversed(__m128i block) {
  return _mm_shuffle_epi8(block,
                          _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
}
CULVERT_WIDE_INLINE __m256i reversed(__m256i pair) {
  const auto order = _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  return _mm256_shuffle_epi8(pair, _mm256_broadcastsi128_si256(order));
}

// --- GHASH: in GF(2^128), octets reversed, so that a block's first bit is the highest one

// x^127 + x^126 + x^121 + 1 of the field's polynomial, seen reversed: the upper half.
CULVERT_WIDE_INLINE __m128i polynomial() {
  return _mm_set_epi64x(0, static_cast<long long>(0xc200'0000'0000'0000u));
}

// Products not reduced yet: low, high, and what lies across the middle.
struct Products {
  __m256i low, middle, high;
};

CULVERT_WIDE_INLINE void multiply_add(Products& sum, __m256i pair, __m256i powers) {
  sum.low = _mm256_xor_si256(sum.low, _mm256_clmulepi64_epi128(pair, powers, 0x00));
  sum.high = _mm256_xor_si256(sum.high, _mm256_clmulepi64_epi128(pair, powers, 0x11));
  sum.middle = _mm256_xor_si256(sum.middle, _mm256_clmulepi64_epi128(pair, powers, 0x01));
  sum.middle = _mm256_xor_si256(sum.middle, _mm256_clmulepi64_epi128(pair, powers, 0x10));
}

// Folds 64 bits twice (Gueron and Kounavis, "Efficient implementation of the Galois Counter Mode
// using a carry-less multiplier", with the shift moved into the powers).
CULVERT_WIDE_INLINE __m128i reduce(__m128i low, __m128i middle, __m128i high) {
  middle = _mm_xor_si128(middle, _mm_shuffle_epi32(low, 0x4e));
  middle = _mm_xor_si128(middle, _mm_clmulepi64_si128(low, polynomial(), 0x00));
  high = _mm_xor_si128(high, _mm_shuffle_epi32(middle, 0x4e));
  return _mm_xor_si128(high, _mm_clmulepi64_si128(middle, polynomial(), 0x00));
}

CULVERT_WIDE_INLINE __m128i both(__m256i halves) {
  return _mm_xor_si128(_mm256_castsi256_si128(halves), _mm256_extracti128_si256(halves, 1));
}

CULVERT_WIDE_INLINE __m128i reduce(const Products& sum) {
  return reduce(both(sum.low), both(sum.middle), both(sum.high));
}

CULVERT_WIDE_INLINE __m128i multiply(__m128i value, __m128i power) {
  const auto low = _mm_clmulepi64_si128(value, power, 0x00);
  const auto high = _mm_clmulepi64_si128(value, power, 0x11);
  const auto middle = _mm_xor_si128(_mm_clmulepi64_si128(value, power, 0x01),
                                    _mm_clmulepi64_si128(value, power, 0x10));
  return reduce(low, middle, high);
}

// `blocks` of them, at most kPowers; behind an odd last one there are 16 octets of zeros.
template <class Key>
CULVERT_WIDE_INLINE __m128i hash(const Key& key, __m128i hash_so_far, const std::byte* text,
                                 std::size_t blocks) {
  const auto* power = key.powers[kPowers - blocks];
  Products sum{_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256()};
  auto first = _mm256_zextsi128_si256(hash_so_far);
#pragma GCC unroll 8
  for (std::size_t at = 0; at < blocks; at += 2) {
    const auto pair = _mm256_xor_si256(reversed(load_pair(text + at * kBlock)), first);
    multiply_add(sum, pair, load_pair(power + at * kBlock));
    first = _mm256_setzero_si256();
  }
  return reduce(sum);
}

// --- AES

template <int kRounds>
CULVERT_WIDE_INLINE __m128i encrypt(const GcmKey<kRounds>& key, __m128i block) {
  block = _mm_xor_si128(block, load(key.round_keys[0]));
  for (int round = 1; round < kRounds; ++round)
    block = _mm_aesenc_si128(block, load(key.round_keys[round]));
  return _mm_aesenclast_si128(block, load(key.round_keys[kRounds]));
}

// Counter mode: `counters` are those of the next two blocks, reversed. Reads and writes kCount
// pairs.
template <std::size_t kCount, int kRounds>
CULVERT_WIDE_INLINE void crypt(const GcmKey<kRounds>& key, __m256i& counters, const std::byte* in,
                               std::byte* out) {
  __m256i state[kCount];
  const auto two = _mm256_set_epi32(0, 0, 0, 2, 0, 0, 0, 2);
  const auto first = load_twice(key.round_keys[0]);
#pragma GCC unroll 8
  for (std::size_t i = 0; i < kCount; ++i) {
    state[i] = _mm256_xor_si256(reversed(counters), first);
    counters = _mm256_add_epi32(counters, two);
  }
#pragma GCC unroll 14
  for (int round = 1; round < kRounds; ++round) {
    const auto round_key = load_twice(key.round_keys[round]);
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kCount; ++i) state[i] = _mm256_aesenc_epi128(state[i], round_key);
  }
  const auto last = load_twice(key.round_keys[kRounds]);
#pragma GCC unroll 8
  for (std::size_t i = 0; i < kCount; ++i) {
    const auto stream = _mm256_aesenclast_epi128(state[i], last);
    store_pair(out + i * kPair, _mm256_xor_si256(stream, load_pair(in + i * kPair)));
  }
}

template <int kRounds>
CULVERT_WIDE_INLINE void crypt_rest(const GcmKey<kRounds>& key, __m256i counters, std::byte* text,
                                    std::size_t size) {
  if (size <= 1 * kPair) return crypt<1>(key, counters, text, text);
  if (size <= 3 * kPair) return crypt<3>(key, counters, text, text);
  crypt<kPairs>(key, counters, text, text);
}

// FIPS 197 section 5.2: the word before, turned and substituted by the instruction, and all words
// before it added up.
CULVERT_WIDE_INLINE __m128i next_key(__m128i before, __m128i substituted) {
  before = _mm_xor_si128(before, _mm_slli_si128(before, 4));
  before = _mm_xor_si128(before, _mm_slli_si128(before, 8));
  return _mm_xor_si128(before, substituted);
}
template <int kConstant>
CULVERT_WIDE_INLINE __m128i turned(__m128i from) {
  return _mm_shuffle_epi32(_mm_aeskeygenassist_si128(from, kConstant), 0xff);
}
CULVERT_WIDE_INLINE __m128i unturned(__m128i from) {
  return _mm_shuffle_epi32(_mm_aeskeygenassist_si128(from, 0), 0xaa);
}

template <int kConstant>
CULVERT_WIDE_INLINE void expand_on(GcmKey<10>& key, int& at) {
  const auto before = load(key.round_keys[at - 1]);
  store(key.round_keys[at++], next_key(before, turned<kConstant>(before)));
}
template <int kConstant>
CULVERT_WIDE_INLINE void expand_on(GcmKey<14>& key, int& at) {
  const auto even =
      next_key(load(key.round_keys[at - 2]), turned<kConstant>(load(key.round_keys[at - 1])));
  store(key.round_keys[at++], even);
  if (at > 14) return;
  const auto odd = next_key(load(key.round_keys[at - 2]), unturned(even));
  store(key.round_keys[at++], odd);
}

template <int kRounds>
CULVERT_WIDE void expand(GcmKey<kRounds>& key, Bytes from) {
  std::memcpy(key.round_keys, from.data(), from.size());
  int at = static_cast<int>(from.size() / kBlock);
  expand_on<0x01>(key, at);
  expand_on<0x02>(key, at);
  expand_on<0x04>(key, at);
  expand_on<0x08>(key, at);
  expand_on<0x10>(key, at);
  expand_on<0x20>(key, at);
  expand_on<0x40>(key, at);
  if constexpr (kRounds == 10) {
    expand_on<0x80>(key, at);
    expand_on<0x1b>(key, at);
    expand_on<0x36>(key, at);
  }
  // H times x: shifted by one bit, and reduced if one fell out.
  const auto h = reversed(encrypt(key, _mm_setzero_si128()));
  const auto carries = _mm_srli_epi64(h, 63);
  const auto fell_out = _mm_shuffle_epi32(_mm_sub_epi32(_mm_setzero_si128(), carries), 0xaa);
  const auto wrap = _mm_set_epi64x(static_cast<long long>(0xc200'0000'0000'0000u), 1);
  const auto base = _mm_xor_si128(_mm_or_si128(_mm_slli_epi64(h, 1), _mm_slli_si128(carries, 8)),
                                  _mm_and_si128(fell_out, wrap));
  auto power = base;
  for (std::size_t i = kPowers; i-- > 0;) {
    store(key.powers[i], power);
    power = multiply(power, base);
  }
  store(key.powers[kPowers], _mm_setzero_si128());
}

template <int kRounds>
CULVERT_WIDE __m128i hash_aad(const GcmKey<kRounds>& key, Bytes aad) {
  auto sum = _mm_setzero_si128();
  while (!aad.empty()) {
    alignas(32) std::byte block[kPair] = {};
    const auto size = std::min(aad.size(), kBlock);
    std::memcpy(block, aad.data(), size);
    sum = hash(key, sum, block, 1);
    aad = aad.subspan(size);
  }
  return sum;
}

enum class Way { kSeal, kOpen };

// The tag of `text`, which goes to `out`.
template <Way kWay, int kRounds>
CULVERT_WIDE void run(const GcmKey<kRounds>& key, const AeadNonce& nonce, Bytes aad, Bytes text,
                      std::byte* out, std::byte* tag) {
  alignas(32) std::byte start[kBlock] = {};
  std::memcpy(start, nonce.data(), nonce.size());
  start[kBlock - 1] = std::byte{1};
  const auto counter = reversed(load(start));
  auto counters = _mm256_add_epi32(_mm256_broadcastsi128_si256(counter),
                                   _mm256_set_epi32(0, 0, 0, 2, 0, 0, 0, 1));
  auto sum = hash_aad(key, aad);
  const auto* in = text.data();
  auto left = text.size();
  for (; left >= kGroup; left -= kGroup, in += kGroup, out += kGroup) {
    if constexpr (kWay == Way::kOpen) sum = hash(key, sum, in, kPowers);
    crypt<kPairs>(key, counters, in, out);
    if constexpr (kWay == Way::kSeal) sum = hash(key, sum, out, kPowers);
  }
  if (left > 0) {
    alignas(32) std::byte rest[kGroup];  // written as far as it is used
    const auto blocks = (left + kBlock - 1) / kBlock;
    const auto pairs = (left + kPair - 1) / kPair;
    std::memcpy(rest, in, left);
    std::memset(rest + left, 0, pairs * kPair - left);
    if constexpr (kWay == Way::kOpen) sum = hash(key, sum, rest, blocks);
    crypt_rest(key, counters, rest, left);
    std::memcpy(out, rest, left);
    std::memset(rest + left, 0, pairs * kPair - left);
    if constexpr (kWay == Way::kSeal) sum = hash(key, sum, rest, blocks);
    if constexpr (kWay == Way::kOpen) sodium_memzero(rest, left);
  }
  const auto sizes = _mm_set_epi64x(8 * static_cast<long long>(aad.size()),
                                    8 * static_cast<long long>(text.size()));
  sum = multiply(_mm_xor_si128(sum, sizes), load(key.powers[kPowers - 1]));
  store(tag, _mm_xor_si128(reversed(sum), encrypt(key, load(start))));
}

template <int kRounds>
class VaesGcm final : public AeadEngine {
 public:
  explicit VaesGcm(Bytes key) { expand(key_, key); }
  VaesGcm(const VaesGcm&) = delete;
  VaesGcm& operator=(const VaesGcm&) = delete;
  ~VaesGcm() override { sodium_memzero(&key_, sizeof key_); }

  void seal(const AeadNonce& nonce, Bytes aad, Bytes text, MutableBytes out,
            std::span<std::byte, kAeadTagSize> tag) const override {
    run<Way::kSeal>(key_, nonce, aad, text, out.data(), tag.data());
  }

  bool open(const AeadNonce& nonce, Bytes aad, Bytes text, MutableBytes out,
            std::span<const std::byte, kAeadTagSize> tag) const override {
    std::array<std::byte, kAeadTagSize> expected;
    run<Way::kOpen>(key_, nonce, aad, text, out.data(), expected.data());
    return sodium_memcmp(expected.data(), tag.data(), kAeadTagSize) == 0;
  }

 private:
  GcmKey<kRounds> key_;
};

}  // namespace

bool has_vaes() { return usable(); }

std::unique_ptr<const AeadEngine> make_vaes_engine(AeadAlgorithm algorithm,
                                                   std::span<const std::byte, 32> key) {
  if (algorithm != AeadAlgorithm::kAes256Gcm || !usable()) return nullptr;
  return std::make_unique<VaesGcm<14>>(key);
}

std::unique_ptr<const AeadEngine> make_vaes_aes128_gcm(std::span<const std::byte, 16> key) {
  if (!usable()) return nullptr;
  return std::make_unique<VaesGcm<10>>(key);
}

}  // namespace culvert::crypto
