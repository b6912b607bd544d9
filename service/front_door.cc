#include "service/front_door.h"

#include <algorithm>

#include "tunnel/base/log.h"
#include "tunnel/loop/tcp_socket.h"

namespace culvert::service {
namespace {

IpAddress source_of(const IpAddress& address) {
  const auto meant = address.canonical();
  if (meant.is_v4()) return meant;
  auto octets = meant.octets();
  std::fill(octets.begin() + 8, octets.end(), std::uint8_t{0});
  return IpAddress::v6(octets);
}

}  // namespace

FrontDoor::FrontDoor(const Visitor::Context& context, const Limits& limits, Listener& listener)
    : Deferred(context.loop), context_(context), limits_(limits), listener_(listener) {}

FrontDoor::~FrontDoor() = default;

Result<void> FrontDoor::listen(const SocketAddress& at) {
  auto listener = std::make_unique<loop::TcpListener>(
      context_.loop, static_cast<loop::TcpListener::Listener&>(*this));
  CULVERT_RETURN_IF_ERROR(listener->listen(at));
  listeners_.push_back(std::move(listener));
  return {};
}

void FrontDoor::adopt(UniqueFd listening, std::vector<SocketAddress>& wanted) {
  auto listener = std::make_unique<loop::TcpListener>(
      context_.loop, static_cast<loop::TcpListener::Listener&>(*this));
  listener->adopt(std::move(listening));
  const auto& at = listener->address();
  const auto found = std::ranges::find_if(wanted, [&](const SocketAddress& one) {
    return one.ip == at.ip && (one.port == at.port || one.port == 0);
  });
  if (found == wanted.end()) return;
  wanted.erase(found);
  listeners_.push_back(std::move(listener));
}

std::vector<std::uint64_t> FrontDoor::pass_on(restart::Outgoing& out) const {
  std::vector<std::uint64_t> cookies;
  for (const auto& listener : listeners_) cookies.push_back(out.add(listener->fd()));
  return cookies;
}

std::vector<SocketAddress> FrontDoor::addresses() const {
  std::vector<SocketAddress> all;
  for (const auto& listener : listeners_) all.push_back(listener->address());
  return all;
}

void FrontDoor::close() {
  listeners_.clear();
  std::vector<Visitor*> all;
  for (const auto& [visitor, guest] : visitors_) all.push_back(visitor);
  for (auto* visitor : all) visitor->leave("the service is stopping");
}

void FrontDoor::on_accepted(UniqueFd fd, const SocketAddress& peer) {
  const auto source = source_of(peer.ip);
  if (stranger_count_ >= limits_.unauthenticated)
    return log_refused(peer, "limits.unauthenticated");
  auto& count = strangers_[source];
  if (count >= limits_.unauthenticated_per_address)
    return log_refused(peer, "limits.unauthenticated_per_address");
  ++count;
  ++stranger_count_;
  loop::tune_carrier(fd.get());
  auto socket = std::make_unique<loop::TcpSocket>(context_.loop, std::move(fd));
  Guest guest;
  guest.visitor = std::make_unique<Visitor>(context_, std::move(socket), peer,
                                            static_cast<Visitor::Listener&>(*this));
  guest.source = source;
  auto* const key = guest.visitor.get();
  visitors_.emplace(key, std::move(guest));
}

// One line in 10 s, however many knock.
void FrontDoor::log_refused(const SocketAddress& peer, const char* why) {
  ++refusals_;
  const auto now = context_.loop.now();
  if (refusals_since_ != TimePoint{} && now - refusals_since_ < std::chrono::seconds{10}) return;
  refusals_since_ = now;
  log::warning("front-door", {{"event", "refused"},
                              {"count", std::exchange(refusals_, 0)},
                              {"from", peer.ip.to_string()},
                              {"why", why}});
}

void FrontDoor::admit(Visitor& visitor) {
  if (const auto found = visitors_.find(&visitor); found != visitors_.end()) uncount(found->second);
}

void FrontDoor::uncount(Guest& guest) {
  if (!std::exchange(guest.counted, false)) return;
  --stranger_count_;
  const auto count = strangers_.find(guest.source);
  if (--count->second == 0) strangers_.erase(count);
}

void FrontDoor::on_hello(Visitor& visitor, session::ResponderHandshake::Greeting& greeting) {
  visitors_.at(&visitor).said_hello = true;
  listener_.on_hello(visitor, greeting);
}

void FrontDoor::on_answered(Visitor& visitor) { listener_.on_answered(visitor); }

void FrontDoor::on_visitor_gone(Visitor& visitor, const std::string& why) {
  const auto found = visitors_.find(&visitor);
  auto guest = std::move(found->second);
  visitors_.erase(found);
  uncount(guest);
  log::debug("front-door", {{"event", "gone"}, {"from", visitor.from().to_string()}, {"why", why}});
  const bool told = guest.said_hello;
  gone_.push_back(std::move(guest));
  schedule();
  if (told) listener_.on_visitor_gone(visitor);
}

void FrontDoor::run_deferred() { gone_.clear(); }

}  // namespace culvert::service
