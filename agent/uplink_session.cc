// The session and its carriers; uplink.cc finds the ways.
#include "agent/uplink.h"
#include "tunnel/base/log.h"

namespace culvert::agent {
namespace {

// A carrier that lived shorter is a sign of a barrier that cuts at once: no hurry then.
constexpr std::chrono::milliseconds kShortLife{200};
// One that the service ends sooner is no reason for hurry either: two machines with one identity
// take the session away from each other for ever.
constexpr std::chrono::minutes kLongSession{1};
constexpr std::chrono::milliseconds kBetterPatience{1000};
// One that is lost so soon, though it began well, loses what is long. (25 s, measured: where what
// goes out was late by seconds for the same reason, so much patience is had with what comes in.)
constexpr std::chrono::seconds kLosesAtOnce{30};

// Nobody on our side of it can do anything else about them.
bool may_lose_long_packets(const carrier::Way& way) {
  return way.proxy || !way.first_hop.ip.is_v4();
}

}  // namespace

// What is published and asked rides in the first message: a cold agent knows a name after one round
// trip of the session.
CarrierAttempt::Greeting Uplink::greeting_of(CarrierAttempt&) {
  if (link_ == nullptr) make_link();
  // A better way for a session that runs: nothing is taken from the carrier that works.
  if (link_->attached()) return {link_->session_hello(), {}};
  if (!link_->up()) send_unsent();
  return {link_->session_hello(), link_->make_flight()};
}

session::SessionLink::Initiator Uplink::initiator() const {
  return {self_.identity.key, self_.identity.service_key, self_.hello(control::Purpose::kSession),
          kDialLimit, options_.grace};
}

session::SessionLink& Uplink::go_on(const PeerSnapshot& from, std::uint32_t next_query) {
  lookups_.number_from(next_query);
  was_up_ = true;
  link_ = std::make_unique<session::SessionLink>(
      self_.loop, from.link, initiator(), static_cast<session::SessionLink::Listener&>(*this));
  listener_.on_uplink_session(link_.get());
  return *link_;
}

std::optional<PeerSnapshot> Uplink::take_snapshot() {
  if (link_ == nullptr || !link_->up()) return std::nullopt;
  return PeerSnapshot{{}, self_.identity.service_key, link_->take_snapshot(), {}};
}

void Uplink::show_certificate() {
  if (link_ != nullptr) link_->show_certificate(self_.identity.certificate);
}

void Uplink::make_link() {
  link_ = std::make_unique<session::SessionLink>(
      self_.loop, initiator(), static_cast<session::SessionLink::Listener&>(*this));
  listener_.on_uplink_session(link_.get());
  link_->send(control::Publish{published_});
  if (!published_udp_.empty()) link_->send(control::PublishUdp{published_udp_});
  if (!expected_.empty()) link_->send(control::Expect{expected_});
}

void Uplink::on_attempt_up(CarrierAttempt& attempt, session::FreshCarrier carrier) {
  if (attempt.number() >= kBetter) return move_to(attempt, std::move(carrier));
  picker_->won(attempt.number());
  was_up_ = true;
  go_by(attempt.way(), std::move(carrier), picker_->why());
}

void Uplink::on_attempt_failed(CarrierAttempt& attempt, const Error& why, bool refused) {
  const auto number = attempt.number();
  const auto error = why;  // the attempt owns it
  const auto detail = error.detail.empty() ? std::string(to_string(error.code)) : error.detail;
  const auto is_it = [&](const auto& other) { return other.get() == &attempt; };
  if (number >= kBetter) {
    std::erase_if(better_attempts_, is_it);
    if (stopping_ || !up()) return;
    if (!better_waiting_.empty()) return start_better();
    if (better_attempts_.empty()) better_timer_.start(better_pause_);
    return;
  }
  std::erase_if(attempts_, is_it);
  if (stopping_) return;
  if (refused && link_ != nullptr && error.code == ErrorCode::kClosed) {
    attempts_.clear();
    timer_.stop();
    return link_->abandon(error);
  }
  // Its hello has data in it, and nobody answered.
  if (error.code == ErrorCode::kTimedOut && link_ != nullptr && link_->up() &&
      may_lose_long_packets(picker_->way(number)))
    small_once_ = true;
  picker_->failed(number, {error.code, detail}, self_.loop.now(), refused);
  start_attempts();
  start_finding();
  if (finder_ && picker_->way(number).proxy) finder_->way_failed();
  give_up_if_exhausted();
}

// A black hole for long packets (RFC 2923 section 2.1). TcpSocket::allow_fragments() has its way
// over IPv4; by IPv6 nobody on the way cuts packets, and what a proxy sends here, only our own
// greatest segment limits.
// After a longer life it may be another reason: then short ones are for the next carrier alone.
// They have to be: what was unacknowledged goes along with its hello, in long packets else.
void Uplink::carrier_was_lost(Duration age, bool timed_out) {
  if (!way_ || !may_lose_long_packets(*way_)) return;
  if (timed_out) small_once_ = way_->small_segments = true;
  if (age > kLosesAtOnce || small_segments_) return;
  small_segments_ = way_->small_segments = true;
  log::info("uplink", {{"event", "small-segments"}, {"why", "long packets seem to get lost"}});
}

void Uplink::on_carrier_lost(session::SessionLink& link, const Error& why) {
  const bool short_lived = self_.loop.now() - attached_at_ < kShortLife;
  lane_dial_.stop();
  down_since_ = self_.loop.now();
  log::info("uplink", {{"event", "carrier-lost"}, {"why", why.detail}});
  if (stopping_) return link.close("the agent stops");
  remember_exchange();
  if (why.code == ErrorCode::kTimedOut)
    carrier_was_lost(self_.loop.now() - attached_at_, /*timed_out=*/true);
  why_ = why.detail;
  better_timer_.stop();
  better_waiting_.clear();
  if (!better_attempts_.empty()) {
    // The service has taken a better carrier already, it seems, and its answer is on the way: a
    // second login would take it away again.
    enter(State::kWaiting, why.detail);
    timer_.start(kBetterPatience);
  } else if (short_lived) {
    wait_and_retry(why.detail);
  } else {
    delay_.reset();
    if (addresses_)
      race();  // with the addresses known: names may not resolve while the network changes
    else
      resolve();  // so far only an earlier process knew them
  }
  listener_.on_uplink_changed();
}

void Uplink::on_lane_wanted(session::SessionLink& link) {
  if (up() && !stopping_ && !one_at_a_time_) lane_dial_.wanted(link, *way_);
}

void Uplink::on_session_down(session::SessionLink&, const Error& why) {
  const bool was_up = up();
  lane_dial_.stop();
  const auto detail = why.detail.empty() ? std::string(to_string(why.code)) : why.detail;
  listener_.on_uplink_session(nullptr);
  link_.reset();
  attempts_.clear();
  better_attempts_.clear();
  better_waiting_.clear();
  better_timer_.stop();
  timer_.stop();
  lookup_.reset();
  lookups_.session_lost();
  if (stopping_) return;
  down_since_ = self_.loop.now();
  log::warning("uplink", {{"event", "session-lost"}, {"why", detail}});
  if (was_up) {
    if (self_.loop.now() - attached_at_ > kLongSession) delay_.reset();
    wait_and_retry(detail);
  } else {
    why_ = detail;
    resolve();
  }
  listener_.on_uplink_changed();
}

void Uplink::on_stream_opened(session::SessionLink& link, mux::StreamId stream,
                              const control::Target& target) {
  const auto taken =
      target.kind == control::Target::Kind::kHostedUdp
          ? listener_.on_hosted_call(link, stream, target)
          : fail(ErrorCode::kNotPermitted, "endpoints take no such streams from the service");
  if (!taken) link.refuse(stream, taken.error().code, taken.error().detail);
}

void Uplink::on_control(session::SessionLink&, const control::Message& message) {
  if (const auto* found = std::get_if<control::Found>(&message)) lookups_.answered(*found);
  if (const auto* incoming = std::get_if<control::Incoming>(&message))
    listener_.on_incoming(*incoming);
  if (const auto* tried = std::get_if<control::InboundTried>(&message))
    listener_.on_inbound_tried(*tried);
  if (const auto* servers = std::get_if<control::DiscoveryServers>(&message))
    listener_.on_discovery_servers(*servers);
  if (const auto* stated = std::get_if<control::AddressStated>(&message))
    listener_.on_own_address_stated(*stated);
  if (const auto* fresh = std::get_if<control::Certificate>(&message))
    listener_.on_certificate(*fresh);
  if (std::holds_alternative<control::PathOffer>(message) ||
      std::holds_alternative<control::PathSeen>(message))
    listener_.on_path_message(message);
}

Result<void> Uplink::open(const control::Target& target, StreamOpening& opening) {
  if (link_ == nullptr || !link_->up())
    return fail(ErrorCode::kNetworkUnreachable,
                "there is no session to the service: " + with_portal(why_));
  const auto stream = link_->open(target, opening);
  if (!stream) return fail(stream.error());
  opening.on_stream_opening(*link_, *stream);
  return {};
}

}  // namespace culvert::agent
