#include "agent/circuit_lane.h"

#include "tunnel/base/log.h"

namespace culvert::agent {

std::unique_ptr<loop::BytePipe> make_circuit(const OwnEndpoint& self, const std::string& name,
                                             std::unique_ptr<loop::BytePipe> pipe,
                                             std::shared_ptr<session::CircuitNews> news) {
  auto call = self.hello(control::Purpose::kCircuitCall);
  call.name = name;
  return std::make_unique<session::CircuitPipe>(std::move(pipe), self.identity.key,
                                                self.identity.service_key, std::move(call),
                                                self.random, std::move(news));
}

void CircuitLane::wanted(session::SessionLink& link, const carrier::Way& way,
                         const crypto::PublicKey& peer) {
  if (dial_ || introduction_ || way.recipe->lanes || !patience_.take(self_.loop.now())) return;
  link_ = &link;
  peer_ = peer;
  dial_ =
      std::make_unique<carrier::CarrierDial>(self_.loop, way, self_.means(), kDialLimit,
                                             static_cast<carrier::CarrierDial::Listener&>(*this));
}

void CircuitLane::stop() {
  dial_.reset();
  introduction_.reset();
}

void CircuitLane::on_carrier(carrier::CarrierDial&, std::unique_ptr<loop::BytePipe> pipe,
                             const Error& why) {
  const auto done = std::move(dial_);  // it is the caller, and `why` is its own
  if (pipe == nullptr) return failed(why);
  introduction_ = std::make_unique<session::Introduction>(
      self_.loop,
      make_circuit(self_, name_, std::move(pipe), std::make_shared<session::CircuitNews>()),
      session::Introduction::Who{self_.identity.key, peer_}, link_->lane_hello(), Bytes{},
      kDialLimit, static_cast<session::Introduction::Listener&>(*this));
}

void CircuitLane::on_introduced(session::Introduction&, session::FreshCarrier carrier) {
  const auto done = std::move(introduction_);
  link_->attach_lane(std::move(carrier));
}

void CircuitLane::on_introduction_failed(session::Introduction&, const Error& why, bool) {
  const auto done = std::move(introduction_);
  failed(why);
}

void CircuitLane::failed(const Error& why) {
  log::info("peer", {{"event", "no-interactive-lane"}, {"name", name_}, {"why", why.detail}});
}

}  // namespace culvert::agent
