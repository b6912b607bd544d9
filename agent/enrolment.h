// agent/enrolment.h: turns an invitation into an identity: makes the key pair, finds the ways to
// the service and races them (route_picker.h), takes the certificate from the first answer.
//
// The service is known by the key in the invitation: nothing is trusted blindly. An invitation is
// good once: where two ways get through at the same time, the service refuses one of them, so that
// a refusal counts only when no other attempt is under way.
#pragma once
#include <list>
#include <memory>
#include <optional>

#include "agent/enrolment_attempt.h"
#include "agent/identity.h"
#include "agent/route_picker.h"
#include "agent/way_search.h"

namespace culvert::agent {

class Enrolment final : private WaySearch::Listener,
                        private EnrolmentAttempt::Listener,
                        private loop::Timer::Listener {
 public:
  class Listener {
   public:
    virtual void on_enrolled(Enrolment& enrolment, Result<Identity> identity) = 0;  // once

   protected:
    ~Listener() = default;
  };

  // `means` needs no service key.
  Enrolment(loop::Loop& loop, const carrier::Means& means, control::Invitation invitation,
            WayOptions ways, ProxySources sources, Listener& listener);
  // For people, once enrolled: "connect through http://10.1.0.1:3128".
  const std::string& way() const { return way_; }

 private:
  void on_ways_found(std::vector<carrier::Way> ways) override;
  void on_search_ended() override { timer_.start(Duration::zero()); }
  void on_enrolment_answered(EnrolmentAttempt& attempt,
                             const control::HelloAnswer& answer) override;
  void on_enrolment_attempt_failed(EnrolmentAttempt& attempt, const Error& why) override;
  void on_timer(loop::Timer& timer) override;

  void go_on();
  void ended(EnrolmentAttempt& attempt, Error why);
  Error unreached() const;
  Result<Identity> make_identity(const control::HelloAnswer& answer) const;
  void finish(Result<Identity> outcome);

  loop::Loop& loop_;
  carrier::Means means_;
  control::Invitation invitation_;
  HostPort service_;
  Listener& listener_;
  crypto::KeyPair key_;
  crypto::PublicKey service_key_;
  RoutePicker picker_;
  std::list<std::unique_ptr<EnrolmentAttempt>> running_, ended_;
  std::string way_;
  std::optional<Error> refusal_;  // by the service itself
  bool finished_ = false;
  loop::Timer timer_;
  WaySearch search_;
};

}  // namespace culvert::agent
