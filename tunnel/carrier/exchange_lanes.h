// tunnel/carrier/exchange_lanes.h: makes the connections of an HTTP exchange: each goes the same
// way.
#pragma once
#include <vector>

#include "tunnel/carrier/carrier_dial.h"
#include "tunnel/exchange/client_pipe.h"

namespace culvert::carrier {

class ExchangeLanes final : public exchange::LaneSource,
                            private CarrierDial::Listener,
                            private loop::Deferred {
 public:
  // `way`: of one lane (Recipe::lanes). `means` outlives this.
  ExchangeLanes(loop::Loop& loop, Way way, Means means, Duration limit);
  void dial(exchange::LaneSource::Listener& listener) override;

 private:
  void on_carrier(CarrierDial& dial, std::unique_ptr<loop::BytePipe> pipe,
                  const Error& why) override;
  void run_deferred() override { done_.clear(); }

  loop::Loop& loop_;
  Way way_;
  Means means_;
  Duration limit_;
  exchange::LaneSource::Listener* listener_ = nullptr;
  std::vector<std::unique_ptr<CarrierDial>> dials_;
  std::vector<std::unique_ptr<CarrierDial>> done_;  // destroyed from the loop
};

}  // namespace culvert::carrier
