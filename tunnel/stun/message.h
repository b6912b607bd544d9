// tunnel/stun/message.h: STUN Binding messages as values (RFC 8489, discovery by RFC 5780; RFC 3489
// where a client is as old as that). Sans-IO.
//
// No authentication: a Binding answer tells nothing but where a request came from. What may be
// answered, from where and how often is decided by service/discovery.h.
#pragma once
#include <array>
#include <optional>
#include <vector>

#include "tunnel/base/address.h"
#include "tunnel/base/bytes.h"
#include "tunnel/stun/address_proof.h"

namespace culvert::stun {

inline constexpr std::size_t kHeader = 20;
inline constexpr std::size_t kMostOctets = 1280;  // of a message; a longer one is refused

// With the four octets in front that are the magic cookie since RFC 5389.
using TransactionId = std::array<std::byte, 16>;
TransactionId make_transaction_id(const std::array<std::byte, 12>& random);
bool has_cookie(const TransactionId& id);  // without: a client of RFC 3489

struct Request {
  TransactionId id{};
  bool change_ip = false, change_port = false;  // CHANGE-REQUEST
  std::optional<std::uint16_t> response_port;   // RESPONSE-PORT
  bool wants_proof = false;                     // ADDRESS-PROOF (PROTOCOL.md section 7.2)
  std::vector<std::uint16_t> unknown;           // attributes that must be understood, and are not
  bool operator==(const Request&) const = default;
};

struct Response {
  TransactionId id{};
  std::optional<SocketAddress> mapped;           // (XOR-)MAPPED-ADDRESS
  std::optional<SocketAddress> response_origin;  // where the answer comes from
  std::optional<SocketAddress> other_address;    // what CHANGE-REQUEST would change to, both
  std::optional<AddressProof> proof;             // ADDRESS-PROOF
  std::uint16_t error = 0;                       // ERROR-CODE, 300 to 699; 0: success
  std::vector<std::uint16_t> unknown;            // with error 420
  bool operator==(const Response&) const = default;
};

// Is this a STUN message and no other protocol that may share the port (RFC 7983)?
bool is_stun(Bytes datagram);
// On a stream: the octets of the message whose header this is; nothing: it cannot be one.
std::optional<std::size_t> size_of_message(Bytes header);

// kProtocol: malformed, or no such message.
Result<Request> decode_request(Bytes message);
Result<Response> decode_response(Bytes message);

// `at_least`: filled up to so many octets (PADDING), so that the answer is no longer than this.
ByteVector encode(const Request& request, std::size_t at_least = 0);
ByteVector encode(const Response& response);

}  // namespace culvert::stun
