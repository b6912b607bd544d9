#include "tunnel/carrier/exchange_lanes.h"

#include <algorithm>

namespace culvert::carrier {

struct ExchangeLanes::Waiting final : TicketSource::Listener {
  Waiting(ExchangeLanes& o, std::unique_ptr<loop::BytePipe> lane)
      : owner(o), pipe(std::move(lane)) {}
  void on_ticket(Result<std::string> ticket) override {
    owner.ticket_came(*this, std::move(ticket));
  }

  ExchangeLanes& owner;
  std::unique_ptr<loop::BytePipe> pipe;
  std::unique_ptr<TicketSource::Question> question;
};

ExchangeLanes::ExchangeLanes(loop::Loop& loop, Way way, Means means, Duration limit,
                             std::shared_ptr<LaneLogins> logins)
    : Deferred(loop),
      loop_(loop),
      way_(std::move(way)),
      means_(means),
      limit_(limit),
      logins_(std::move(logins)) {}

ExchangeLanes::~ExchangeLanes() = default;

void ExchangeLanes::run_deferred() {
  done_.clear();
  served_.clear();
}

void ExchangeLanes::ticket_came(Waiting& lane, Result<std::string> ticket) {
  const auto found = std::ranges::find(waiting_, &lane, &std::unique_ptr<Waiting>::get);
  served_.push_back(std::move(*found));  // the call comes from inside of it
  waiting_.erase(found);
  schedule();
  const auto login = logins_->take_ticket(std::move(ticket));
  listener_->on_lane(login ? std::move(lane.pipe) : nullptr, login ? Error{} : login.error());
}

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
  if (pipe == nullptr || logins_ == nullptr || means_.tickets == nullptr ||
      !logins_->wants_ticket())
    return listener_->on_lane(std::move(pipe), why);
  waiting_.push_back(std::make_unique<Waiting>(*this, std::move(pipe)));
  auto& lane = *waiting_.back();
  lane.question = means_.tickets->ask(logins_->ticket_host(), lane);
}

}  // namespace culvert::carrier
