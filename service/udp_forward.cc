#include "service/udp_forward.h"

#include <sys/socket.h>

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

// The first to which there is a route: UDP has no answer to wait for.
void UdpForward::open(const std::vector<IpAddress>& addresses) {
  std::optional<Error> failure, denial;
  for (const auto& address : addresses) {
    const auto permitted = context_.guard.check({address, target_.port}, context_.named_by);
    if (!permitted) {
      if (!denial) denial = permitted.error();
      continue;
    }
    auto socket = open(*permitted);
    if (!socket) {
      failure = socket.error();
      continue;
    }
    log::debug("forward", {{"event", "datagrams"},
                           {"endpoint", endpoint_},
                           {"host", target_.host},
                           {"to", permitted->to_string()}});
    stream_gone_ = true;
    return listener_.on_udp_forward_ready(*this, std::move(*socket));
  }
  if (failure) return refuse(*failure);
  if (denial) return refuse(*denial);
  refuse({ErrorCode::kHostUnreachable, target_.host + " has no address"});
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
