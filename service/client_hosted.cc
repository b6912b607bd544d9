// What an endpoint does with names behind which there is no machine: conferences and gateways; and
// with places where two endpoints meet.
#include <algorithm>

#include "service/client_link.h"
#include "tunnel/base/log.h"

namespace culvert::service {

bool ClientLink::may_use_hosted(std::string_view name) const {
  const auto& config = context_.config;
  if (const auto* conference = find_conference(config.conferences, name))
    return service::admits(conference->members, name_);
  const auto* gateway = find_gateway(config.gateways, name, config.domain);
  return gateway != nullptr && service::admits(gateway->callers, name_);
}

std::optional<Error> ClientLink::join(mux::StreamId stream, const control::Target& target,
                                      const ConferenceConfig& conference) {
  if (!service::admits(conference.members, name_))
    return Error{ErrorCode::kNotPermitted,
                 name_ + " is no member of the conference " + conference.name};
  if (!target.is_udp())
    return Error{ErrorCode::kRefused, conference.name + " is a conference: it has UDP ports alone"};
  if (auto why = refusal(target, NamedBy::kAdministrator)) return why;
  auto member = ConferenceMember::join(
      {context_.loop, context_.mailbox, context_.conferences, datagram_budget_},
      {conference.name, target.port}, conference.most_members, link_, stream,
      static_cast<ConferenceMember::Listener&>(*this));
  if (member == nullptr)
    return Error{ErrorCode::kExhausted,
                 "the conference " + conference.name + " is full (conference.most_members)"};
  if (may_log())
    log::info("conference", {{"event", "joined"},
                             {"name", conference.name},
                             {"port", target.port},
                             {"endpoint", name_}});
  auto* const key = member.get();
  memberships_.emplace(key, std::move(member));
  return std::nullopt;
}

void ClientLink::on_conference_left(ConferenceMember& member) {
  if (may_log())
    log::info("conference", {{"event", "left"},
                             {"name", member.place().first},
                             {"port", member.place().second},
                             {"endpoint", name_}});
  memberships_.erase(&member);
}

std::optional<Error> ClientLink::meet(mux::StreamId stream, const control::Target& target) {
  if (closing_) return Error{ErrorCode::kReset, "the session is ending"};
  if (auto why = room_for(target)) return why;
  auto member = PacketRelayMember::meet(
      {context_.loop, context_.mailbox, context_.packet_relays, datagram_budget_}, target.host,
      link_, stream, static_cast<PacketRelayMember::Listener&>(*this));
  if (member == nullptr) return Error{ErrorCode::kExhausted, "two are there already"};
  auto* const key = member.get();
  relays_.emplace(key, std::move(member));
  return std::nullopt;
}

std::optional<Error> ClientLink::call(mux::StreamId stream, const control::Target& target,
                                      const GatewayConfig& gateway) {
  if (!service::admits(gateway.callers, name_))
    return Error{ErrorCode::kNotPermitted,
                 name_ + " may not call " + gateway.numbers.to_string() + " (gateway.callers)"};
  if (auto why = refusal(target, NamedBy::kAdministrator)) return why;
  if (may_log())
    log::info("gateway", {{"event", "called"},
                          {"number", target.host},
                          {"to", gateway.to.host},
                          {"endpoint", name_}});
  auto there = target;
  there.host = gateway.to.host;
  if (gateway.to.port != 0) there.port = gateway.to.port;
  forward(stream, there, NamedBy::kAdministrator, gateway.media_by_tcp);
  return std::nullopt;
}

void ClientLink::take_media_caller(MediaCaller caller) {
  const control::Target target{control::Target::Kind::kHostedUdp, caller.name, caller.port, 0,
                               caller.from.port};
  if (closing_) return log_media("refused", caller, "the session is ending");
  if (const auto why = room_for(target)) return log_media("refused", caller, why->detail);
  auto opened = flow::MediaFlow::call(context_.loop, link_, target, std::move(caller.connected),
                                      {&datagram_budget_, &media_budget_},
                                      static_cast<flow::MediaFlow::Listener&>(*this));
  if (!opened) return log_media("refused", caller, opened.error().detail);
  log_media("called", caller, "its address is listed");
  auto* const key = opened->get();
  media_flows_.emplace(key, Media{std::move(*opened), std::move(caller)});
}

void ClientLink::on_media_flow_ended(flow::MediaFlow& flow, const Error& why) {
  const auto ended = std::move(media_flows_.extract(&flow).mapped());
  if (ended.caller) log_media("ended", *ended.caller, why.detail);
}

void ClientLink::log_media(const char* event, const MediaCaller& caller, const std::string& why) {
  if (!may_log()) return;
  log::info("media", {{"event", event},
                      {"name", caller.name},
                      {"from", caller.from.to_string()},
                      {"endpoint", name_},
                      {"port", caller.port},
                      {"why", why}});
}

// After a restart: to an address that the configuration (still) names.
bool ClientLink::is_gateway(const SocketAddress& destination) const {
  return std::ranges::any_of(context_.config.gateways, [&](const GatewayConfig& gateway) {
    return gateway.to.host == destination.ip.canonical().to_string() &&
           (gateway.to.port == 0 || gateway.to.port == destination.port) &&
           service::admits(gateway.callers, name_);
  });
}

}  // namespace culvert::service
