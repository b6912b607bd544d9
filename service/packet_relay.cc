#include "service/packet_relay.h"

namespace culvert::service {

using control::RelayedBy;

bool PacketRelays::enter(const std::string& token, const Door& member) {
  const std::lock_guard lock(mutex_);
  auto& there = places_[token];
  if (there.size() >= kMembers) return false;
  there.push_back(member);
  return true;
}

void PacketRelays::leave(const std::string& token, const Door& member) {
  const std::lock_guard lock(mutex_);
  const auto found = places_.find(token);
  std::erase(found->second, member);
  if (!found->second.empty())
    found->second.front().remote().post(
        [](PacketRelayMember& left) { left.tell(RelayedBy::kNobody); });
  else
    places_.erase(found);
}

const PacketRelays::Door* PacketRelays::find_other(const std::string& token,
                                                   const Door& member) const {
  const auto found = places_.find(token);
  if (found == places_.end()) return nullptr;
  for (const auto& one : found->second)
    if (one != member) return &one;
  return nullptr;
}

std::optional<PacketRelays::Door> PacketRelays::other(const std::string& token,
                                                      const Door& member) const {
  const std::lock_guard lock(mutex_);
  const auto* const there = find_other(token, member);
  return there == nullptr ? std::nullopt : std::optional(*there);
}

PacketRelayMember::PacketRelayMember(const Context& context, std::string token,
                                     session::SessionLink& link, mux::StreamId stream,
                                     Listener& listener)
    : context_(context),
      token_(std::move(token)),
      link_(link),
      stream_(stream),
      listener_(listener),
      door_(*this, context.mailbox) {}

std::unique_ptr<PacketRelayMember> PacketRelayMember::meet(const Context& context,
                                                           std::string token,
                                                           session::SessionLink& link,
                                                           mux::StreamId stream,
                                                           Listener& listener) {
  std::unique_ptr<PacketRelayMember> member(
      new PacketRelayMember(context, std::move(token), link, stream, listener));
  member->entered_ = context.relays.enter(member->token_, member->door_);
  if (!member->entered_) return nullptr;
  link.attach(stream, *member);
  link.accept(stream);
  // Both learn of each other: the one who was there answers.
  context.relays.post_to_other(member->token_, member->door_,
                               [came = member->reached_by()](PacketRelayMember& other) {
                                 other.tell(came);
                                 other.tell_other();
                               });
  return member;
}

PacketRelayMember::~PacketRelayMember() {
  door_.remote().forget();
  if (!entered_) return;
  if (!stream_gone_) link_.detach(stream_);
  context_.relays.leave(token_, door_);
}

RelayedBy PacketRelayMember::reached_by() const {
  return listener_.is_reached_by_udp() ? RelayedBy::kUdp : RelayedBy::kSession;
}

void PacketRelayMember::tell_other() {
  context_.relays.post_to_other(token_, door_,
                                [by = reached_by()](PacketRelayMember& other) { other.tell(by); });
}

// A stream takes a few octets even where nobody reads it; who reads nothing learns nothing.
void PacketRelayMember::tell(RelayedBy other) {
  const auto news = static_cast<std::byte>(other);
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
  const auto there = context_.relays.other(token_, door_);
  if (!there) return;
  const auto now = context_.loop.now();
  Parcel parcel;
  for (const auto& one : datagrams)
    if (context_.budget.spend(one.data.size(), now)) parcel.add(one.data);
  there->deliver(context_.mailbox, std::move(parcel),
                 [](PacketRelayMember& other, const Parcel& packets) { other.send(packets); });
}

void PacketRelayMember::send(const Parcel& packets) {
  if (stream_gone_) return;
  packets.for_each([this](Bytes one) { link_.send_datagram(stream_, one); });
  link_.schedule();
}

void PacketRelayMember::on_stream_reset(const Error&) {
  stream_gone_ = true;
  listener_.on_packet_relay_left(*this);
}

}  // namespace culvert::service
