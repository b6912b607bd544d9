#include "tunnel/carrier/lane_logins.h"

namespace culvert::carrier {
namespace {

HttpAnswer answer_of(const exchange::ResponseHead& head) {
  HttpAnswer answer;
  answer.status = head.status;
  answer.reason = head.reason;
  for (const auto& field : head.fields) answer.fields.push_back({field.name, field.value});
  return answer;
}

}  // namespace

ProxyLogin& LaneLogins::login_of(exchange::LaneId lane) {
  const auto known = lanes_.find(lane);
  if (known != lanes_.end()) return known->second;
  auto& login = lanes_.emplace(lane, found_out_.for_another_connection()).first->second;
  if (login.wants_ticket() && !tickets_.empty()) {
    (void)login.take_ticket(std::move(tickets_.back()));  // does not fail: there is one
    tickets_.pop_back();
  }
  return login;
}

Result<exchange::LaneLogin::Next> LaneLogins::challenged(exchange::LaneId lane,
                                                         const exchange::ResponseHead& answer) {
  auto& login = login_of(lane);
  CULVERT_RETURN_IF_ERROR(login.challenged(answer_of(answer)));
  if (!accepted_) found_out_ = login;
  return login.wants_ticket() ? Next::kNewLane : Next::kSameLane;
}

Result<void> LaneLogins::take_ticket(Result<std::string> ticket) {
  constexpr std::size_t kMostTickets = 16;
  if (!ticket) return found_out_.take_ticket(std::move(ticket));
  if (tickets_.size() < kMostTickets) tickets_.push_back(*std::move(ticket));
  return {};
}

void LaneLogins::accepted(exchange::LaneId lane) {
  auto& login = login_of(lane);
  login.accepted();
  if (!std::exchange(accepted_, true)) found_out_ = login;
}

}  // namespace culvert::carrier
