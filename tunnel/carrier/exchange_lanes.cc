#include "tunnel/carrier/exchange_lanes.h"

#include <algorithm>

namespace culvert::carrier {

ExchangeLanes::ExchangeLanes(loop::Loop& loop, Way way, Means means, Duration limit)
    : Deferred(loop), loop_(loop), way_(std::move(way)), means_(means), limit_(limit) {}

void ExchangeLanes::dial(exchange::LaneSource::Listener& listener) {
  listener_ = &listener;
  dials_.push_back(std::make_unique<CarrierDial>(loop_, way_, means_, limit_,
                                                 static_cast<CarrierDial::Listener&>(*this)));
}

void ExchangeLanes::on_carrier(CarrierDial& dial, std::unique_ptr<loop::BytePipe> pipe,
                               const Error& why) {
  const auto found = std::ranges::find(dials_, &dial, &std::unique_ptr<CarrierDial>::get);
  done_.push_back(std::move(*found));
  dials_.erase(found);
  schedule();
  listener_->on_lane(std::move(pipe), why);
}

}  // namespace culvert::carrier
