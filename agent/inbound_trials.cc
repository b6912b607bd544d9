#include "agent/inbound_trials.h"

namespace culvert::agent {

InboundTrials::InboundTrials(const OwnEndpoint& self, const OwnPlace& place, Uplink& uplink,
                             DirectListener& direct)
    : self_(self), place_(place), uplink_(uplink), direct_(direct), timer_(self.loop, *this) {}

void InboundTrials::look() {
  auto port = place_.trial_port();
  control::TryInbound wish;
  if (port == 0 && !other_unknown_) {
    wish.statement = place_.trial_statement();
    if (!wish.statement.empty()) port = place_.port();
  }
  if (port == 0 || timer_.running() || !uplink_.up()) return;
  wish.port = port;
  self_.random.fill(wish.secret);
  direct_.expect_trial(wish.secret);
  asked_ = port;
  asked_other_ = !wish.statement.empty();
  timer_.start(kAnswerLimit);
  uplink_.try_inbound(wish);
}

void InboundTrials::forget() {
  timer_.stop();
  asked_ = 0;
  refusals_ = 0;
  other_unknown_ = false;
}

void InboundTrials::answered(const control::InboundTried& outcome) {
  if (outcome.port != asked_) return;
  asked_ = 0;
  if (std::exchange(asked_other_, false) && !outcome.at && outcome.error != ErrorCode::kTryAgain)
    other_unknown_ = true;
  refusals_ = outcome.error == ErrorCode::kTryAgain ? refusals_ + 1 : 0;
  if (refusals_ < kMostRefusals) return timer_.start(kPause);
  forget();  // whoever looks again begins again
}

void InboundTrials::on_timer(loop::Timer&) {
  asked_ = 0;
  look();
}

}  // namespace culvert::agent
