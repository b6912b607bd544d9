#include "agent/carrier_attempt.h"

#include "agent/circuit_call.h"
#include "agent/interception.h"

namespace culvert::agent {

CarrierAttempt::CarrierAttempt(const OwnEndpoint& self, carrier::Way way, std::size_t number,
                               Listener& listener)
    : self_(self), way_(std::move(way)), number_(number), listener_(listener) {
  dial_.emplace(self_.loop, way_, self_.means(), kDialLimit,
                static_cast<carrier::CarrierDial::Listener&>(*this));
}

void CarrierAttempt::on_carrier(carrier::CarrierDial&, std::unique_ptr<loop::BytePipe> pipe,
                                const Error& why) {
  if (pipe == nullptr) return listener_.on_attempt_failed(*this, why, /*refused=*/false);
  auto greeting = listener_.greeting_of(*this);
  const auto& callee = greeting.callee;
  if (callee)
    pipe = make_circuit(self_, callee->name, std::move(pipe),
                        std::make_shared<session::CircuitNews>());
  const auto& peer = callee ? callee->key : self_.identity.service_key;
  introduction_.emplace(self_.loop, std::move(pipe),
                        session::Introduction::Who{self_.identity.key, peer},
                        std::move(greeting.hello), greeting.flight, kDialLimit,
                        static_cast<session::Introduction::Listener&>(*this));
  dial_.reset();  // last: `why` and the caller belong to it
}

void CarrierAttempt::on_introduced(session::Introduction& introduction,
                                   session::FreshCarrier carrier) {
  interceptor_ = interception(way_, introduction.tls_certificate());
  listener_.on_attempt_up(*this, std::move(carrier));
}

void CarrierAttempt::on_introduction_failed(session::Introduction& introduction, const Error& why,
                                            bool refused) {
  interceptor_ = interception(way_, introduction.tls_certificate());
  listener_.on_attempt_failed(*this, why, refused);
}

}  // namespace culvert::agent
