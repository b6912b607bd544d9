// agent/carrier_attempt.h: one attempt to reach the service by one route, or another endpoint
// through its relay: carrier, then the hello of a new session or of one to be resumed. The one that
// wins hands over its carrier.
#pragma once
#include <memory>
#include <optional>

#include "agent/own_endpoint.h"
#include "tunnel/carrier/carrier_dial.h"
#include "tunnel/session/introduction.h"

namespace culvert::agent {

class CarrierAttempt final : private carrier::CarrierDial::Listener,
                             private session::Introduction::Listener {
 public:
  struct Callee {
    std::string name;
    crypto::PublicKey key;
  };
  struct Greeting {
    control::Hello hello;
    ByteVector flight;               // frames for the first message
    std::optional<Callee> callee{};  // none: the service itself
  };
  class Listener {
   public:
    virtual Greeting greeting_of(CarrierAttempt& attempt) = 0;  // when the carrier is there
    virtual void on_attempt_up(CarrierAttempt& attempt, session::FreshCarrier carrier) = 0;
    // Destroy it. `refused`: by the service itself.
    virtual void on_attempt_failed(CarrierAttempt& attempt, const Error& why, bool refused) = 0;

   protected:
    ~Listener() = default;
  };

  CarrierAttempt(const OwnEndpoint& self, carrier::Way way, std::size_t number, Listener& listener);

  std::size_t number() const { return number_; }
  const carrier::Way& way() const { return way_; }
  bool connected() const { return !dial_ || dial_->connected(); }
  // Once it is up, or was refused.
  const std::string& interceptor() const { return interceptor_; }

 private:
  void on_carrier(carrier::CarrierDial& dial, std::unique_ptr<loop::BytePipe> pipe,
                  const Error& why) override;
  void on_introduced(session::Introduction& introduction, session::FreshCarrier carrier) override;
  void on_introduction_failed(session::Introduction& introduction, const Error& why,
                              bool refused) override;

  const OwnEndpoint& self_;
  carrier::Way way_;
  std::size_t number_;
  std::string interceptor_;
  Listener& listener_;
  std::optional<carrier::CarrierDial> dial_;
  std::optional<session::Introduction> introduction_;
};

}  // namespace culvert::agent
