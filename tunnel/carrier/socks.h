// tunnel/carrier/socks.h: asks a SOCKS proxy for a connection to `target`: SOCKS4, SOCKS4a (names),
// SOCKS5 (RFC 1928) without a login or with user and password (RFC 1929). Of a SOCKS5 proxy, also
// that it relays datagrams (UDP ASSOCIATE) as long as the connection lasts.
//
// One message at a time: greeting and request in one flight hang at microsocks, measured.
// Errors: what the proxy's reply code means (kRefused, kHostUnreachable ...), kAuthentication,
// kProtocol.
#pragma once
#include <memory>

#include "tunnel/carrier/opening_layer.h"
#include "tunnel/carrier/proxy.h"

namespace culvert::carrier {

class Socks final : public OpeningLayer {
 public:
  struct Login {
    std::string user, password;  // at most 255 octets each; SOCKS4 sends the user alone
  };
  // `address`: of the target; SOCKS4 can name nothing else. kBadInput if it needs one.
  static Result<std::unique_ptr<Layer>> make(ProxyKind kind, const HostPort& target,
                                             const std::optional<IpAddress>& address,
                                             const std::optional<Login>& login);
  // The datagrams may come from any address and port: what a NAT on the way to the proxy makes of
  // ours is not known.
  static std::unique_ptr<Socks> associate(const std::optional<Login>& login);
  // Where the proxy wants the datagrams, once established; 0.0.0.0 and :: mean its own address.
  const SocketAddress& bound() const { return bound_; }

  std::string describe() const override;

 private:
  enum class State : std::uint8_t { kReply4, kMethod, kLogin, kReply5 };
  Socks(ProxyKind kind, const HostPort& target, const std::optional<Login>& login);
  void ask4(const std::optional<IpAddress>& address);
  void greet5();
  void ask5();
  void ask_to_relay();
  Result<std::size_t> converse(Bytes received) override;
  Error on_end() override;
  Result<std::size_t> take_reply4(Bytes received);
  Result<std::size_t> take_method(Bytes received);
  Result<std::size_t> take_login(Bytes received);
  Result<std::size_t> take_reply5(Bytes received);
  Result<std::size_t> refused(const Error& why) const;

  ProxyKind kind_;
  HostPort target_;  // empty: UDP ASSOCIATE
  SocketAddress bound_;
  std::optional<Login> login_;
  State state_ = State::kReply4;
};

}  // namespace culvert::carrier
