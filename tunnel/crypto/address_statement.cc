#include "tunnel/crypto/address_statement.h"

#include <limits>

#include "tunnel/base/byte_codec.h"

namespace culvert::crypto {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::uint64_t kMaxTime = std::numeric_limits<std::int64_t>::max();
constexpr std::size_t kSignatureSize = std::tuple_size_v<Signature>;

ByteVector with_domain(Bytes body) {
  ByteVector message;
  append(message, as_bytes(AddressStatement::kSigningDomain));
  append(message, body);
  return message;
}

tl::unexpected<Error> refused(ErrorCode code, const char* why) {
  return fail(code, std::string("a statement of an address ") + why + ": it is left out");
}

}  // namespace

ByteVector AddressStatement::sign(const SigningKeyPair& service) const {
  ByteVector out;
  Writer writer(out);
  writer.u8(kVersion);
  writer.bytes(key.view());
  writer.u64(to_unix_nanoseconds(not_after));
  writer.u8(static_cast<std::uint8_t>(address.wire().size()));
  writer.bytes(address.wire());
  writer.bytes(service.sign(with_domain(out)));
  return out;
}

Result<AddressStatement> AddressStatement::verify(Bytes encoded, const SignaturePublicKey& service,
                                                  const PublicKey& endpoint, UnixTime now) {
  Reader reader(encoded);
  AddressStatement out;
  const bool known = reader.u8() == kVersion;
  out.key = PublicKey{reader.array<32>()};
  const auto not_after = reader.u64();
  const auto address = IpAddress::from_wire(reader.take(reader.u8()));
  const auto signature = reader.array<kSignatureSize>();
  if (!known || !address || !reader.done() || not_after > kMaxTime)
    return refused(ErrorCode::kProtocol, "is malformed");
  out.address = *address;
  out.not_after = from_unix_nanoseconds(not_after);
  if (!is_signed_by(service, with_domain(encoded.first(encoded.size() - kSignatureSize)),
                    signature))
    return refused(ErrorCode::kAuthentication, "has a wrong signature");
  if (out.key != endpoint) return refused(ErrorCode::kAuthentication, "is another endpoint's");
  if (now > out.not_after) return refused(ErrorCode::kAuthentication, "is too old");
  return out;
}

}  // namespace culvert::crypto
