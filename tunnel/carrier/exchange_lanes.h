// tunnel/carrier/exchange_lanes.h: makes the connections of an HTTP exchange: each goes the same
// way. Where each has to show a proxy a ticket, it is handed out when that is there.
#pragma once
#include <vector>

#include "tunnel/carrier/carrier_dial.h"
#include "tunnel/carrier/lane_logins.h"
#include "tunnel/carrier/ticket_source.h"
#include "tunnel/exchange/client_pipe.h"

namespace culvert::carrier {

class ExchangeLanes final : public exchange::LaneSource,
                            private CarrierDial::Listener,
                            private loop::Deferred {
 public:
  // `way`: of one lane (Recipe::lanes). `means` outlives this. `logins`: null where no proxy takes
  // the requests.
  ExchangeLanes(loop::Loop& loop, Way way, Means means, Duration limit,
                std::shared_ptr<LaneLogins> logins);
  ~ExchangeLanes() override;
  void dial(exchange::LaneSource::Listener& listener) override;

 private:
  struct Waiting;  // a lane, for its ticket
  void ticket_came(Waiting& lane, Result<std::string> ticket);
  void on_carrier(CarrierDial& dial, std::unique_ptr<loop::BytePipe> pipe,
                  const Error& why) override;
  void run_deferred() override;

  loop::Loop& loop_;
  Way way_;
  Means means_;
  Duration limit_;
  std::shared_ptr<LaneLogins> logins_;
  exchange::LaneSource::Listener* listener_ = nullptr;
  std::vector<std::unique_ptr<Waiting>> waiting_, served_;
  std::vector<std::unique_ptr<CarrierDial>> dials_;
  std::vector<std::unique_ptr<CarrierDial>> done_;  // destroyed from the loop
};

}  // namespace culvert::carrier
