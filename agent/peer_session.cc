#include "agent/peer_session.h"

#include <algorithm>

#include "agent/circuit_call.h"
#include "tunnel/base/log.h"

namespace culvert::agent {

PeerSession::PeerSession(const OwnEndpoint& self, const OwnPlace& place, UdpPlace& udp,
                         Uplink& uplink, PeerKeys& keys, std::string name, Listener& listener)
    : self_(self),
      place_(place),
      udp_(udp),
      uplink_(uplink),
      keys_(keys),
      name_(std::move(name)),
      listener_(listener),
      since_(loop::Loop::wall_clock()),
      lane_dial_(self),
      timer_(self.loop, *this),
      again_(self.loop, *this) {
  timer_.start(Duration::zero());  // a failure to begin ends this, which its maker must have first
}

PeerSession::PeerSession(const OwnEndpoint& self, const OwnPlace& place, UdpPlace& udp,
                         Uplink& uplink, PeerKeys& keys, const PeerSnapshot& from,
                         Listener& listener)
    : self_(self),
      place_(place),
      udp_(udp),
      uplink_(uplink),
      keys_(keys),
      name_(from.name),
      listener_(listener),
      since_(loop::Loop::wall_clock()),
      key_(from.key),
      link_(std::make_unique<session::SessionLink>(
          self.loop, from.link, initiator(), static_cast<session::SessionLink::Listener&>(*this))),
      lane_dial_(self),
      timer_(self.loop, *this),
      again_(self.loop, *this),
      begun_(true),
      was_up_(true) {
  timer_.start(kIdle);
  again_.start(Duration::zero());
}

std::optional<PeerSnapshot> PeerSession::take_snapshot() {
  if (link_ == nullptr || !link_->up() || ending_) return std::nullopt;
  return PeerSnapshot{name_, key_, link_->take_snapshot(), {}};
}

PeerSession::~PeerSession() { fail_all({ErrorCode::kNetworkUnreachable, "the agent stops"}); }

void PeerSession::open(const control::Target& target, StreamOpening& opening) {
  if (link_ != nullptr) return open_now(target, opening);
  if (waiting_.size() >= kMostWaiting)
    return opening.on_opening_failed(
        {ErrorCode::kExhausted, "too many connects wait for " + name_});
  waiting_.push_back({target, &opening});
}

void PeerSession::open_now(const control::Target& target, StreamOpening& opening) {
  const auto stream = link_->open(target, opening);
  if (!stream) return opening.on_opening_failed(stream.error());
  opening.on_stream_opening(*link_, *stream);
}

void PeerSession::cancel(StreamOpening& opening) {
  std::erase_if(waiting_, [&](const Waiting& entry) { return entry.opening == &opening; });
}

void PeerSession::close(const std::string& reason) {
  ending_ = true;
  if (link_ != nullptr) link_->close(reason);
}

void PeerSession::network_changed() {
  if (link_ == nullptr) return;
  link_->suspect();
  if (again_.running()) again_.start(Duration::zero());
}

void PeerSession::place_changed() {
  if (direct_) direct_->place_changed();
  if (udp_path_) udp_path_->place_changed();
}

std::string PeerSession::why_not_direct() const {
  if (!place_.enabled()) return "direct paths are switched off here ([direct] enabled)";
  return direct_ ? direct_->why() : "";
}

void PeerSession::begin() {
  begun_ = true;
  give_up_at_ = self_.loop.now() + kDialLimit;
  if (const auto key = keys_.known(name_, loop::Loop::wall_clock())) {
    key_ = *key;
    return dial();
  }
  lookup_.emplace(static_cast<LookupRequest::Listener&>(*this));
  const auto asked = uplink_.look_up(control::Lookup::Kind::kEndpoint, name_, *lookup_);
  if (!asked) end(asked.error());
}

void PeerSession::on_looked_up(LookupRequest&, Result<ByteVector> answer) {
  if (!answer) {
    // The name resolved a moment ago, else nobody would connect: its endpoint has gone since.
    if (answer.error().code == ErrorCode::kNameUnknown)
      return end({ErrorCode::kHostUnreachable, name_ + " is not there any more"});
    return end(answer.error());
  }
  if (answer->empty())  // the program kept an address for longer than this process knows the name
    return end({ErrorCode::kHostUnreachable, name_ + " has no machine; look the name up again"});
  const auto certificate = keys_.accept_of(name_, *answer, loop::Loop::wall_clock());
  if (!certificate) return end(certificate.error());
  key_ = certificate->key;
  dial();
}

bool PeerSession::gave_up_old_key() {
  if (link_ == nullptr || link_->attached()) return false;
  const auto now = keys_.known(name_, loop::Loop::wall_clock());
  if (!now || *now == key_) return false;
  ending_ = true;
  link_->abandon({ErrorCode::kReset,
                  name_ + " was enrolled again and has another key: its sessions are gone"});
  return true;
}

void PeerSession::dial() {
  if (link_ != nullptr && link_->attached()) return;  // by a direct path, meanwhile
  if (gave_up_old_key()) return;
  const auto* way = uplink_.way();
  if (way == nullptr && link_ != nullptr) return call_again_later();
  if (way == nullptr)
    return end(
        {ErrorCode::kNetworkUnreachable, "there is no session to the service: " + uplink_.why()});
  if (place_.enabled()) udp_.prepare();
  dial_.emplace(self_.loop, *way, self_.means(), kDialLimit,
                static_cast<carrier::CarrierDial::Listener&>(*this));
}

void PeerSession::on_carrier(carrier::CarrierDial&, std::unique_ptr<loop::BytePipe> pipe,
                             const Error& why) {
  if (pipe == nullptr && link_ != nullptr) {
    call_again_later();
    return dial_.reset();
  }
  if (pipe == nullptr)
    return end({ErrorCode::kNetworkUnreachable, "no carrier to the service: " + why.detail});
  if (link_ != nullptr && link_->attached()) return dial_.reset();
  carrier_since_ = self_.loop.now();
  auto circuit = make_circuit(self_, name_, std::move(pipe), news_);
  if (link_ != nullptr) {
    link_->introduce(std::move(circuit));
    return dial_.reset();
  }
  link_ =
      std::make_unique<session::SessionLink>(self_.loop, std::move(circuit), initiator(),
                                             static_cast<session::SessionLink::Listener&>(*this));
  // In this turn: their first octets ride in the first message.
  for (const auto& entry : std::exchange(waiting_, {})) open_now(entry.target, *entry.opening);
  timer_.start(kIdle);
  dial_.reset();  // last: it is the caller
}

session::SessionLink::Initiator PeerSession::initiator() const {
  return {self_.identity.key, key_, self_.hello(control::Purpose::kSession), kDialLimit,
          self_.grace};
}

// A circuit that never led to a session says little: a few more tries while a program would wait.
void PeerSession::on_carrier_lost(session::SessionLink& link, const Error& why) {
  if (!link.up() && self_.loop.now() >= give_up_at_) return link.abandon(why);
  lane_dial_.stop();
  log::info("peer", {{"event", "carrier-lost"}, {"name", name_}, {"why", why.detail}});
  if (way_.with.empty())
    uplink_.carrier_was_lost(self_.loop.now() - carrier_since_, why.code == ErrorCode::kTimedOut);
  way_ = {};
  if (direct_) direct_->carrier_lost();
  // The peer has moved the session already: what it dropped is noticed before what it took.
  if (direct_ && direct_->introducing()) return again_.start(kDirectPrecedence);
  call_again_later();
}

void PeerSession::on_carrier_attached(session::SessionLink&) {
  carrier_since_ = self_.loop.now();
  if (udp_path_) udp_path_->set_carrier_direct(!way_.with.empty());
  log::info("peer", {{"event", "resumed"},
                     {"name", name_},
                     {"via", way_.via},
                     {"with", way_.with},
                     {"role", "caller"}});
  pause_ = {};
  again_.stop();
  look_for_direct();
  if (quic_ && way_.with.empty()) quic_->begin();
}

void PeerSession::look_for_direct() {
  if (direct_ || !place_.enabled()) return;
  direct_.emplace(self_, place_, udp_, *link_, key_, static_cast<DirectCaller::Listener&>(*this));
  direct_->begin();
  udp_path_.emplace(self_, place_, udp_, *link_, UdpPath::Role::kCaller);
  udp_path_->set_peer_key(key_);
  direct_->set_udp_path(&*udp_path_);
  quic_.emplace(self_, *udp_path_, *direct_, *link_);
}

// What the relay carried is still acknowledged and repeated by the new path: nothing is lost.
void PeerSession::on_direct_carrier(session::FreshCarrier carrier, PeerWay way) {
  way_ = std::move(way);
  drop_lane();
  link_->attach(std::move(carrier));
}

// Beside a direct path the relay would mostly be the longer way.
void PeerSession::on_lane_wanted(session::SessionLink& link) {
  const auto* const way = uplink_.way();
  if (way != nullptr && way_.with.empty() && !ending_)
    lane_dial_.wanted(link, *way, CarrierAttempt::Callee{name_, key_});
}

void PeerSession::drop_lane() {
  lane_dial_.stop();
  link_->drop_lane("the session takes another way");
}

void PeerSession::on_control(session::SessionLink&, const control::Message& message) {
  const auto* const offer = std::get_if<control::Offer>(&message);
  if (offer != nullptr && direct_) direct_->take(*offer, news_->other_seen);
  if (udp_path_) udp_path_->take(message, news_->other_seen);
}

void PeerSession::call_again_later() {
  again_.start(pause_);
  pause_ = std::clamp<Duration>(2 * pause_, kFirstPause, kMostPause);
}

void PeerSession::on_session_up(session::SessionLink&) {
  was_up_ = true;
  carrier_since_ = self_.loop.now();
  log::info("peer", {{"event", "up"}, {"name", name_}, {"via", "relay"}, {"role", "caller"}});
  look_for_direct();
  if (quic_) quic_->begin();
}

void PeerSession::on_stream_opened(session::SessionLink& link, mux::StreamId stream,
                                   const control::Target&) {
  link.refuse(stream, ErrorCode::kNotPermitted, "call with a session of your own");
}

void PeerSession::on_session_down(session::SessionLink&, const Error& why) {
  lane_dial_.stop();
  if (!was_up_) keys_.doubt(name_);
  log::info("peer",
            {{"event", was_up_ ? "down" : "not-reached"}, {"name", name_}, {"why", why.detail}});
  end(why);
}

void PeerSession::on_timer(loop::Timer& timer) {
  if (&timer == &again_) return dial();
  if (!begun_) return begin();
  const bool idle = link_ != nullptr && link_->streams().stream_count() <= 1;  // control stream
  if (idle) return close("idle");
  timer_.start(kIdle);
}

void PeerSession::fail_all(const Error& why) {
  for (const auto& entry : std::exchange(waiting_, {})) entry.opening->on_opening_failed(why);
}

void PeerSession::end(const Error& why) {
  ending_ = true;
  fail_all(why);
  listener_.on_peer_session_ended(*this);
}

}  // namespace culvert::agent
