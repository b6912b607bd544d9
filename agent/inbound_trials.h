// agent/inbound_trials.h: has the service try whether connections from outside get in, one port
// after the other: first the direct port as it is, then the one that the gateway maps to it, then
// the direct port by the family that the session does not have.
#pragma once
#include "agent/direct_listener.h"
#include "agent/own_endpoint.h"
#include "agent/own_place.h"
#include "agent/uplink.h"

namespace culvert::agent {

class InboundTrials final : private loop::Timer::Listener {
 public:
  static constexpr std::chrono::seconds kPause{3};         // the service wants two between trials
  static constexpr std::chrono::seconds kAnswerLimit{15};  // its own is six
  static constexpr int kMostRefusals = 5;                  // "not now", in a row

  InboundTrials(const OwnEndpoint& self, const OwnPlace& place, Uplink& uplink,
                DirectListener& direct);

  void look();    // whether a trial is due
  void forget();  // the session is gone, and with it the answer
  // After the place has taken it.
  void answered(const control::InboundTried& outcome);

 private:
  void on_timer(loop::Timer& timer) override;

  const OwnEndpoint& self_;
  const OwnPlace& place_;
  Uplink& uplink_;
  DirectListener& direct_;
  loop::Timer timer_;
  std::uint16_t asked_ = 0;  // 0: none
  int refusals_ = 0;
  bool asked_other_ = false, other_unknown_ = false;  // ... to a service of an earlier version
};

}  // namespace culvert::agent
