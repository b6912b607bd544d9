#include "service/client_link.h"

#include <algorithm>

#include "resolver/virtual_name.h"
#include "tunnel/base/log.h"
#include "tunnel/base/overloaded.h"

namespace culvert::service {

ClientLink::ClientLink(const Context& context, Id id, const Principal& principal,
                       const control::SessionName& session, Directory::Place place,
                       session::FreshCarrier carrier, Listener& listener)
    : context_(context),
      id_(id),
      name_(principal.name),
      key_(principal.key),
      place_(std::move(place)),
      self_(*this, context.mailbox),
      listener_(listener),
      session_(session),
      seen_(carrier.seen),
      link_(context.loop, std::move(carrier), context.config.limits.resume, *this),
      datagram_budget_(budget(context.config)),
      datagrams_(context.loop, &datagram_budget_),
      media_budget_(budget(context.config)) {
  context_.directory.set_link(place_, self_);
  tell_discovery_servers();
}

void ClientLink::tell_discovery_servers() {
  auto servers = context_.config.discovery.servers();
  if (!servers.empty()) send(control::DiscoveryServers{std::move(servers)});
}

ClientLink::~ClientLink() {
  context_.directory.leave(place_);
  self_.forget();
}

void ClientLink::resume(session::FreshCarrier carrier) {
  if (!seen_ || !carrier.seen || seen_->ip != carrier.seen->ip)
    inbound_ = control::Inbound::kUnknown;
  seen_ = carrier.seen;
  link_.attach(std::move(carrier));
  context_.directory.set_away_since(place_, std::nullopt);
  tell_discovery_servers();  // perhaps to another process of the endpoint
}

void ClientLink::close(const std::string& reason) {
  closing_ = true;
  ports_.clear();
  udp_ports_.clear();
  link_.close(reason);
}

void ClientLink::on_carrier_lost(session::SessionLink&, const Error& why) {
  log::info("endpoint", {{"event", "away"}, {"name", name_}, {"why", why.detail}});
  context_.directory.set_away_since(place_, context_.loop.now());
}

void ClientLink::on_session_down(session::SessionLink&, const Error& why) {
  listener_.on_client_down(*this, why);
}

void ClientLink::on_stream_opened(session::SessionLink& link, mux::StreamId stream,
                                  const control::Target& target) {
  std::optional<Error> why;
  if (target.kind == control::Target::Kind::kHostedUdp)
    why = Error{ErrorCode::kProtocol, "only the service calls on behalf of others"};
  else if (target.kind == control::Target::Kind::kRelay)
    why = meet(stream, target);
  else if (const auto* conference = find_conference(context_.config.conferences, target.host))
    why = join(stream, target, *conference);
  else if (const auto* gateway =
               find_gateway(context_.config.gateways, target.host, context_.config.domain))
    why = call(stream, target, *gateway);
  else if (!(why = refusal(target, NamedBy::kEndpoint)))
    forward(stream, target, NamedBy::kEndpoint);
  if (why) link.refuse(stream, why->code, why->detail);
}

std::optional<Error> ClientLink::refusal(const control::Target& target, NamedBy named_by) const {
  if (closing_) return Error{ErrorCode::kReset, "the session is ending"};
  if (target.host.empty())
    return Error{ErrorCode::kProtocol,
                 "the service has no ports of its own; it forwards to ordinary hosts only"};
  if (named_by == NamedBy::kEndpoint && !context_.config.forwarding.enabled)
    return Error{ErrorCode::kNotPermitted,
                 "forwarding is switched off at this service (forwarding.enabled)"};
  return room_for(target);
}

std::optional<Error> ClientLink::room_for(const control::Target& target) const {
  const auto& limits = context_.config.limits;
  constexpr std::size_t kNotCounted = 2;  // the control stream and this one
  const auto udp_flows = udp_forwards_.size() + datagrams_.size() + media_flows_.size() +
                         memberships_.size() + relays_.size();
  if (!target.is_udp() && link_.session().streams().stream_count() - kNotCounted >=
                              limits.streams_per_session + udp_flows)
    return Error{ErrorCode::kExhausted,
                 "this endpoint has too many forwarded connections open "
                 "(limits.streams_per_session)"};
  if (target.is_udp() && udp_flows >= limits.udp_flows_per_session)
    return Error{ErrorCode::kExhausted,
                 "this endpoint has too many forwarded UDP flows open "
                 "(limits.udp_flows_per_session)"};
  return std::nullopt;
}

void ClientLink::forward(mux::StreamId stream, const control::Target& target, NamedBy named_by,
                         bool media_by_tcp) {
  if (target.is_udp()) {
    auto udp = std::make_unique<UdpForward>(
        UdpForward::Context{context_.loop, context_.dns, context_.guard, named_by, media_by_tcp,
                            context_.config.forwarding.media_by_tcp,
                            context_.config.limits.connect},
        link_, stream, target, name_, static_cast<UdpForward::Listener&>(*this));
    auto& started = *udp;
    udp_forwards_.emplace(&started, std::move(udp));
    return started.start();
  }
  auto tcp = std::make_unique<Forward>(Forward::Context{context_.loop, context_.dns, context_.guard,
                                                        named_by, context_.config.limits.connect},
                                       link_, stream, target, name_,
                                       static_cast<Forward::Listener&>(*this));
  auto& started = *tcp;
  forwards_.emplace(&started, std::move(tcp));
  started.start();
}

flow::DatagramBudget ClientLink::budget(const Config& config) {
  return {static_cast<double>(config.limits.datagrams_per_second),
          1000 * static_cast<double>(config.limits.datagram_kilobytes_per_second)};
}

void ClientLink::on_udp_forward_ready(UdpForward& forward, UniqueFd destination) {
  if (forward.by_tcp()) {
    auto media = std::make_unique<flow::MediaFlow>(
        context_.loop, link_, forward.stream(), std::move(destination),
        flow::MediaFlow::Budgets{&datagram_budget_, nullptr},
        static_cast<flow::MediaFlow::Listener&>(*this));
    auto& flow = *media;
    media_flows_.emplace(&flow, Media{std::move(media), std::nullopt});
    flow.begin(forward.first());
  } else {
    datagrams_.add(link_, forward.stream(), std::move(destination), forward.first());
  }
  if (link_.streams().knows(forward.stream())) link_.accept(forward.stream());
  udp_forwards_.erase(&forward);
}

void ClientLink::on_forward_connected(Forward& forward, UniqueFd destination) {
  flows_.add(context_.loop, link_, forward.stream(), std::move(destination));
  link_.accept(forward.stream());
  forwards_.erase(&forward);
}

void ClientLink::on_control(session::SessionLink&, const control::Message& message) {
  if (closing_) return;
  std::visit(
      overloaded{
          [this](const control::Publish& publish) { handle(publish); },
          [this](const control::PublishUdp& publish) { handle(publish); },
          [this](const control::Lookup& lookup) { handle(lookup); },
          [this](const control::Expect& expect) {
            context_.directory.set_expected(place_, expect.callers);
          },
          [](const control::Found&) {},  // these two are for endpoints to hear
          [](const control::Incoming&) {},
          [this](const control::TryInbound& wish) { handle(wish); },
          [](const control::InboundTried&) {}, [](const control::DiscoveryServers&) {},
          [](const control::Offer&) {},  // between endpoints
          [this](const control::PathOffer& offer) { handle(offer); },
          [this](const control::PathSeen& seen) { handle(seen); }, [](const control::PathRelay&) {},
          [this](const control::ProveAddress& shown) { handle(shown); },
          [](const control::AddressStated&) {}, [](const control::Certificate&) {},
          [](const control::Goodbye&) {},  // the link has dealt with it
      },
      message);
}

void ClientLink::handle(const control::Publish& publish) {
  const bool before = is_published();
  ports_ = publish.ports;
  tell_published(before);
}

void ClientLink::handle(const control::PublishUdp& publish) {
  const bool before = is_published();
  udp_ports_ = publish.ports;
  tell_published(before);
}

bool ClientLink::may_log() {
  if (!lines_.take(context_.loop.now())) return false;
  if (const auto left_out = lines_.left_out())
    log::warning("endpoint", {{"event", "lines-left-out"}, {"name", name_}, {"lines", left_out}});
  return true;
}

void ClientLink::tell_published(bool before) {
  if (before == is_published()) return;
  context_.directory.set_published(place_, is_published());
  if (!may_log()) return;
  log::info("endpoint", {{"event", before ? "unpublished" : "published"},
                         {"name", name_},
                         {"ports", ports_.size()},
                         {"udp-ports", udp_ports_.size()}});
}

void ClientLink::handle(const control::PathOffer& offer) {
  if (context_.path_packets.places().empty()) return;
  if (path_ == nullptr)
    path_ = std::make_unique<ClientPath>(context_.loop, context_.mailbox, context_.path_packets,
                                         link_, static_cast<ClientPath::Listener&>(*this));
  path_->take(offer, seen_,
              context_.prover.stated(offer.statements, key_, loop::Loop::wall_clock()));
}

void ClientLink::handle(const control::ProveAddress& shown) {
  const auto now = context_.loop.now();
  if (now - statements_since_ >= Duration{kStatementsIn}) {
    statements_since_ = now;
    statements_ = 0;
  }
  if (statements_++ >= kMostStatements) return;
  auto statement = context_.prover.state(shown, key_, now, loop::Loop::wall_clock());
  if (!statement)
    return log::info(
        "endpoint",
        {{"event", "address-not-stated"}, {"name", name_}, {"why", statement.error().detail}});
  send(control::AddressStated{std::move(*statement)});
}

void ClientLink::on_client_path_changed() {
  for (const auto& [key, member] : relays_) member->tell_other();
}

void ClientLink::handle(const control::PathSeen& seen) {
  if (path_ != nullptr) path_->take(seen);
}

// Only where its own session comes from, or where it has shown that it receives, so nobody can have
// others connected to; never this machine, whose firewall would let its own connections pass.
void ClientLink::handle(const control::TryInbound& wish) {
  const auto now = context_.loop.now();
  auto to = seen_ ? std::optional{seen_->ip} : std::nullopt;
  if (!wish.statement.empty()) {
    const auto stated = context_.prover.stated({wish.statement}, key_, loop::Loop::wall_clock());
    to = stated.empty() ? std::nullopt : std::optional{stated.front()};
  }
  if (!to || wish.port == 0) return refuse_trial(wish, "there is no address to try");
  if (context_.guard.is_own(to->canonical()))
    return refuse_trial(wish, "the endpoint is on the service's own machine");
  if (trial_ || now < next_trial_at_) return refuse_trial(wish, "one trial after the other");
  next_trial_at_ = now + InboundTrial::kLeastPause;
  trial_ = std::make_unique<InboundTrial>(context_.loop, SocketAddress{*to, wish.port}, wish.secret,
                                          static_cast<InboundTrial::Listener&>(*this));
}

void ClientLink::refuse_trial(const control::TryInbound& wish, const std::string& why) {
  send(control::InboundTried{wish.port, ErrorCode::kTryAgain, why});
}

void ClientLink::on_inbound_tried(const control::InboundTried& outcome) {
  const bool open = outcome.error == ErrorCode::kNone;
  if (seen_ && outcome.at == seen_->ip.canonical())
    inbound_ = open ? control::Inbound::kOpen : control::Inbound::kClosed;
  log::info("endpoint", {{"event", "inbound-tried"},
                         {"name", name_},
                         {"open", open ? "yes" : "no"},
                         {"why", outcome.detail}});
  send(outcome);
  trial_.reset();  // last: it is the caller
}

void ClientLink::handle(const control::Lookup& lookup) {
  if (lookup.kind == control::Lookup::Kind::kOrdinary) return look_up_ordinary(lookup);
  const auto name = resolver::canonical_name(lookup.name);
  if (!name) return answer(lookup, ErrorCode::kNameUnknown, name.error().detail);
  look_up_endpoint(lookup, *name, /*again=*/false);
}

// The same answer whether a name is not enrolled, not online or silent: who is enrolled is not for
// everybody to find out.
void ClientLink::look_up_endpoint(const control::Lookup& lookup, const std::string& name,
                                  bool again) {
  if (may_use_hosted(name)) return answer(lookup, ErrorCode::kNone, "");
  const auto there = context_.directory.reachable(name, {}, context_.loop.now());
  if (!there && !again)
    return context_.directory.ask_again(name, self_, [lookup, name](ClientLink& link) {
      link.look_up_endpoint(lookup, name, /*again=*/true);
    });
  if (!there)
    return answer(lookup, ErrorCode::kNameUnknown,
                  "no endpoint " + name + " is online with a published port");
  control::Found found;
  found.query = lookup.query;
  found.certificate = there->certificate;
  send(found);
}

void ClientLink::look_up_ordinary(const control::Lookup& lookup) {
  if (!context_.config.forwarding.enabled)
    return answer(lookup, ErrorCode::kNotPermitted,
                  "forwarding is switched off at this service (forwarding.enabled)");
  if (const auto literal = IpAddress::parse(lookup.name); literal) {
    const auto permitted = any_permitted(context_.guard, {*literal});
    return answer(lookup, permitted ? ErrorCode::kNone : permitted.error().code,
                  permitted ? "" : permitted.error().detail);
  }
  const auto name = resolver::canonical_name(lookup.name);
  if (!name) return answer(lookup, ErrorCode::kNameUnknown, name.error().detail);
  if (lookups_.size() >= context_.config.limits.lookups_per_session)
    return answer(lookup, ErrorCode::kExhausted,
                  "too many names are being looked up (limits.lookups_per_session)");
  auto question =
      std::make_unique<OrdinaryLookup>(context_.dns, context_.guard, lookup.query, *name,
                                       static_cast<OrdinaryLookup::Listener&>(*this));
  auto* const key = question.get();
  lookups_.emplace(key, std::move(question));
}

void ClientLink::on_lookup_done(OrdinaryLookup& lookup, const control::Found& found) {
  if (found.error == ErrorCode::kNotPermitted && may_log())
    log::warning("forward", {{"event", "denied"},
                             {"error", to_string(found.error)},
                             {"endpoint", name_},
                             {"host", lookup.name()},
                             {"why", found.detail}});
  send(found);
  lookups_.erase(&lookup);
}

void ClientLink::answer(const control::Lookup& lookup, ErrorCode error, const std::string& detail) {
  control::Found found;
  found.query = lookup.query;
  found.error = error;
  found.detail = detail;
  send(found);
}

}  // namespace culvert::service
