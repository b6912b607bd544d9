#include "service/packet_relay.h"

#include "tunnel/control/target.h"

namespace culvert::service {

std::size_t PacketRelays::members(const std::string& token) const {
  const auto found = places_.find(token);
  return found == places_.end() ? 0 : found->second.size();
}

PacketRelayMember::PacketRelayMember(const Context& context, std::string token,
                                     session::SessionLink& link, mux::StreamId stream,
                                     Listener& listener)
    : context_(context),
      token_(std::move(token)),
      link_(link),
      stream_(stream),
      listener_(listener) {
  context_.relays.places_[token_].push_back(this);
  link_.attach(stream_, *this);
  link_.accept(stream_);
  tell(other());
  tell_other();
}

PacketRelayMember::~PacketRelayMember() {
  if (!stream_gone_) link_.detach(stream_);
  auto* const left = other();
  const auto found = context_.relays.places_.find(token_);
  std::erase(found->second, this);
  if (found->second.empty()) context_.relays.places_.erase(found);
  if (left != nullptr) left->tell(nullptr);
}

PacketRelayMember* PacketRelayMember::other() const {
  const auto found = context_.relays.places_.find(token_);
  for (auto* const one : found->second)
    if (one != this) return one;
  return nullptr;
}

void PacketRelayMember::tell_other() {
  if (auto* const there = other()) there->tell(this);
}

// A stream takes a few octets even where nobody reads it; who reads nothing learns nothing.
void PacketRelayMember::tell(const PacketRelayMember* other) {
  using control::RelayedBy;
  const auto news =
      static_cast<std::byte>(other == nullptr                       ? RelayedBy::kNobody
                             : other->listener_.is_reached_by_udp() ? RelayedBy::kUdp
                                                                    : RelayedBy::kSession);
  if (news == told_ || stream_gone_) return;
  told_ = news;
  (void)link_.streams().write(stream_, Bytes{&news, 1});
  link_.schedule();
}

void PacketRelayMember::on_stream_readable() {
  stream_gone_ = true;
  link_.refuse(stream_, ErrorCode::kProtocol, "a relay takes packets alone");
  listener_.on_packet_relay_left(*this);
}

void PacketRelayMember::on_stream_datagrams(std::span<const mux::ArrivedDatagram> datagrams) {
  auto* const there = other();
  if (there == nullptr) return;
  const auto now = context_.loop.now();
  for (const auto& one : datagrams)
    if (context_.budget.spend(one.data.size(), now))
      there->link_.send_datagram(there->stream_, one.data);
  there->link_.schedule();
}

void PacketRelayMember::on_stream_reset(const Error&) {
  stream_gone_ = true;
  listener_.on_packet_relay_left(*this);
}

}  // namespace culvert::service
