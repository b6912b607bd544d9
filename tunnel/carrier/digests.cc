#include "tunnel/carrier/digests.h"

#include <mbedtls/md.h>
#include <mbedtls/version.h>
#include <sodium.h>

#include <cassert>

#if MBEDTLS_VERSION_MAJOR < 3
#include <mbedtls/md4.h>
#endif

namespace culvert::carrier {
namespace {

template <std::size_t N>
std::array<std::byte, N> hash(mbedtls_md_type_t type, Bytes text) {
  std::array<std::byte, N> out;
  const auto* kind = mbedtls_md_info_from_type(type);
  assert(kind != nullptr && mbedtls_md_get_size(kind) == N);
  mbedtls_md(kind, as_u8(text), text.size(), as_u8(MutableBytes{out}));
  return out;
}

}  // namespace

Md5 md5(Bytes text) { return hash<16>(MBEDTLS_MD_MD5, text); }
std::array<std::byte, 20> sha1(Bytes text) { return hash<20>(MBEDTLS_MD_SHA1, text); }
std::array<std::byte, 32> sha256(Bytes text) { return hash<32>(MBEDTLS_MD_SHA256, text); }

Md5 hmac_md5(Bytes key, Bytes text) {
  Md5 out;
  mbedtls_md_hmac(mbedtls_md_info_from_type(MBEDTLS_MD_MD5), as_u8(key), key.size(), as_u8(text),
                  text.size(), as_u8(MutableBytes{out}));
  return out;
}

Result<Md5> md4([[maybe_unused]] Bytes text) {
#if MBEDTLS_VERSION_MAJOR < 3
  Md5 out;
  mbedtls_md4_ret(as_u8(text), text.size(), as_u8(MutableBytes{out}));
  return out;
#else
  return fail(ErrorCode::kProtocol, "this build's mbedTLS has no MD4, so there is no NTLM");
#endif
}

std::string to_base64(Bytes bytes) {
  constexpr int kForm = sodium_base64_VARIANT_ORIGINAL;
  std::string out(sodium_base64_encoded_len(bytes.size(), kForm), '\0');
  sodium_bin2base64(out.data(), out.size(), as_u8(bytes), bytes.size(), kForm);
  out.resize(out.size() - 1);  // the terminating zero
  return out;
}

ByteVector from_base64(std::string_view text) {
  ByteVector out(text.size() / 4 * 3 + 3);
  std::size_t size = 0;
  const char* end = nullptr;
  if (sodium_base642bin(as_u8(MutableBytes{out}), out.size(), text.data(), text.size(), nullptr,
                        &size, &end, sodium_base64_VARIANT_ORIGINAL) != 0 ||
      end != text.data() + text.size())
    return {};
  out.resize(size);
  return out;
}

}  // namespace culvert::carrier
