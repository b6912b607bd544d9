// tunnel/stun/responder.h: what a discovery server answers to a Binding request (RFC 8489 section
// 6.3.1, RFC 5780 section 6), and what not. Sans-IO.
//
// Whoever sends a UDP datagram can write another sender on it. So an answer that is longer than its
// request is paid out of an allowance of the address it goes to: kBurst octets, and kRefill more a
// second. Requests filled with PADDING up to the length of the answer are answered without.
#pragma once
#include <map>
#include <optional>
#include <vector>

#include "tunnel/base/time.h"
#include "tunnel/stun/message.h"

namespace culvert::stun {

// Where a datagram came in, or goes out: an index of Servers::addresses and of ports.
struct Door {
  std::size_t address = 0, port = 0;
  bool operator==(const Door&) const = default;
};

struct Servers {
  std::vector<IpAddress> addresses;  // as clients see them; one or two of a family
  std::vector<std::uint16_t> ports;  // one or two
  SocketAddress at(Door door) const { return {addresses[door.address], ports[door.port]}; }
};

class Responder {
 public:
  static constexpr std::size_t kBurst = 1024, kRefill = 256;  // octets, octets per second
  static constexpr std::size_t kMostAddresses = 4096;         // with an allowance in use
  static constexpr std::uint16_t kLeastPort = 1024;           // for RESPONSE-PORT

  // `proofs`: are added where they are asked for; null: never.
  explicit Responder(Servers servers, const AddressProofs* proofs = nullptr)
      : servers_(std::move(servers)), proofs_(proofs) {}

  struct Answer {
    Door from;
    SocketAddress to;
    ByteVector message;
  };
  // Nothing: it is no request, or the allowance is used up.
  std::optional<Answer> answer_datagram(Bytes datagram, const SocketAddress& from, Door at,
                                        TimePoint now);
  // Of a TCP connection, which proves its sender; nothing: end it.
  std::optional<ByteVector> answer_stream(Bytes message, const SocketAddress& from, Door at,
                                          TimePoint now) const;

  const Servers& servers() const { return servers_; }

 private:
  struct Allowance {
    std::size_t octets = kBurst;
    TimePoint at{};
  };
  std::optional<Door> other(Door door, bool change_ip, bool change_port) const;
  Response respond(const Request& request, const SocketAddress& from, Door origin,
                   TimePoint now) const;
  bool pay(const IpAddress& to, std::size_t octets, TimePoint now);

  Servers servers_;
  const AddressProofs* proofs_;
  std::map<IpAddress, Allowance> allowances_;
  TimePoint swept_at_{};  // of those that are full again
};

}  // namespace culvert::stun
