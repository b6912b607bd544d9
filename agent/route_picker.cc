#include "agent/route_picker.h"

#include <algorithm>

namespace culvert::agent {

std::string to_string(const Route& route) { return route.recipe + " to " + route.to.to_string(); }

std::vector<Route> order_routes(std::span<const std::string> recipes,
                                std::span<const std::vector<SocketAddress>> addresses_of_recipe,
                                const std::optional<Route>& remembered) {
  std::vector<Route> routes;
  for (std::size_t i = 0; i < recipes.size() && i < addresses_of_recipe.size(); ++i)
    for (const auto& address : addresses_of_recipe[i]) routes.push_back({recipes[i], address});
  if (remembered) {
    const auto known = std::find(routes.begin(), routes.end(), *remembered);
    if (known != routes.end()) std::rotate(routes.begin(), known, known + 1);
  }
  if (routes.size() > kMaxRoutes) routes.resize(kMaxRoutes);
  return routes;
}

RoutePicker::RoutePicker(std::vector<Route> routes, bool first_is_remembered, TimePoint now)
    : next_at_(now), head_start_(first_is_remembered) {
  attempts_.reserve(routes.size());
  for (auto& route : routes) attempts_.push_back({std::move(route), State::kWaiting, {}});
}

std::optional<std::size_t> RoutePicker::next_start(TimePoint now) {
  if (winner_ || started_ == attempts_.size() || now < next_at_) return std::nullopt;
  next_at_ = now + (started_ == 0 && head_start_ ? Duration{kHeadStart} : Duration{kStagger});
  attempts_[started_].state = State::kRunning;
  return started_++;
}

std::optional<TimePoint> RoutePicker::next_deadline() const {
  if (winner_ || started_ == attempts_.size()) return std::nullopt;
  return next_at_;
}

void RoutePicker::failed(std::size_t route, std::string why, TimePoint now) {
  attempts_[route].state = State::kFailed;
  attempts_[route].failure = std::move(why);
  next_at_ = std::min(next_at_, now);
}

bool RoutePicker::exhausted() const {
  return std::all_of(attempts_.begin(), attempts_.end(),
                     [](const Attempt& attempt) { return attempt.state == State::kFailed; });
}

std::string RoutePicker::why() const {
  std::string out;
  for (const auto& attempt : attempts_) {
    if (attempt.state != State::kFailed) continue;
    if (!out.empty()) out += "; ";
    // A dial's own message names the route already.
    const auto title = to_string(attempt.route);
    const bool named = attempt.failure.find(attempt.route.to.to_string()) != std::string::npos;
    out += named ? attempt.failure : title + ": " + attempt.failure;
  }
  if (!out.empty() || attempts_.empty()) return out.empty() ? "there is no way to try" : out;
  return head_start_ ? "it worked the last time" : "the first to answer";
}

}  // namespace culvert::agent
