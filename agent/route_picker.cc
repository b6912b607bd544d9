#include "agent/route_picker.h"

#include <algorithm>
#include <utility>

namespace culvert::agent {
namespace {

bool goes_first(const carrier::Way& way) { return way.proxy && way.recipe->lanes == nullptr; }

bool said_no(const Error& why) {
  return why.code == ErrorCode::kNotPermitted || why.code == ErrorCode::kAuthentication;
}

Duration stagger_behind(const carrier::Way& way) {
  return way.recipe->has(carrier::LayerKind::kFtp) ? RoutePicker::kStaggerOfFtp
                                                   : RoutePicker::kStagger;
}

// Somebody took the connection: the next one was refused for the sake of this one, perhaps.
bool was_taken(const Error& why) {
  return said_no(why) || why.code == ErrorCode::kProtocol || why.code == ErrorCode::kClosed ||
         why.code == ErrorCode::kReset;
}

}  // namespace

RoutePicker::RoutePicker(std::vector<carrier::Way> ways, bool first_is_remembered, TimePoint now)
    : next_at_(now), head_start_(first_is_remembered) {
  attempts_.reserve(ways.size());
  for (auto& way : ways) {
    order_.push_back(attempts_.size());
    attempts_.push_back({.way = std::move(way)});
  }
}

void RoutePicker::add(carrier::Way way) {
  const bool known = std::any_of(attempts_.begin(), attempts_.end(), [&](const Attempt& attempt) {
    return is_same_way(attempt.way, way);
  });
  if (known || attempts_.size() >= kMost) return;
  auto at = order_.end();
  if (goes_first(way))
    at = std::find_if(order_.begin() + static_cast<std::ptrdiff_t>(started_), order_.end(),
                      [&](std::size_t other) { return !goes_first(attempts_[other].way); });
  order_.insert(at, attempts_.size());
  attempts_.push_back({.way = std::move(way)});
}

std::optional<std::size_t> RoutePicker::next_start(TimePoint now) {
  if (winner_ || started_ == order_.size() || now < next_at_) return std::nullopt;
  if (one_at_a_time_ && any_runs()) return std::nullopt;
  const bool alone = started_ == 0 && head_start_;
  const auto next = take_next();
  next_at_ = now + (alone ? Duration{kHeadStart} : stagger_behind(attempts_[next].way));
  attempts_[next].state = State::kRunning;
  attempts_[next].started_at = now;
  attempts_[next].looked_at = false;
  attempts_[next].in_the_way = one_at_a_time_;
  return next;
}

std::size_t RoutePicker::running_at(const SocketAddress& hop) const {
  return static_cast<std::size_t>(std::ranges::count_if(attempts_, [&](const Attempt& attempt) {
    return attempt.state == State::kRunning && attempt.way.first_hop == hop;
  }));
}

std::size_t RoutePicker::take_next() {
  const auto head = order_.begin() + static_cast<std::ptrdiff_t>(started_++);
  const auto& way = attempts_[*head].way;
  const auto waiting = running_at(way.first_hop);
  auto chosen = head;
  // Among proxies: the first that nobody waits for.
  if (waiting != 0 && goes_first(way))
    chosen = std::find_if(head, order_.end(), [&](std::size_t other) {
      return goes_first(attempts_[other].way) && running_at(attempts_[other].way.first_hop) == 0;
    });
  if (chosen == order_.end() || (chosen == head && waiting >= kMostAtOnePlace))
    chosen = std::find_if(head, order_.end(), [&](std::size_t other) {
      return running_at(attempts_[other].way.first_hop) < kMostAtOnePlace;
    });
  if (chosen == order_.end()) chosen = head;
  std::rotate(head, chosen, chosen + 1);
  return *head;
}

std::optional<TimePoint> RoutePicker::next_deadline() const {
  if (winner_) return std::nullopt;
  std::optional<TimePoint> due;
  const auto soonest = [&](TimePoint at) { due = due ? std::min(*due, at) : at; };
  if (started_ != order_.size() && !(one_at_a_time_ && any_runs())) soonest(next_at_);
  for (std::size_t i = 0; i < attempts_.size(); ++i) {
    const auto& attempt = attempts_[i];
    if (attempt.state != State::kRunning) continue;
    if (attempt.in_the_way) soonest(attempt.started_at + kMostInTheWay);
    if (!one_at_a_time_ && !attempt.looked_at && was_one_taken_beside(i))
      soonest(attempt.started_at + kNoAnswer);
  }
  return due;
}

bool RoutePicker::any_runs() const {
  return std::ranges::any_of(
      attempts_, [](const Attempt& attempt) { return attempt.state == State::kRunning; });
}

bool RoutePicker::was_one_taken_beside(std::size_t way) const {
  return std::ranges::any_of(attempts_, [&](const Attempt& other) {
    return other.state == State::kFailed && was_taken(other.failure) &&
           other.way.first_hop == attempts_[way].way.first_hop;
  });
}

// Its turn is the next.
void RoutePicker::queue_again(std::size_t way) {
  attempts_[way].state = State::kWaiting;
  attempts_[way].in_the_way = false;
  std::erase(order_, way);
  --started_;
  order_.insert(order_.begin() + static_cast<std::ptrdiff_t>(started_), way);
}

std::vector<std::size_t> RoutePicker::take_turns(std::vector<std::size_t> dialling, TimePoint now) {
  if (one_at_a_time_ || winner_) return {};
  for (std::size_t way = 0; way < attempts_.size(); ++way) {
    auto& attempt = attempts_[way];
    if (attempt.state != State::kRunning || now < attempt.started_at + kNoAnswer) continue;
    attempt.looked_at = true;
    one_at_a_time_ |= std::ranges::count(dialling, way) != 0 && was_one_taken_beside(way);
  }
  if (!one_at_a_time_) return {};
  std::ranges::sort(dialling);
  std::for_each(dialling.rbegin(), dialling.rend(), [&](std::size_t way) { queue_again(way); });
  for (auto& other : attempts_) other.in_the_way = other.state == State::kRunning;
  next_at_ = now + kAgainAfter;
  return dialling;
}

bool RoutePicker::is_refused_beside(std::size_t way, const Error& why) const {
  if (why.code != ErrorCode::kRefused) return false;
  for (std::size_t i = 0; i < attempts_.size(); ++i) {
    const auto& other = attempts_[i];
    if (i == way || other.way.first_hop != attempts_[way].way.first_hop) continue;
    if (other.state == State::kRunning) return true;
  }
  return was_one_taken_beside(way);
}

bool RoutePicker::goes_again(std::size_t way, const Error& why, TimePoint now) {
  auto& attempt = attempts_[way];
  if (!is_refused_beside(way, why)) return false;
  const bool others_run = running_at(attempt.way.first_hop) > 1;
  if (!others_run && ++attempt.again > kMostAgain) return false;
  for (auto& other : attempts_)
    if (other.state == State::kRunning && other.way.first_hop == attempt.way.first_hop)
      other.in_the_way = true;
  queue_again(way);
  next_at_ = now + (others_run ? Duration{kStagger} : Duration{kAgainAfter});
  return true;
}

std::vector<std::size_t> RoutePicker::in_the_way(TimePoint now) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < attempts_.size(); ++i) {
    auto& attempt = attempts_[i];
    if (attempt.state != State::kRunning || !attempt.in_the_way ||
        now < attempt.started_at + kMostInTheWay)
      continue;
    failed(i, {ErrorCode::kTimedOut, "silent, and no other connection is let through beside it"},
           now);
    out.push_back(i);
  }
  return out;
}

