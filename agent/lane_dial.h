// agent/lane_dial.h: brings a session its interactive lane: a second connection of the way that its
// carrier took, or with another endpoint a second circuit through the relay.
#pragma once
#include <optional>

#include "agent/carrier_attempt.h"
#include "agent/lane_patience.h"
#include "tunnel/session/session_link.h"

namespace culvert::agent {

class LaneDial final : private CarrierAttempt::Listener {
 public:
  explicit LaneDial(const OwnEndpoint& self) : self_(self) {}

  // `way`: to the service. `callee`: whose session it is, unless it is the service's.
  void wanted(session::SessionLink& link, const carrier::Way& way,
              std::optional<CarrierAttempt::Callee> callee = {});
  void stop() { attempt_.reset(); }  // the carrier of `link`, or `link`, is about to go

 private:
  CarrierAttempt::Greeting greeting_of(CarrierAttempt& attempt) override;
  void on_attempt_up(CarrierAttempt& attempt, session::FreshCarrier carrier) override;
  void on_attempt_failed(CarrierAttempt& attempt, const Error& why, bool refused) override;

  const OwnEndpoint& self_;
  session::SessionLink* link_ = nullptr;  // while there is an attempt
  std::optional<CarrierAttempt::Callee> callee_;
  std::unique_ptr<CarrierAttempt> attempt_;
  LanePatience patience_;
};

}  // namespace culvert::agent
