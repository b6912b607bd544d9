#include "agent/lane_dial.h"

#include <algorithm>

#include "tunnel/base/log.h"

namespace culvert::agent {

void LaneDial::wanted(session::SessionLink& link, const carrier::Way& way) {
  const auto now = self_.loop.now();
  if (attempt_ || now < not_before_ || way.recipe->lanes) return;
  const bool lived = pause_ == Duration::zero() || now - not_before_ >= kLongLife;
  pause_ = lived ? Duration{kFirstPause} : std::min<Duration>(2 * pause_, kMostPause);
  not_before_ = now + pause_;
  link_ = &link;
  attempt_ =
      std::make_unique<UplinkAttempt>(self_, way, 0, static_cast<UplinkAttempt::Listener&>(*this));
}

UplinkAttempt::Greeting LaneDial::greeting_of(UplinkAttempt&) { return {link_->lane_hello(), {}}; }

void LaneDial::on_attempt_up(UplinkAttempt&, session::FreshCarrier carrier) {
  const auto done = std::move(attempt_);
  link_->attach_lane(std::move(carrier));
}

void LaneDial::on_attempt_failed(UplinkAttempt&, const Error& why, bool) {
  log::info("uplink", {{"event", "no-interactive-lane"}, {"why", why.detail}});
  attempt_.reset();
}

}  // namespace culvert::agent
