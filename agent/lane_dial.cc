#include "agent/lane_dial.h"

#include "tunnel/base/log.h"

namespace culvert::agent {

void LaneDial::wanted(session::SessionLink& link, const carrier::Way& way,
                      std::optional<CarrierAttempt::Callee> callee) {
  if (attempt_ || way.recipe->lanes || !patience_.take(self_.loop.now())) return;
  link_ = &link;
  callee_ = std::move(callee);
  attempt_ = std::make_unique<CarrierAttempt>(self_, way, 0,
                                              static_cast<CarrierAttempt::Listener&>(*this));
}

CarrierAttempt::Greeting LaneDial::greeting_of(CarrierAttempt&) {
  return {link_->lane_hello(), {}, callee_};
}

void LaneDial::on_attempt_up(CarrierAttempt&, session::FreshCarrier carrier) {
  const auto done = std::move(attempt_);
  link_->attach_lane(std::move(carrier));
}

void LaneDial::on_attempt_failed(CarrierAttempt&, const Error& why, bool) {
  const auto done = std::move(attempt_);  // `why` is its own
  constexpr auto kEvent = "no-interactive-lane";
  if (!callee_) return log::info("uplink", {{"event", kEvent}, {"why", why.detail}});
  log::info("peer", {{"event", kEvent}, {"name", callee_->name}, {"why", why.detail}});
}

}  // namespace culvert::agent
