#include "tunnel/stun/message.h"

#include <algorithm>

#include "tunnel/base/byte_codec.h"

namespace culvert::stun {
namespace {

constexpr std::uint32_t kCookie = 0x2112a442;
enum Type : std::uint16_t { kRequest = 0x0001, kSuccess = 0x0101, kError = 0x0111 };
enum Attribute : std::uint16_t {
  kMappedAddress = 0x0001,
  kChangeRequest = 0x0003,
  kSourceAddress = 0x0004,   // RFC 3489
  kChangedAddress = 0x0005,  // RFC 3489
  kErrorCode = 0x0009,
  kUnknownAttributes = 0x000a,
  kXorMappedAddress = 0x0020,
  kPadding = 0x0026,
  kResponsePort = 0x0027,
  kResponseOrigin = 0x802b,
  kOtherAddress = 0x802c,
  kAddressProof = 0xc5cd,  // Culvert's own
};
constexpr std::uint16_t kOptional = 0x8000;  // from here on attributes need not be understood
constexpr std::uint32_t kChangeIp = 4, kChangePort = 2;
constexpr std::size_t kMostUnknown = 16;

tl::unexpected<Error> malformed(const char* why) {
  return fail(ErrorCode::kProtocol, std::string("not a STUN message: ") + why);
}

std::size_t padded(std::size_t size) { return (size + 3) & ~std::size_t{3}; }

class MessageWriter {
 public:
  MessageWriter(Type type, const TransactionId& id) {
    Writer out(bytes_);
    out.u16(type);
    out.u16(0);
    out.bytes(id);
  }
  void put(Attribute attribute, Bytes value) {
    Writer out(bytes_);
    out.u16(attribute);
    out.block16(value);
    bytes_.resize(padded(bytes_.size()));
  }
  void put(Attribute attribute, const SocketAddress& address, const TransactionId* mask = nullptr) {
    ByteVector value;
    Writer out(value);
    out.u8(0);
    out.u8(address.ip.is_v4() ? 1 : 2);
    out.u16(address.port);
    out.bytes(address.ip.wire());
    if (mask != nullptr) {
      value[2] ^= (*mask)[0];
      value[3] ^= (*mask)[1];
      for (std::size_t i = 4; i < value.size(); ++i) value[i] ^= (*mask)[i - 4];
    }
    put(attribute, value);
  }
  std::size_t size() const { return bytes_.size(); }
  ByteVector take() {
    store_be(bytes_.data() + 2, static_cast<std::uint16_t>(bytes_.size() - kHeader));
    return std::move(bytes_);
  }

