#include "tunnel/carrier/socks.h"

#include <sodium.h>

#include "tunnel/carrier/socks_datagram.h"

namespace culvert::carrier {
namespace {

constexpr std::byte kVersion4{4}, kVersion5{5}, kConnect{1}, kAssociate{3}, kLoginVersion{1};
constexpr std::byte kNoLogin{0}, kUserAndPassword{2};
constexpr std::byte kAddress4{1}, kName{3}, kAddress6{4};

tl::unexpected<Error> no_socks(Bytes received) {
  return fail(ErrorCode::kProtocol,
              "no SOCKS there, or another version of it: it answered '" +
                  printable(as_text(received.first(std::min<std::size_t>(received.size(), 60)))) +
                  "'");
}

void append_port(ByteVector& out, std::uint16_t port) {
  out.push_back(static_cast<std::byte>(port >> 8));
  out.push_back(static_cast<std::byte>(port & 0xff));
}

void append_text(ByteVector& out, std::string_view text) {
  out.push_back(static_cast<std::byte>(text.size()));
  append(out, as_bytes(text));
}

Error meaning5(std::uint8_t reply, bool of_datagrams) {
  if (of_datagrams && reply == 2) return {ErrorCode::kNotPermitted, "its rules forbid it"};
  if (of_datagrams && reply == 7) return {ErrorCode::kProtocol, "it does not know UDP ASSOCIATE"};
  switch (reply) {
    case 1: return {ErrorCode::kHostUnreachable, "a general failure: it does not get there"};
    case 2: return {ErrorCode::kNotPermitted, "its rules forbid this host or port"};
    case 3: return {ErrorCode::kNetworkUnreachable, "its network is unreachable"};
    case 4: return {ErrorCode::kHostUnreachable, "the host is unreachable, or its name unknown"};
    case 5: return {ErrorCode::kRefused, "the service's port is closed"};
    case 6: return {ErrorCode::kTimedOut, "the time to live expired"};
    case 7: return {ErrorCode::kProtocol, "it does not know CONNECT"};
    case 8: return {ErrorCode::kProtocol, "it does not know this type of address"};
    default: return {ErrorCode::kProtocol, "the unknown reply code " + std::to_string(reply)};
  }
}

Error meaning4(std::uint8_t reply) {
  switch (reply) {
    case 91:
      return {ErrorCode::kNotPermitted,
              "request rejected or failed: its rules forbid it, it does not get there, or it does "
              "not know SOCKS4a"};
    case 92:
      return {ErrorCode::kAuthentication, "it asks identd of this machine, and nobody answers"};
    case 93: return {ErrorCode::kAuthentication, "identd of this machine names another user"};
    default: return {ErrorCode::kProtocol, "the unknown reply code " + std::to_string(reply)};
  }
}

}  // namespace

Socks::Socks(ProxyKind kind, const HostPort& target, const std::optional<Login>& login)
    : kind_(kind), target_(target), login_(login) {}

Result<std::unique_ptr<Layer>> Socks::make(ProxyKind kind, const HostPort& target,
                                           const std::optional<IpAddress>& address,
                                           const std::optional<Login>& login) {
  std::unique_ptr<Socks> layer(new Socks(kind, target, login));
  if (kind == ProxyKind::kSocks5) {
    layer->greet5();
    return layer;
  }
  auto known = address;
  if (const auto literal = IpAddress::parse(target.host)) known = *literal;
  const bool usable = known && known->is_v4();
  if (!usable && (kind == ProxyKind::kSocks4 || (known && IpAddress::parse(target.host))))
    return fail(ErrorCode::kBadInput, "SOCKS4 can name only IPv4 addresses, and none is known of " +
                                          target.host + "; use SOCKS4a or SOCKS5");
  // 4a leaves names to the proxy, whatever is known here.
  if (kind == ProxyKind::kSocks4a && !IpAddress::parse(target.host)) known.reset();
  layer->ask4(known);
  return layer;
}

std::unique_ptr<Socks> Socks::associate(const std::optional<Login>& login) {
  std::unique_ptr<Socks> layer(new Socks(ProxyKind::kSocks5, {}, login));
  layer->greet5();
  return layer;
}

void Socks::ask4(const std::optional<IpAddress>& address) {
  ByteVector out{kVersion4, kConnect};
  append_port(out, target_.port);
  const auto value = address ? address->v4_value() : 1;  // 0.0.0.1: a name follows
  for (int shift = 24; shift >= 0; shift -= 8)
    out.push_back(static_cast<std::byte>(value >> shift & 0xff));
  if (login_) append(out, as_bytes(login_->user));
  out.push_back(std::byte{0});
  if (!address) {
    append(out, as_bytes(target_.host));
    out.push_back(std::byte{0});
  }
  say(out);
}

void Socks::greet5() {
  state_ = State::kMethod;
  ByteVector out{kVersion5, std::byte{1}, kNoLogin};
  if (login_) out = {kVersion5, std::byte{2}, kNoLogin, kUserAndPassword};
  say(out);
}

void Socks::ask_to_relay() {
  ByteVector out{kVersion5, kAssociate, std::byte{0}, kAddress4};
  out.insert(out.end(), 6, std::byte{0});
  say(out);
}

void Socks::ask5() {
  state_ = State::kReply5;
  if (target_.host.empty()) return ask_to_relay();
  ByteVector out{kVersion5, kConnect, std::byte{0}};
  if (const auto address = IpAddress::parse(target_.host)) {
    out.push_back(address->is_v4() ? kAddress4 : kAddress6);
    append(out, address->wire());
  } else {
    out.push_back(kName);
    append_text(out, std::string_view(target_.host).substr(0, 255));
  }
  append_port(out, target_.port);
  say(out);
}

Result<std::size_t> Socks::converse(Bytes received) {
  switch (state_) {
    case State::kReply4: return take_reply4(received);
    case State::kMethod: return take_method(received);
    case State::kLogin: return take_login(received);
    case State::kReply5: return take_reply5(received);
  }
  return 0;
}

Result<std::size_t> Socks::take_reply4(Bytes received) {
  constexpr std::size_t kSize = 8;
  if (received[0] != std::byte{0}) return no_socks(received);
  if (received.size() < kSize) return 0;
  const auto reply = std::to_integer<std::uint8_t>(received[1]);
  if (reply != 90) return refused(meaning4(reply));
  finish();
  return kSize;
}

Result<std::size_t> Socks::take_method(Bytes received) {
  if (received[0] != kVersion5) return no_socks(received);
  if (received.size() < 2) return 0;
  if (received[1] == kNoLogin) {
    ask5();
    return 2;
  }
  if (received[1] != kUserAndPassword || !login_)
    return fail(ErrorCode::kAuthentication,
                login_ ? "the SOCKS proxy takes neither no login nor a user and password; it may "
                         "want GSSAPI, which is not supported with SOCKS"
                       : "the SOCKS proxy wants a user and password; write them into its URL in "
                         "the configuration");
  ByteVector out{kLoginVersion};
  append_text(out, std::string_view(login_->user).substr(0, 255));
  append_text(out, std::string_view(login_->password).substr(0, 255));
  say(out);
  sodium_memzero(out.data(), out.size());
  state_ = State::kLogin;
  return 2;
}

Result<std::size_t> Socks::take_login(Bytes received) {
  if (received.size() < 2) return 0;
  if (received[1] != std::byte{0})
    return fail(ErrorCode::kAuthentication, "the SOCKS proxy does not accept the user or password");
  ask5();
  return 2;
}

Result<std::size_t> Socks::take_reply5(Bytes received) {
  if (received[0] != kVersion5) return no_socks(received);
  if (received.size() < 2) return 0;
  const auto reply = std::to_integer<std::uint8_t>(received[1]);
  if (reply != 0) return refused(meaning5(reply, target_.host.empty()));
  if (received.size() < 5) return 0;
  std::size_t address = 4;
  if (received[3] == kAddress6)
    address = 16;
  else if (received[3] == kName)
    address = 1 + std::to_integer<std::size_t>(received[4]);
  else if (received[3] != kAddress4)
    return no_socks(received);
  const auto size = 4 + address + 2;
  if (received.size() < size) return 0;
  if (target_.host.empty()) {
    const auto bound = read_socks_address(received.subspan(3));
    if (!bound || bound->at.port == 0)
      return fail(ErrorCode::kProtocol, "the SOCKS proxy names no address for datagrams");
    bound_ = bound->at;
  }
  finish();
  return size;
}

Result<std::size_t> Socks::refused(const Error& why) const {
  if (target_.host.empty()) return fail(why.code, "the SOCKS proxy relays no UDP: " + why.detail);
  return fail(why.code, "the SOCKS proxy refused " + target_.to_string() + ": " + why.detail);
}

Error Socks::on_end() {
  return {ErrorCode::kReset, state_ == State::kLogin
                                 ? "the SOCKS proxy ended the connection at the user and password"
                                 : "the SOCKS proxy ended the connection without an answer: it may "
                                   "speak another version, or not want to serve this machine"};
}

std::string Socks::describe() const {
  if (target_.host.empty()) return "socks5 for datagrams";
  return std::string(to_string(kind_)) + " to " + target_.to_string();
}

}  // namespace culvert::carrier
