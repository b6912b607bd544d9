// A session over a poor way (a proxy, or worse) looks for a better one while it runs, and moves.
//
// An attempt says hello for the very session and resumes it: the service drops the old carrier when
// it has answered. Nothing is lost, since both sides begin again where the other one stopped. A try
// costs one connection and one handshake; while the way is a good one there is no timer.
#include <algorithm>

#include "agent/interception.h"
#include "agent/uplink.h"
#include "tunnel/base/log.h"

namespace culvert::agent {
namespace {

constexpr std::size_t kMostAtOnce = 4;
// From the one to the next that is less good: two that say hello together both take the session
// over, and the last of them keeps it.
constexpr std::chrono::milliseconds kApart{300};

}  // namespace

// TLS is as good as a direct connection, but for its own encryption.
bool Uplink::is_poor(const carrier::Way& way) const {
  if (!way.proxy && (way.recipe->layers.empty() || way.recipe->name == "tls")) return false;
  const auto ways = all_ways();
  return ways.empty() || !is_same_way(ways.front(), way);
}

void Uplink::seek_better() {
  if (!up() || stopping_ || link_ == nullptr || !link_->attached() || !better_attempts_.empty())
    return;
  better_waiting_.clear();
  remember_exchange();  // whoever makes do with one always looks for something better
  auto ways = all_ways();
  const auto current = std::find_if(
      ways.begin(), ways.end(), [&](const carrier::Way& way) { return is_same_way(way, *way_); });
  if (current != ways.end())
    ways.erase(current, ways.end());
  else  // it is remembered, and was not found again: at least without a proxy
    std::erase_if(ways, [](const carrier::Way& way) { return way.proxy.has_value(); });
  take_turns(ways);
  better_pause_ = std::min<Duration>(better_pause_ * 2, kMostBetter);
  better_waiting_.assign(ways.begin(), ways.end());
  if (ways.empty()) return better_timer_.start(better_pause_);
  start_better();
}

void Uplink::start_better() {
  const auto way = std::move(better_waiting_.front());
  better_waiting_.pop_front();
  if (!better_waiting_.empty()) better_timer_.start(kApart);
  better_attempts_.push_back(
      std::make_unique<CarrierAttempt>(self_, with_notes(way), kBetter + better_attempts_.size(),
                                       static_cast<CarrierAttempt::Listener&>(*this)));
}

// The best one each time, and of the others a few: first those through the proxy that is in use,
// whose rules are what changes most likely.
void Uplink::take_turns(std::vector<carrier::Way>& ways) {
  if (ways.size() <= kMostAtOnce) return;
  const auto others = ways.begin() + 1;
  std::stable_partition(others, ways.end(), [&](const carrier::Way& way) {
    return way.proxy && way_->proxy && way.proxy->to_string() == way_->proxy->to_string();
  });
  const auto turn = better_turn_ % (ways.size() - 1);
  std::rotate(others, others + static_cast<std::ptrdiff_t>(turn), ways.end());
  better_turn_ += kMostAtOnce - 1;
  ways.resize(kMostAtOnce);
}

void Uplink::move_to(CarrierAttempt& attempt, session::FreshCarrier carrier) {
  const auto before = way_ ? to_string(*way_) : std::string("none");
  lookup_.reset();
  log::info("uplink", {{"event", "moved"}, {"from", before}, {"to", to_string(attempt.way())}});
  lane_dial_.stop();
  link_->drop_lane("the session takes a better way");
  go_by(attempt.way(), std::move(carrier), "a better way than " + before + " became possible");
}

void Uplink::go_by(const carrier::Way& way, session::FreshCarrier carrier, std::string why) {
  way_ = way;  // an attempt's own: before it is gone
  timer_.stop();
  find_timer_.stop();
  if (finder_) finder_->settle();
  portal_.reset();
  small_once_ = false;
  attempts_.clear();
  better_attempts_.clear();
  better_waiting_.clear();
  attached_at_ = self_.loop.now();
  enter(State::kUp, std::move(why));
  remember(*way_);
  better_pause_ = kFirstBetter;
  better_turn_ = 0;
  if (is_poor(*way_)) better_timer_.start(better_pause_);
  auto interceptor = interception(*way_, carrier.tls_certificate);
  if (interceptor != interceptor_ && !interceptor.empty())
    log::warning("uplink", {{"event", "tls-ends-on-the-way"}, {"certificate", interceptor}});
  interceptor_ = std::move(interceptor);
  seen_ = carrier.seen;
  if (way_->proxy) seen_.reset();  // that is the proxy's
  link_->attach(std::move(carrier));
  send_unsent();
  listener_.on_uplink_changed();
}

}  // namespace culvert::agent
