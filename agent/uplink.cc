#include "agent/uplink.h"

#include <algorithm>

#include "tunnel/base/log.h"

namespace culvert::agent {
namespace {

constexpr std::chrono::seconds kStartPatience{10};  // a first connect may still come
constexpr std::chrono::seconds kLossPatience{3};    // after that, programs are told at once
// A name service that is cut off says nothing for 20 s. Longer than WayLookup::kPatience.
constexpr std::chrono::milliseconds kNamesPatience{600};

}  // namespace

std::string_view to_string(Uplink::State state) {
  switch (state) {
    case Uplink::State::kResolving: return "resolving";
    case Uplink::State::kRacing: return "connecting";
    case Uplink::State::kUp: return "up";
    case Uplink::State::kWaiting: return "down";
  }
  return "down";
}

Uplink::Uplink(const OwnEndpoint& self, Options options, Listener& listener)
    : self_(self),
      options_(std::move(options)),
      listener_(listener),
      dns_(self.loop),
      lane_dial_(self),
      timer_(self.loop, *this),
      lookup_timer_(self.loop, *this),
      find_timer_(self.loop, *this),
      better_timer_(self.loop, *this) {}

Uplink::~Uplink() = default;

void Uplink::start() {
  down_since_ = self_.loop.now();
  since_ = loop::Loop::wall_clock();
  resolve();
}

void Uplink::stop() {
  remember_exchange();
  stopping_ = true;
  lane_dial_.stop();
  timer_.stop();
  find_timer_.stop();
  better_timer_.stop();
  lookup_.reset();
  found_lookup_.reset();
  finder_.reset();
  portal_.reset();
  attempts_.clear();
  better_attempts_.clear();
  better_waiting_.clear();
  if (link_ != nullptr) link_->close("the agent stops");
}

void Uplink::network_changed() {
  if (link_ != nullptr) link_->suspect();
  if (better_timer_.running()) better_timer_.start(Duration::zero());
  if (state_ != State::kWaiting || stopping_) return;
  delay_.reset();
  timer_.start(Duration::zero());
}

void Uplink::enter(State state, std::string why) {
  if (state_ != state) since_ = loop::Loop::wall_clock();
  const bool noteworthy = state == State::kUp || (state == State::kWaiting && why != why_);
  state_ = state;
  why_ = std::move(why);
  if (!noteworthy) return;
  const auto level = state == State::kUp ? log::Level::kInfo : log::Level::kWarning;
  log::write(level, "uplink",
             {{"state", to_string(state)},
              {"service", options_.ways.service.to_string()},
              {"via", up() ? way_->recipe->name : "none"},
              {"proxy", up() && way_->proxy ? way_->proxy->to_string() : "none"},
              {"why", up() ? why_ : with_portal(why_)}});
}

std::string Uplink::why() const {
  if (up()) return why_;
  return with_portal(state_ == State::kRacing ? picker_->progress(why_) : why_);
}

void Uplink::resolve() {
  enter(State::kResolving, why_);
  lookup_.emplace(self_.loop, dns_, options_.ways, static_cast<WayLookup::Listener&>(*this));
  find_timer_.start(kNamesPatience);
}

void Uplink::wait_and_retry(const std::string& why, Duration most) {
  enter(State::kWaiting, why);
  timer_.start(delay_.next(self_.random, most));
}

void Uplink::on_timer(loop::Timer& timer) {
  if (&timer == &lookup_timer_) {
    lookups_.tick(self_.loop.now());
    return arm_lookup_timer();
  }
  if (&timer == &find_timer_)
    return state_ == State::kResolving ? go_without_names() : start_finding();
  if (&timer == &better_timer_) return better_waiting_.empty() ? seek_better() : start_better();
  if (state_ == State::kRacing) return start_attempts();
  resolve();
}

void Uplink::publish_udp(std::vector<std::uint16_t> ports) {
  published_udp_ = std::move(ports);
  if (link_ != nullptr && !stopping_) link_->send(control::PublishUdp{published_udp_});
}

void Uplink::publish(std::vector<std::uint16_t> ports) {
  published_ = std::move(ports);
  if (link_ != nullptr && !stopping_) link_->send(control::Publish{published_});
}

void Uplink::expect(std::vector<std::string> callers) {
  if (callers == expected_) return;
  expected_ = std::move(callers);
  if (link_ != nullptr && !stopping_) link_->send(control::Expect{expected_});
}

void Uplink::try_inbound(const control::TryInbound& wish) {
  if (link_ != nullptr && !stopping_) link_->send(wish);
}

Duration Uplink::patience() const {
  if (up()) return Lookups::kLimit;
  const Duration down_for = self_.loop.now() - down_since_;
  const Duration whole = was_up_ ? Duration{kLossPatience} : Duration{kStartPatience};
  return std::max(Duration::zero(), whole - down_for);
}

Result<void> Uplink::look_up(control::Lookup::Kind kind, const std::string& name,
                             LookupRequest& request) {
  CULVERT_RETURN_IF_ERROR(lookups_.ask(kind, name, self_.loop.now() + patience(), request));
  send_unsent();
  arm_lookup_timer();
  return {};
}

// Not while a carrier is missing: nobody waits so long for the answer.
void Uplink::send_unsent() {
  if (link_ == nullptr || (link_->up() && !up())) return;
  for (auto& lookup : lookups_.take_unsent()) link_->send(lookup);
}

void Uplink::arm_lookup_timer() {
  if (const auto deadline = lookups_.next_deadline())
    lookup_timer_.start(*deadline - self_.loop.now());
}

}  // namespace culvert::agent
