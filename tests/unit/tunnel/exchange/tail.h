// One direction through a middlebox that hands its system what it has of a body with "more follows"
// (MSG_MORE, as haproxy 2.6 does): what does not fill a packet waits for more, or 200 ms.
#pragma once
#include <optional>

#include "tunnel/base/byte_queue.h"
#include "tunnel/exchange/http_body.h"

namespace culvert::exchange {

class Tail {
 public:
  explicit Tail(bool requests) : requests_(requests) {}
  // What passes now; the rest waits.
  ByteVector hear(Bytes octets, std::size_t packet);
  ByteVector flush() { return take(held_.size()); }
  bool waits() const { return !held_.empty(); }
  bool timed = false;  // somebody will flush

 private:
  std::optional<std::size_t> head_size();  // and the body that follows it
  ByteVector take(std::size_t count);

  bool requests_;
  ByteQueue unread_, held_;
  BodyReader body_;
};

}  // namespace culvert::exchange
