#include "tunnel/session/liveness.h"

namespace culvert::session {
namespace {

constexpr std::chrono::seconds kGrid{5};
constexpr Duration kMeasureInterval = std::chrono::seconds{1};
constexpr Duration kFirstInterval = std::chrono::milliseconds{50};
constexpr int kFirstSamples = 10;
constexpr std::chrono::seconds kLeastWindow{60};
constexpr std::chrono::milliseconds kFarAbove{20};
constexpr int kFarInARow = 3;
constexpr std::chrono::seconds kRetransmitted{1};
constexpr std::chrono::seconds kAnswererWaitsLonger{15};
constexpr std::chrono::seconds kTellingSilence{10};  // shorter ones are more often the network's
constexpr int kForgetAfter = 256;  // keepalives that were answered: 21 minutes of 5 s

TimePoint on_grid(TimePoint at, bool before) {
  const auto since = at.time_since_epoch();
  const auto steps = (before ? since : since + kGrid - Duration{1}) / kGrid;
  return TimePoint{steps * Duration{kGrid}};
}

}  // namespace

void Liveness::attached(TimePoint now, std::optional<Duration> round_trip, bool direct) {
  attached_ = true;
  direct_ = direct;
  measured_ = round_trip.has_value();
  samples_ = far_above_ = 0;
  if (round_trip) round_trip_ = *round_trip;
  least_ = Duration::max();
  least_before_ = round_trip.value_or(Duration::max());
  least_since_ = now;
  last_measured_ = {};
  last_received_ = now;
  outstanding_since_ = now;  // each side speaks first on a fresh carrier
  ping_sent_.reset();
  paused_probe_due_ = suspect_ = false;
}

void Liveness::detached() {
  // Did it die of a keepalive, or of what else came first after a long silence? Then the barrier
  // forgot it.
  if (attached_ && ping_sent_ && outstanding_since_) {
    const auto silence = *outstanding_since_ - last_received_;
    // Longer than a keepalive would have let it be: the machine slept.
    const bool slept = silence > idle_ + kAnswererWaitsLonger + kGrid;
    if (!slept && (ping_was_keepalive_ || silence >= kTellingSilence)) {
      idle_ = std::max<Duration>(std::min(idle_, silence) / 2, kLeastIdle);
      learned_ = true;
      kept_ = 0;
    }
  }
  attached_ = false;
  outstanding_since_.reset();
  ping_sent_.reset();
}

void Liveness::sent(TimePoint now, bool wants_answer) {
  if (wants_answer && !outstanding_since_) outstanding_since_ = now;
}

void Liveness::received(TimePoint now, bool more_than_pings) {
  last_received_ = now;
  outstanding_since_.reset();
  suspect_ = false;
  paused_probe_due_ |= more_than_pings;
}

void Liveness::suspect(TimePoint now) {
  if (!attached_) return;
  suspect_ = true;
  if (!outstanding_since_) outstanding_since_ = now;
  if (!ping_sent_)
    outstanding_since_ = now - patience_before_ping(kProbeAfter);  // the PING is due at once
}

void Liveness::start_ping(TimePoint now) {
  ++ping_value_;
  ping_sent_ = now;
  if (!outstanding_since_) outstanding_since_ = now;
}

std::optional<std::uint64_t> Liveness::ping_for_measuring(TimePoint now, bool urgent, bool bulk) {
  const Duration interval = bulk && samples_ < kFirstSamples ? kFirstInterval : kMeasureInterval;
  if (ping_sent_ || (!urgent && now - last_measured_ < interval)) return std::nullopt;
  ping_was_keepalive_ = false;
  start_ping(now);
  return ping_value_;
}

void Liveness::pong(TimePoint now, std::uint64_t value) {
  if (!ping_sent_ || value != ping_value_) return;
  const auto sample = std::max<Duration>(now - *ping_sent_, std::chrono::microseconds{20});
  round_trip_ = smoothed(sample);
  measured_ = true;
  last_measured_ = now;
  note_least(now, sample);
  ping_sent_.reset();
  if (ping_was_keepalive_) keepalive_answered();
  ping_was_keepalive_ = false;
}

// What waited until TCP sent it again says little of the way (RFC 6298 section 3), and would have
// us wait for seconds where nothing answers any more: neither one such answer, nor a handshake of
// that kind once an answer comes a lot sooner.
Duration Liveness::smoothed(Duration sample) const {
  if (!measured_ || 4 * sample < round_trip_) return sample;
  return (7 * round_trip_ + std::min<Duration>(sample, 4 * round_trip_ + kRetransmitted)) / 8;
}

// What was learned may have been another network's, or an accident.
void Liveness::keepalive_answered() {
  if (learned_ && ++kept_ >= kForgetAfter) learned_ = false;
  if (!learned_) idle_ = std::min<Duration>(idle_ + idle_ / 2, kMostIdle);
}

void Liveness::note_least(TimePoint now, Duration sample) {
  ++samples_;
  // A path that has become longer must not be taken for a queue: the window of the short path would
  // choke it (256 KiB at 100 ms are 20 Mbit/s).
  const bool far = sample > 4 * least_round_trip() && sample - least_round_trip() > kFarAbove;
  far_above_ = far ? far_above_ + 1 : 0;
  if (far_above_ == kFarInARow) {
    least_ = least_before_ = sample;
    far_above_ = 0;
  }
  if (now - least_since_ > kLeastWindow) {
    least_before_ = least_;
    least_ = Duration::max();
    least_since_ = now;
  }
  least_ = std::min(least_, sample);
}

Liveness::Phase Liveness::phase() const {
  if (outstanding_since_) return Phase::kOutstanding;
  return paused_probe_due_ ? Phase::kPaused : Phase::kIdle;
}

Duration Liveness::patience_before_ping(Duration relayed) const {
  return patience(direct_ ? Duration{kDirectProbeAfter} : relayed);
}

TimePoint Liveness::ping_due() const {
  switch (phase()) {
    case Phase::kOutstanding: return *outstanding_since_ + patience_before_ping(kProbeAfter);
    case Phase::kPaused: return last_received_ + patience_before_ping(kPauseProbe);
    case Phase::kIdle: break;
  }
  return on_grid(last_received_ + idle_ + (dials_ ? Duration{} : Duration{kAnswererWaitsLonger}),
                 /*before=*/learned_);
}

// Counted from what is outstanding, not from the PING: that one may be stuck behind it.
TimePoint Liveness::dead_due() const {
  const Duration rest = !measured_ ? Duration{kUnknownDeadAfter}
                        : direct_  ? patience(kDirectDeadAfter)
                        : suspect_ ? patience(kSuspectDeadAfter)
                                   : patience(kDeadAfter);
  return *outstanding_since_ + patience_before_ping(kProbeAfter) + rest;
}

std::optional<TimePoint> Liveness::next_deadline() const {
  if (!attached_) return std::nullopt;
  if (!ping_sent_) return ping_due();
  return outstanding_since_ ? dead_due() : ping_due();
}

Liveness::Verdict Liveness::tick(TimePoint now) {
  if (!attached_) return Verdict::kFine;
  if (outstanding_since_ && now >= dead_due()) return Verdict::kDead;
  if (now < ping_due()) return Verdict::kFine;
  if (ping_sent_ && outstanding_since_) return Verdict::kFine;  // under way; dead_due() decides
  ping_was_keepalive_ = phase() == Phase::kIdle;
  paused_probe_due_ = false;
  start_ping(now);
  return Verdict::kPing;
}

}  // namespace culvert::session
