#include "tail.h"

namespace culvert::exchange {

std::optional<std::size_t> Tail::head_size() {
  if (requests_) {
    const auto head = read_request_head(unread_.peek());
    if (!head || !*head) return std::nullopt;
    body_ = BodyReader((*head)->body);
    return (*head)->size;
  }
  const auto head = read_response_head(unread_.peek());
  if (!head || !*head) return std::nullopt;
  body_ = BodyReader((*head)->body);
  return (*head)->size;
}

ByteVector Tail::take(std::size_t count) {
  const auto some = held_.peek().first(count);
  ByteVector out(some.begin(), some.end());
  held_.pop(count);
  return out;
}

ByteVector Tail::hear(Bytes octets, std::size_t packet) {
  unread_.append(octets);
  held_.append(octets);
  while (!unread_.empty()) {
    if (body_.complete()) {
      const auto size = head_size();
      if (!size) break;
      unread_.pop(*size);
      continue;
    }
    const auto step = body_.step(unread_.peek());
    if (!step || step->taken == 0) break;
    unread_.pop(step->taken);
  }
  const bool more = !body_.complete() || !unread_.empty();
  return take(more ? held_.size() / packet * packet : held_.size());
}

}  // namespace culvert::exchange