 private:
  ByteVector bytes_;
};

std::optional<SocketAddress> read_address(Bytes value, const TransactionId* mask) {
  ByteVector plain(value.begin(), value.end());
  if (plain.size() != 8 && plain.size() != 20) return std::nullopt;
  if (mask != nullptr) {
    plain[2] ^= (*mask)[0];
    plain[3] ^= (*mask)[1];
    for (std::size_t i = 4; i < plain.size(); ++i) plain[i] ^= (*mask)[i - 4];
  }
  Reader in(plain);
  in.u8();
  const auto family = in.u8();
  const auto port = in.u16();
  const auto ip = IpAddress::from_wire(in.rest());
  if (!ip || family != (ip->is_v4() ? 1 : 2)) return std::nullopt;
  return SocketAddress{*ip, port};
}

// Calls take(attribute, value) for each; false from it, or bad framing, fails.
template <class F>
bool each_attribute(Bytes message, F&& take) {
  Reader in(message.subspan(kHeader));
  while (in.ok() && !in.rest().empty()) {
    const auto attribute = in.u16();
    const auto value = in.block16();
    in.take(padded(value.size()) - value.size());
    if (!in.ok() || !take(attribute, value)) return false;
  }
  return in.ok();
}

Result<TransactionId> read_header(Bytes message, std::initializer_list<Type> types) {
  if (!is_stun(message)) return malformed("another protocol");
  const auto size = size_of_message(message);
  if (!size || *size != message.size()) return malformed("its length is wrong");
  const auto type = load_be<std::uint16_t>(message.data());
  if (std::ranges::find(types, type) == types.end()) return malformed("of another kind");
  TransactionId id;
  std::ranges::copy(message.subspan(4, id.size()), id.begin());
  return id;
}

}  // namespace

TransactionId make_transaction_id(const std::array<std::byte, 12>& random) {
  TransactionId id;
  store_be(id.data(), kCookie);
  std::ranges::copy(random, id.begin() + 4);
  return id;
}

bool has_cookie(const TransactionId& id) { return load_be<std::uint32_t>(id.data()) == kCookie; }

bool is_stun(Bytes datagram) {
  return datagram.size() >= kHeader && std::to_integer<unsigned>(datagram[0]) < 4;
}

std::optional<std::size_t> size_of_message(Bytes header) {
  if (header.size() < 4) return std::nullopt;
  const std::size_t body = load_be<std::uint16_t>(header.data() + 2);
  const auto size = kHeader + body;
  if (body % 4 != 0 || size > kMostOctets) return std::nullopt;
  return size;
}

Result<Request> decode_request(Bytes message) {
  const auto id = read_header(message, {kRequest});
  if (!id) return fail(id.error());
  Request request;
  request.id = *id;
  const bool whole = each_attribute(message, [&](std::uint16_t attribute, Bytes value) {
    switch (attribute) {
      case kChangeRequest: {
        if (value.size() != 4) return false;
        const auto flags = load_be<std::uint32_t>(value.data());
        request.change_ip = (flags & kChangeIp) != 0;
        request.change_port = (flags & kChangePort) != 0;
        return true;
      }
      case kResponsePort:
        if (value.size() != 2 && value.size() != 4) return false;
        request.response_port = load_be<std::uint16_t>(value.data());
        return true;
      case kAddressProof: request.wants_proof = true; return true;
      case kPadding: return true;
      default: break;
    }
    if (attribute < kOptional && request.unknown.size() < kMostUnknown)
      request.unknown.push_back(attribute);
    return true;
  });
  if (!whole) return malformed("its attributes do not fit");
  return request;
}

Result<Response> decode_response(Bytes message) {
  const auto id = read_header(message, {kSuccess, kError});
  if (!id) return fail(id.error());
  Response response;
  response.id = *id;
  bool has_error = false;
  const bool whole = each_attribute(message, [&](std::uint16_t attribute, Bytes value) {
    const auto take = [&](std::optional<SocketAddress>& into, const TransactionId* mask = nullptr) {
      into = read_address(value, mask);
      return into.has_value();
    };
    switch (attribute) {
      case kXorMappedAddress: return take(response.mapped, &response.id);
      case kMappedAddress: return response.mapped.has_value() || take(response.mapped);
      case kResponseOrigin:
      case kSourceAddress: return take(response.response_origin);
      case kOtherAddress:
      case kChangedAddress: return take(response.other_address);
      case kAddressProof: {
        AddressProof proof;
        if (value.size() != proof.size()) return false;
        std::ranges::copy(value, proof.begin());
        response.proof = proof;
        return true;
      }
      case kErrorCode:
        if (value.size() < 4) return false;
        has_error = true;
        response.error =
            static_cast<std::uint16_t>(std::to_integer<unsigned>(value[2] & std::byte{7}) * 100 +
                                       std::to_integer<unsigned>(value[3]) % 100);
        return response.error >= 300 && response.error <= 699;
      case kUnknownAttributes:
        for (std::size_t i = 0; i + 1 < value.size() && response.unknown.size() < kMostUnknown;
             i += 2)
          response.unknown.push_back(load_be<std::uint16_t>(value.data() + i));
        return true;
      default: return true;
    }
  });
  const bool is_error = load_be<std::uint16_t>(message.data()) == kError;
  if (!whole || is_error != has_error) return malformed("its attributes do not fit");
  return response;
}

ByteVector encode(const Request& request, std::size_t at_least) {
  MessageWriter out(kRequest, request.id);
  if (request.change_ip || request.change_port) {
    std::byte flags[4];
    store_be(flags, (request.change_ip ? kChangeIp : 0) | (request.change_port ? kChangePort : 0));
    out.put(kChangeRequest, flags);
  }
  if (request.response_port) {
    std::byte port[4]{};  // two octets of padding belong to the value (RFC 5780 section 7.5)
    store_be(port, *request.response_port);
    out.put(kResponsePort, port);
  }
  if (request.wants_proof) out.put(kAddressProof, Bytes{});
  if (out.size() + 4 < at_least) out.put(kPadding, ByteVector(padded(at_least - out.size() - 4)));
  return out.take();
}

ByteVector encode(const Response& response) {
  const bool modern = has_cookie(response.id);
  MessageWriter out(response.error == 0 ? kSuccess : kError, response.id);
  if (response.error != 0) {
    const std::byte code[4] = {{},
                               {},
                               static_cast<std::byte>(response.error / 100),
                               static_cast<std::byte>(response.error % 100)};
    out.put(kErrorCode, code);
    ByteVector unknown;
    for (const auto attribute : response.unknown) Writer(unknown).u16(attribute);
    if (!unknown.empty()) out.put(kUnknownAttributes, unknown);
    return out.take();
  }
  if (response.mapped && modern) out.put(kXorMappedAddress, *response.mapped, &response.id);
  if (response.mapped && !modern) out.put(kMappedAddress, *response.mapped);
  if (response.response_origin)
    out.put(modern ? kResponseOrigin : kSourceAddress, *response.response_origin);
  if (response.other_address)
    out.put(modern ? kOtherAddress : kChangedAddress, *response.other_address);
  if (response.proof && modern) out.put(kAddressProof, *response.proof);
  return out.take();
}

}  // namespace culvert::stun
