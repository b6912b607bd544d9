// agent/circuit_lane.h: brings a session with another endpoint its interactive lane: a second
// circuit through the relay, while that is where the session goes.
#pragma once
#include <memory>
#include <optional>

#include "agent/lane_patience.h"
#include "agent/own_endpoint.h"
#include "tunnel/carrier/carrier_dial.h"
#include "tunnel/session/circuit_pipe.h"
#include "tunnel/session/session_link.h"

namespace culvert::agent {

// Calls that endpoint through `pipe`, which leads to the service.
std::unique_ptr<loop::BytePipe> make_circuit(const OwnEndpoint& self, const std::string& name,
                                             std::unique_ptr<loop::BytePipe> pipe,
                                             std::shared_ptr<session::CircuitNews> news);

class CircuitLane final : private carrier::CarrierDial::Listener,
                          private session::Introduction::Listener {
 public:
  CircuitLane(const OwnEndpoint& self, std::string name) : self_(self), name_(std::move(name)) {}

  // `way`: to the service. `peer`: whose session it is.
  void wanted(session::SessionLink& link, const carrier::Way& way, const crypto::PublicKey& peer);
  void stop();  // the carrier of `link`, or `link`, is about to go

 private:
  void on_carrier(carrier::CarrierDial& dial, std::unique_ptr<loop::BytePipe> pipe,
                  const Error& why) override;
  void on_introduced(session::Introduction& introduction, session::FreshCarrier carrier) override;
  void on_introduction_failed(session::Introduction& introduction, const Error& why,
                              bool refused) override;
  void failed(const Error& why);

  const OwnEndpoint& self_;
  std::string name_;
  session::SessionLink* link_ = nullptr;  // while there is one of these two
  crypto::PublicKey peer_;
  std::unique_ptr<carrier::CarrierDial> dial_;
  std::unique_ptr<session::Introduction> introduction_;
  LanePatience patience_;
};

}  // namespace culvert::agent
