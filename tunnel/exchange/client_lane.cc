#include "tunnel/exchange/client_lane.h"

#include <cassert>

namespace culvert::exchange {

void ClientLane::begin(Flight flight, Bytes head_and_body) {
  assert(idle());
  flight_.emplace(std::move(flight));
  head_.reset();
  opener_.reset();
  content_ = {};
  output_.append(head_and_body);
}

void ClientLane::finish(TimePoint now) {
  if (flight_->number != 0) ++served_;
  flight_.reset();
  head_.reset();
  opener_.reset();
  content_ = {};
  idle_since_ = now;
  if (!keep_alive_) closed_ = true;
}

Result<ClientLane::Event> ClientLane::next() {
  if (!flight_ || closed_) {
    // An answer that nobody asked for: a time-out's 408, or worse.
    if (!input_.empty()) closed_ = true;
    return Event::kNothing;
  }
  while (!head_) {
    auto head = read_response_head(input_.peek());
    if (!head) return fail(head.error());
    if (!*head) return Event::kNothing;
    input_.pop((*head)->size);
    if ((*head)->status / 100 == 1 && (*head)->status != 101) continue;  // another one follows
    head_ = std::move(**head);
    body_ = BodyReader(head_->body);
    keep_alive_ = head_->keep_alive;
    return Event::kHead;
  }
  if (body_.complete()) return Event::kComplete;
  while (!input_.empty()) {
    const auto step = body_.step(input_.peek());
    if (!step) return fail(step.error());
    content_.append(step->content);
    const bool news = !step->content.empty();
    const bool stuck = step->taken == 0;
    input_.pop(step->taken);
    input_.release_if_empty();
    if (news) return Event::kContent;
    if (body_.complete()) return Event::kComplete;
    if (stuck) break;
  }
  return Event::kNothing;
}

}  // namespace culvert::exchange