void RoutePicker::failed(std::size_t way, Error why, TimePoint now, bool by_service) {
  if (!by_service && goes_again(way, why, now)) return;
  attempts_[way].state = State::kFailed;
  attempts_[way].failure = std::move(why);
  attempts_[way].by_service = by_service;
  // The network learns a moment later that a connection has ended.
  next_at_ = one_at_a_time_ ? now + kAgainAfter : std::min(next_at_, now);
}

std::vector<std::size_t> RoutePicker::rule_out(const carrier::Proxy& proxy, const Error& why,
                                               TimePoint now) {
  std::vector<std::size_t> running;
  for (std::size_t i = 0; i < attempts_.size(); ++i) {
    const auto& attempt = attempts_[i];
    if (!attempt.way.proxy || !attempt.way.proxy->is_same_place(proxy) ||
        attempt.state == State::kFailed)
      continue;
    if (attempt.state == State::kRunning)
      running.push_back(i);
    else
      std::erase(order_, i);
    failed(i, why, now);
  }
  return running;
}

bool RoutePicker::exhausted() const {
  return std::all_of(attempts_.begin(), attempts_.end(),
                     [](const Attempt& attempt) { return attempt.state == State::kFailed; });
}

bool RoutePicker::refused_alike() const {
  const Error* first = nullptr;
  for (const auto& attempt : attempts_) {
    if (!attempt.by_service) continue;
    const auto& said = attempt.failure;
    if (said.code != ErrorCode::kAuthentication) return false;
    if (first != nullptr && said.detail != first->detail) return false;
    first = &said;
  }
  return first != nullptr && exhausted();
}

std::string RoutePicker::progress(const std::string& before) const {
  std::string out;
  for (const auto& attempt : attempts_) {
    if (attempt.state != State::kRunning) continue;
    out += (out.empty() ? "waiting for " : ", ") + to_string(attempt.way);
  }
  if (out.empty()) return before;
  const bool failed = std::ranges::any_of(
      attempts_, [](const Attempt& attempt) { return attempt.state == State::kFailed; });
  return failed ? out + "; " + why() : out;
}

std::string RoutePicker::why() const {
  if (refused_alike())
    return "the service refuses: " +
           std::ranges::find_if(attempts_, &Attempt::by_service)->failure.detail;
  std::string out, silent;
  const bool none = exhausted();
  for (const auto& attempt : attempts_) {
    if (attempt.state != State::kFailed) continue;
    auto& list = none && !said_no(attempt.failure) ? silent : out;
    if (!list.empty()) list += "; ";
    // A dial's own message names the way already.
    const auto title = to_string(attempt.way);
    const auto& detail = attempt.failure.detail;
    if (!detail.starts_with(title)) list.append(title).append(": ");
    list += detail;
  }
  if (!out.empty() && !silent.empty()) out += "; ";
  out += silent;
  if (!out.empty() || attempts_.empty()) return out.empty() ? "there is no way to try" : out;
  return head_start_ ? "it worked the last time" : "the first to answer";
}

}  // namespace culvert::agent
