// agent/lane_dial.h: brings a session its interactive lane: a second connection of the way that its
// carrier took.
#pragma once
#include <optional>

#include "agent/lane_patience.h"
#include "agent/uplink_attempt.h"
#include "tunnel/session/session_link.h"

namespace culvert::agent {

class LaneDial final : private UplinkAttempt::Listener {
 public:
  explicit LaneDial(const OwnEndpoint& self) : self_(self) {}

  void wanted(session::SessionLink& link, const carrier::Way& way);
  void stop() { attempt_.reset(); }  // the carrier of `link`, or `link`, is about to go

 private:
  UplinkAttempt::Greeting greeting_of(UplinkAttempt& attempt) override;
  void on_attempt_up(UplinkAttempt& attempt, session::FreshCarrier carrier) override;
  void on_attempt_failed(UplinkAttempt& attempt, const Error& why, bool refused) override;

  const OwnEndpoint& self_;
  session::SessionLink* link_ = nullptr;  // while there is an attempt
  std::unique_ptr<UplinkAttempt> attempt_;
  LanePatience patience_;
};

}  // namespace culvert::agent
