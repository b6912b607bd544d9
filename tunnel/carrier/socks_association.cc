#include "tunnel/carrier/socks_association.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "tunnel/carrier/socks.h"
#include "tunnel/carrier/socks_datagram.h"
#include "tunnel/carrier/stack.h"
#include "tunnel/loop/tcp_socket.h"

namespace culvert::carrier {

SocksAssociation::SocksAssociation(loop::Loop& loop, const Proxy& proxy, const SocketAddress& at,
                                   Duration limit, Listener& listener)
    : loop_(loop), proxy_(proxy), at_(at), limit_(limit), listener_(listener), timer_(loop, *this) {
  // A proxy that nobody here vouches for is told nothing.
  if (!proxy_.trusted) proxy_.forget_credentials();
  dial_.emplace(loop, at, limit, static_cast<loop::TcpDial::Listener&>(*this));
}

SocksAssociation::~SocksAssociation() {
  if (control_ != nullptr) control_->set_listener(nullptr);
}

void SocksAssociation::on_dialled(loop::TcpDial&, UniqueFd fd, int error) {
  if (error != 0) return ended({from_errno(error), std::strerror(error)});
  loop::tune_carrier(fd.get());
  std::optional<Socks::Login> login;
  if (const auto& known = proxy_.credentials) login = {known->login(), known->password};
  auto stack = std::make_unique<Stack>(
      loop_, std::make_unique<loop::TcpSocket>(loop_, std::move(fd)), Socks::associate(login));
  opening_ = stack.get();
  control_ = std::move(stack);
  timer_.start(limit_);
  control_->set_listener(this);
  control_->set_interest(/*readable=*/false, /*writable=*/true);
}

// The conversation is over.
void SocksAssociation::on_writable() {
  timer_.stop();
  control_->set_listener(nullptr);
  control_->set_interest(false, false);
  const auto relay = static_cast<const Socks&>(opening_->layer()).bound();
  // The call comes from inside the stack that is given up here: nothing of it is touched any more.
  control_ = std::exchange(opening_, nullptr)->take_under();
  if (const auto opened = open_socket(relay); !opened) return ended(opened.error());
  control_->set_listener(this);
  control_->set_interest(/*readable=*/true, /*writable=*/false);
  listener_.on_associated();
}

Result<void> SocksAssociation::open_socket(SocketAddress relay) {
  if (relay.ip.is_unspecified()) relay.ip = at_.ip;
  const auto strange = [&](const std::string& what) {
    return fail(ErrorCode::kProtocol, "the SOCKS proxy wants datagrams at " + relay.to_string() +
                                          ", " + what + ": it is taken for a mistake");
  };
  if (relay.ip.is_multicast()) return strange("which is no machine's address");
  if (relay.ip.is_loopback() && !at_.ip.is_loopback()) return strange("which is this machine");
  auto fd = loop::make_udp_socket(relay.ip.is_v4() ? AF_INET : AF_INET6);
  const int probe = IP_PMTUDISC_PROBE;  // the header makes no datagram be cut on the way
  if (fd && relay.ip.is_v4())
    ::setsockopt(fd.get(), IPPROTO_IP, IP_MTU_DISCOVER, &probe, sizeof probe);
  sockaddr_storage address{};
  const auto length = relay.fill(address);
  if (!fd || ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0)
    return fail(from_errno(errno),
                "no datagrams to " + relay.to_string() + ": " + std::strerror(errno));
  socket_.emplace(loop_, std::move(fd), static_cast<loop::UdpSocket::Listener&>(*this));
  return {};
}

void SocksAssociation::send(const SocketAddress& to, const std::vector<Bytes>& datagrams) {
  if (!socket_) return;
  scratch_.clear();
  for (const auto one : datagrams) {
    append_socks_header(scratch_, to);
    append(scratch_, one);
  }
  loop::UdpWriter writer(socket_->fd(), nullptr);
  const auto header = socks_header_size(to);
  Bytes rest = scratch_;
  for (const auto one : datagrams) {
    writer.add(rest.first(header + one.size()));
    rest = rest.subspan(header + one.size());
  }
}

void SocksAssociation::on_received(loop::UdpSocket&, const SocketAddress&, Bytes data,
                                   std::size_t segment) {
  loop::for_each_datagram(data, segment, [&](Bytes one) {
    if (const auto datagram = read_socks_datagram(one))
      listener_.on_relayed(datagram->peer, datagram->data);
  });
}

void SocksAssociation::on_receive_failed(loop::UdpSocket&, int error) {
  if (error == ECONNREFUSED)
    ended({ErrorCode::kRefused, "the SOCKS proxy has closed its port for datagrams"});
}

// Nothing is said there any more; the end is what is waited for.
void SocksAssociation::on_readable() {
  std::array<std::byte, 512> nothing;
  const auto got = control_->read(nothing);
  if (got.state == loop::IoResult::State::kEnd || got.state == loop::IoResult::State::kFailed)
    ended({ErrorCode::kReset, "the SOCKS proxy has ended the association"});
}

void SocksAssociation::on_broken(int error) {
  const auto* known = control_->failure();
  ended(known != nullptr ? *known : Error{from_errno(error), std::strerror(error)});
}

void SocksAssociation::on_timer(loop::Timer&) {
  listener_.on_association_ended(
      failure_ ? Error{*failure_}
               : Error{ErrorCode::kTimedOut, "the SOCKS proxy does not answer about datagrams"});
}

// The call comes from inside of what the owner is about to destroy.
void SocksAssociation::ended(const Error& why) {
  if (failure_) return;
  failure_ = why;
  if (control_ != nullptr) control_->set_listener(nullptr);
  timer_.start(Duration::zero());
}

}  // namespace culvert::carrier
