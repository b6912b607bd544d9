#include "agent/udp_mapping.h"

namespace culvert::agent {
namespace {

constexpr std::size_t kRequestSize = 100;  // the answer is not longer: always answered

}  // namespace

UdpMapping::UdpMapping(const OwnEndpoint& self, UdpPlace& udp, Listener& listener)
    : self_(self), udp_(udp), listener_(listener), timer_(self.loop, *this) {
  udp_.add_ear(*this);
}

UdpMapping::~UdpMapping() { udp_.remove_ear(*this); }

void UdpMapping::set(std::uint16_t port) {
  if (port == port_) return;
  conclude(control::Inbound::kUnknown);
  port_ = port;
  try_again();
}

void UdpMapping::try_again() {
  timer_.stop();
  socket_.reset();
  if (port_ == 0 || !udp_.has_servers_of_four()) return conclude(control::Inbound::kUnknown);
  socket_ = udp_.make_socket();
  std::array<std::byte, 12> bytes;
  self_.random.fill(bytes);
  id_ = stun::make_transaction_id(bytes);
  tries_ = 0;
  timer_.start(Duration::zero());
}

void UdpMapping::on_timer(loop::Timer&) {
  if (socket_ == nullptr || tries_ == kTries) return conclude(control::Inbound::kClosed);
  stun::Request request;
  request.id = id_;
  request.response_port = port_;
  const auto message = stun::encode(request, kRequestSize);
  send_packets(socket_->fd(), udp_.least_asked_server(), {message});
  timer_.start(Duration{kPause} * (1 << tries_++));
}

bool UdpMapping::on_stun(const loop::UdpSocket& socket, const SocketAddress&, Bytes message) {
  // Only the shared socket is what a gateway maps to.
  if (socket_ == nullptr || &socket != udp_.shared()) return false;
  const auto response = stun::decode_response(message);
  if (!response || response->id != id_ || response->error != 0) return false;
  conclude(control::Inbound::kOpen);
  return true;
}

void UdpMapping::conclude(control::Inbound tried) {
  timer_.stop();
  socket_.reset();
  if (std::exchange(tried_, tried) != tried) listener_.on_udp_mapping_tried();
}

}  // namespace culvert::agent
