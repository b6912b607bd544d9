#include "tunnel/control/target.h"

#include <cassert>

#include "tunnel/base/byte_codec.h"

namespace culvert::control {
namespace {
constexpr std::size_t kMaxHost = 253;  // RFC 1035
}

//   0       1               3
//  +-------+---------------+----------
//  | kind  |     port      |  host, or u32 beside, or u16 port of the caller (kHostedUdp: and host)
ByteVector encode(const Target& target) {
  assert(target.host.size() <= kMaxHost);
  ByteVector bytes;
  Writer out(bytes);
  out.u8(static_cast<std::uint8_t>(target.kind));
  out.u16(target.port);
  if (target.kind == Target::Kind::kBesideUdp) out.u32(target.beside);
  if (target.caller_port != 0) out.u16(target.caller_port);
  out.bytes(as_bytes(target.host));
  return bytes;
}

Result<Target> decode_target(Bytes bytes) {
  Reader in(bytes);
  const auto kind = in.u8();
  const auto port = in.u16();
  const auto is = [&](Target::Kind one) { return kind == static_cast<std::uint8_t>(one); };
  const bool called = is(Target::Kind::kEndpointPort) || is(Target::Kind::kEndpointUdp);
  const bool hosted = is(Target::Kind::kHostedUdp);
  const auto beside = is(Target::Kind::kBesideUdp) ? in.u32() : 0;
  const bool tells_port = hosted || (called && !in.done());
  const std::uint16_t caller_port = tells_port ? in.u16() : 0;
  const auto host = as_text(in.rest());
  const bool endpoint = called || is(Target::Kind::kBesideUdp);
  const bool forward = is(Target::Kind::kForward) || is(Target::Kind::kForwardUdp) ||
                       is(Target::Kind::kRelay) || hosted;
  if (!in.ok() || port == 0 || host.size() > kMaxHost || (!endpoint && !forward) ||
      endpoint != host.empty() || tells_port != (caller_port != 0))
    return fail(ErrorCode::kProtocol, "the peer asked for a malformed target");
  return Target{static_cast<Target::Kind>(kind), std::string(host), port, beside, caller_port};
}

RelayedBy to_relayed_by(std::byte octet) {
  const bool known = octet == static_cast<std::byte>(RelayedBy::kSession) ||
                     octet == static_cast<std::byte>(RelayedBy::kUdp);
  return known ? static_cast<RelayedBy>(octet) : RelayedBy::kNobody;
}

}  // namespace culvert::control
