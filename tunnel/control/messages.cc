#include "tunnel/control/messages.h"

#include <algorithm>
#include <cassert>

#include "tunnel/base/byte_codec.h"
#include "tunnel/base/overloaded.h"
#include "tunnel/control/wire_address.h"

namespace culvert::control {
namespace {

// DO NOT CHANGE THE VALUES: they are the wire.
enum class Type : std::uint16_t {
  kPublish = 1,
  kLookup = 2,
  kFound = 3,
  kIncoming = 4,
  kGoodbye = 5,
  kExpect = 6,
  kPublishUdp = 7,
  kTryInbound = 16,
  kInboundTried = 17,
  kOffer = 18,
  kDiscoveryServers = 19,
  kProveAddress = 20,
  kAddressStated = 21,
  kCertificate = 22,
  kPathOffer = 32,
  kPathSeen = 33,
  kPathRelay = 34,
};
constexpr std::size_t kHead = 4;  // u16 type, u16 length of the body
constexpr std::size_t kMaxText = 255;

void put_text(Writer& out, std::string_view text) { out.text16(text.substr(0, kMaxText)); }

std::string take_text(Reader& in) {
  auto text = in.text16();
  if (text.size() > kMaxText) in.set_failed();
  return text;
}

void write_ports(Writer& out, const std::vector<std::uint16_t>& ports) {
  for (const auto port : ports) out.u16(port);
}

std::vector<std::uint16_t> take_ports(Reader& in) {
  std::vector<std::uint16_t> ports;
  while (in.ok() && !in.rest().empty()) ports.push_back(in.u16());
  return ports;
}

// As many names as a message holds.
void write_expected(Writer& out, const Expect& message) {
  std::size_t size = 0;
  for (const auto& caller : message.callers) {
    size += 2 + std::min(caller.size(), kMaxText);
    if (size > kMaxMessage) return;
    put_text(out, caller);
  }
}

void write_servers(Writer& out, const DiscoveryServers& message) {
  const auto count = std::min(message.servers.size(), kMostDiscoveryServers);
  for (std::size_t i = 0; i < count; ++i) {
    ByteVector address;
    append_address(address, message.servers[i]);
    out.u8(static_cast<std::uint8_t>(address.size()));
    out.bytes(address);
  }
}

DiscoveryServers read_servers(Reader& in) {
  DiscoveryServers message;
  while (in.ok() && !in.rest().empty() && message.servers.size() < kMostDiscoveryServers) {
    const auto address = read_address(in.take(in.u8()));
    if (!address) in.set_failed();
    if (address) message.servers.push_back(*address);
  }
  return message;
}

Type type_of(const Message& message) {
  return std::visit(overloaded{
                        [](const Publish&) { return Type::kPublish; },
                        [](const Lookup&) { return Type::kLookup; },
                        [](const Found&) { return Type::kFound; },
                        [](const Incoming&) { return Type::kIncoming; },
                        [](const Goodbye&) { return Type::kGoodbye; },
                        [](const Expect&) { return Type::kExpect; },
                        [](const PublishUdp&) { return Type::kPublishUdp; },
                        [](const TryInbound&) { return Type::kTryInbound; },
                        [](const InboundTried&) { return Type::kInboundTried; },
                        [](const Offer&) { return Type::kOffer; },
                        [](const DiscoveryServers&) { return Type::kDiscoveryServers; },
                        [](const PathOffer&) { return Type::kPathOffer; },
                        [](const PathSeen&) { return Type::kPathSeen; },
                        [](const PathRelay&) { return Type::kPathRelay; },
                        [](const ProveAddress&) { return Type::kProveAddress; },
                        [](const AddressStated&) { return Type::kAddressStated; },
                        [](const Certificate&) { return Type::kCertificate; },
                    },
                    message);
}

void write_body(Writer& out, const Message& message) {
  std::visit(overloaded{
                 [&](const Publish& m) { write_ports(out, m.ports); },
                 [&](const PublishUdp& m) { write_ports(out, m.ports); },
                 [&](const Lookup& m) {
                   out.u32(m.query);
                   out.u8(static_cast<std::uint8_t>(m.kind));
                   put_text(out, m.name);
                 },
                 [&](const Found& m) {
                   out.u32(m.query);
                   out.u8(static_cast<std::uint8_t>(m.error));
                   put_text(out, m.detail);
                   out.block16(m.certificate);
                 },
                 [&](const Incoming& m) {
                   out.bytes(m.ticket);
                   put_text(out, m.caller);
                 },
                 [&](const Goodbye& m) { put_text(out, m.reason); },
                 [&](const Expect& m) { write_expected(out, m); },
                 [&](const TryInbound& m) {
                   out.u16(m.port);
                   out.bytes(m.secret);
                   out.bytes(m.statement);
                 },
                 [&](const InboundTried& m) {
                   out.u16(m.port);
                   out.u8(static_cast<std::uint8_t>(m.error));
                   put_text(out, m.detail);
                   if (m.at) out.bytes(m.at->wire());
                 },
                 [&](const Offer& m) { write_offer(out, m); },
                 [&](const DiscoveryServers& m) { write_servers(out, m); },
                 [&](const PathOffer& m) { write_path_offer(out, m); },
                 [&](const PathRelay& m) { out.u32(m.path); },
                 [&](const ProveAddress& m) {
                   out.bytes(m.proof);
                   out.bytes(m.address.wire());
                 },
                 [&](const AddressStated& m) { out.bytes(m.statement); },
                 [&](const Certificate& m) { out.bytes(m.certificate); },
                 [&](const PathSeen& m) {
                   out.u32(m.path);
                   out.u64(m.counter);
                 },
             },
             message);
}

ErrorCode take_code(Reader& in) {
  const auto code = in.u8();
  if (code != 0 && !is_wire_error(code)) in.set_failed();
  return static_cast<ErrorCode>(code);
}

std::optional<Message> read_body(Type type, Reader& in) {
  switch (type) {
    case Type::kPublish: return Publish{take_ports(in)};
    case Type::kPublishUdp: return PublishUdp{take_ports(in)};
    case Type::kLookup: {
      Lookup m;
      m.query = in.u32();
      const auto kind = in.u8();
      if (kind != 1 && kind != 2) in.set_failed();
      m.kind = static_cast<Lookup::Kind>(kind);
      m.name = take_text(in);
      return m;
    }
    case Type::kFound: {
      Found m;
      m.query = in.u32();
      m.error = take_code(in);
      m.detail = take_text(in);
      const auto certificate = in.block16();
      m.certificate.assign(certificate.begin(), certificate.end());
      return m;
    }
    case Type::kIncoming: {
      Incoming m;
      m.ticket = in.array<16>();
      m.caller = take_text(in);
      return m;
    }
    case Type::kGoodbye: return Goodbye{take_text(in)};
    case Type::kExpect: {
      Expect m;
      while (in.ok() && !in.rest().empty() && m.callers.size() < kMostExpected)
        m.callers.push_back(take_text(in));
      return m;
    }
    case Type::kTryInbound: {
      TryInbound m;
      m.port = in.u16();
      m.secret = in.array<16>();
      const auto statement = in.rest();
      m.statement.assign(statement.begin(), statement.end());
      return m;
    }
    case Type::kInboundTried: {
      InboundTried m;
      m.port = in.u16();
      m.error = take_code(in);
      m.detail = take_text(in);
      if (const auto at = in.ok() ? IpAddress::from_wire(in.rest()) : std::nullopt) m.at = *at;
      return m;
    }
    case Type::kOffer: return read_offer(in);
    case Type::kDiscoveryServers: return read_servers(in);
    case Type::kPathOffer: return read_path_offer(in);
    case Type::kProveAddress: {
      ProveAddress m;
      m.proof = in.array<24>();
      const auto address = IpAddress::from_wire(in.rest());
      if (!address) in.set_failed();
      if (address) m.address = *address;
      return m;
    }
    case Type::kAddressStated: {
      const auto statement = in.rest();
      return AddressStated{{statement.begin(), statement.end()}};
    }
    case Type::kCertificate: {
      const auto certificate = in.rest();
      return Certificate{{certificate.begin(), certificate.end()}};
    }
    case Type::kPathRelay: return PathRelay{in.u32()};
    case Type::kPathSeen: {
      PathSeen m;
      m.path = in.u32();
      m.counter = in.u64();
      return m;
    }
  }
  return std::nullopt;
}

bool is_known(std::uint16_t type) {
  const auto between = [type](Type first, Type last) {
    return type >= static_cast<std::uint16_t>(first) && type <= static_cast<std::uint16_t>(last);
  };
  return between(Type::kPublish, Type::kPublishUdp) ||
         between(Type::kTryInbound, Type::kCertificate) ||
         between(Type::kPathOffer, Type::kPathRelay);
}

}  // namespace

ByteVector encode(const Message& message) {
  ByteVector body;
  Writer body_out(body);
  write_body(body_out, message);
  assert(body.size() <= kMaxMessage);
  ByteVector bytes;
  Writer out(bytes);
  out.u16(static_cast<std::uint16_t>(type_of(message)));
  out.block16(body);
  return bytes;
}

Result<std::optional<Message>> take_message(Bytes in, std::size_t& taken) {
  taken = 0;
  if (in.size() < kHead) return std::nullopt;
  const auto type = load_be<std::uint16_t>(&in[0]);
  const std::size_t length = load_be<std::uint16_t>(&in[2]);
  if (length > kMaxMessage)
    return fail(ErrorCode::kProtocol, "the peer sent a control message over 32 KiB");
  if (in.size() - kHead < length) return std::nullopt;
  taken = kHead + length;
  if (!is_known(type)) return std::nullopt;
  Reader body(in.subspan(kHead, length));
  auto message = read_body(static_cast<Type>(type), body);
  if (!body.ok())
    return fail(ErrorCode::kProtocol,
                "the peer sent a malformed control message of type " + std::to_string(type));
  return message;
}

}  // namespace culvert::control
