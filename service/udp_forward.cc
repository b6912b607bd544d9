#include "service/udp_forward.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "resolver/virtual_name.h"
#include "service/far_end.h"
#include "tunnel/base/log.h"
#include "tunnel/loop/udp_socket.h"

namespace culvert::service {

UdpForward::UdpForward(const Context& context, session::SessionLink& link, mux::StreamId stream,
                       const control::Target& target, std::string_view endpoint, Listener& listener)
    : context_(context),
      link_(link),
      stream_(stream),
      target_(target),
      endpoint_(endpoint),
      listener_(listener) {
  link_.attach(stream_, *this);
}

UdpForward::~UdpForward() {
  if (!stream_gone_) link_.detach(stream_);
}

// As with connections (forward.cc): what is not a strictly written address is a name.
void UdpForward::start() {
  if (const auto literal = IpAddress::parse(target_.host); literal) return open({*literal});
  const auto name = resolver::canonical_name(target_.host);
  if (!name) return refuse({ErrorCode::kNameUnknown, name.error().detail});
  resolving_.emplace(context_.dns, *name, static_cast<resolver::DnsRequest::Listener&>(*this));
}

void UdpForward::on_resolved(resolver::DnsRequest&, Result<std::vector<IpAddress>> addresses) {
  resolving_.reset();
  if (!addresses) return refuse(addresses.error());
  open(*addresses);
}

// The first to which there is a route: UDP has no answer to wait for, and who takes media by TCP is
// one host.
void UdpForward::open(const std::vector<IpAddress>& addresses) {
  std::optional<Error> failure, denial;
  for (const auto& address : addresses) {
    const auto permitted = context_.guard.check({address, target_.port}, context_.named_by);
    if (!permitted) {
      if (!denial) denial = permitted.error();
      continue;
    }
    if (goes_by_tcp(permitted->ip)) {
      dial_.emplace(context_.loop, *permitted, context_.connect_limit,
                    static_cast<loop::TcpDial::Listener&>(*this));
      return;
    }
    auto socket = open(*permitted);
    if (!socket) {
      failure = socket.error();
      continue;
    }
    return hand_over(*permitted, std::move(*socket));
  }
  if (failure) return refuse(*failure);
  if (denial) return refuse(*denial);
  refuse({ErrorCode::kHostUnreachable, target_.host + " has no address"});
}

bool UdpForward::goes_by_tcp(const IpAddress& address) const {
  return context_.by_tcp || std::ranges::any_of(context_.media_by_tcp, [&](const IpPrefix& prefix) {
           return prefix.contains(address);
         });
}

void UdpForward::on_dialled(loop::TcpDial& dial, UniqueFd fd, int error) {
  const auto to = dial.to();
  dial_.reset();
  if (error != 0)
    return refuse(
        {from_errno(error), "cannot connect to " + to.to_string() +
                                ", which takes media by TCP alone: " + std::strerror(error)});
  if (context_.named_by == NamedBy::kEndpoint)
    if (const auto fine = check_far_end(context_.guard, fd); !fine) return refuse(fine.error());
  by_tcp_ = true;
  hand_over(to, std::move(fd));
}

void UdpForward::hand_over(const SocketAddress& to, UniqueFd socket) {
  log::debug("forward", {{"event", "datagrams"},
                         {"endpoint", endpoint_},
                         {"host", target_.host},
                         {"to", to.to_string()},
                         {"by", by_tcp_ ? "tcp" : "udp"}});
  stream_gone_ = true;
  listener_.on_udp_forward_ready(*this, std::move(socket));
}

Result<UniqueFd> UdpForward::open(const SocketAddress& permitted) const {
  auto socket = loop::make_udp_socket(permitted.ip.is_v4() ? AF_INET : AF_INET6);
  sockaddr_storage to{};
  const socklen_t length = permitted.fill(to);
  if (!socket || ::connect(socket.get(), reinterpret_cast<sockaddr*>(&to), length) != 0)
    return fail(from_errno(errno),
                "no UDP socket to " + permitted.to_string() + ": " + std::strerror(errno));
  if (context_.named_by == NamedBy::kEndpoint)
    CULVERT_RETURN_IF_ERROR(check_far_end(context_.guard, socket));
  return socket;
}

void UdpForward::refuse(const Error& why) {
  const bool denied = why.code == ErrorCode::kNotPermitted;
  if (!denied || listener_.may_log())
    log::write(denied ? log::Level::kWarning : log::Level::kDebug, "forward",
               {{"event", denied ? "denied" : "failed"},
                {"endpoint", endpoint_},
                {"host", target_.host},
                {"port", target_.port},
                {"protocol", "udp"},
                {"why", why.detail}});
  stream_gone_ = true;
  link_.refuse(stream_, why.code, why.detail);
  listener_.on_udp_forward_ended(*this);
}

void UdpForward::on_stream_datagrams(std::span<const mux::ArrivedDatagram> datagrams) {
  for (const auto& one : datagrams) {
    if (first_.size() >= kMostFirst || first_octets_ + one.data.size() > kMostFirstOctets) return;
    first_octets_ += one.data.size();
    first_.emplace_back(one.data.begin(), one.data.end());
  }
}

void UdpForward::on_stream_reset(const Error&) {
  stream_gone_ = true;
  listener_.on_udp_forward_ended(*this);
}

}  // namespace culvert::service
