#include "agent/lane_dial.h"

#include "tunnel/base/log.h"

namespace culvert::agent {

void LaneDial::wanted(session::SessionLink& link, const carrier::Way& way) {
  if (attempt_ || way.recipe->lanes || !patience_.take(self_.loop.now())) return;
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
