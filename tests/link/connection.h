// tests/link/connection.h: one TCP connection through the link: two sockets and two directions.
//
// Round trips are counted as TCP would. The kernel accepts at once, so a client believes itself
// connected at time 0 (T: one way); from there on
//   1 T  its SYN arrives: the target is dialled; a refusal is back at 2 T
//   2 T  the client would be connected: octets sent until then leave now
//   3 T  they arrive with the end of TCP's handshake; octets of the target leave from here on
//   4 T  the first answer is back: 1 round trip for TCP, 1 for question and answer.
#pragma once
#include <array>
#include <cstdint>

#include "tests/link/delay_queue.h"
#include "tests/link/endpoint.h"
#include "tests/link/shape.h"

namespace culvert::link {

class Connection {
 public:
  Connection(std::uint64_t number, int epoll, UniqueFd accepted, TimePoint now, Shape& shape);

  // Moves what can move now. False when the connection is over.
  bool step(TimePoint now, const SocketAddress& target, Stats& stats);
  TimePoint next_step(TimePoint now) const;  // unless the sockets have news earlier

  void reset();    // both sides see RST now, what is on its way is lost
  void swallow();  // from now on, whatever comes is lost and nobody is told of anything
  std::uint64_t number() const { return number_; }
  std::size_t held() const { return up_.queue.held() + down_.queue.held(); }

 private:
  struct Way {
    Endpoint& from;
    Endpoint& to;
    Bottleneck& bottleneck;
    std::uint64_t Stats::*counter;
    TimePoint opens;  // no octet enters before
    bool over = false;
    DelayQueue queue{};
  };

  void dial(TimePoint now, const SocketAddress& target);
  bool may_read(const Way& way, TimePoint now) const;
  void read(Way& way, TimePoint now);
  void deliver(Way& way, TimePoint now, Stats& stats);
  bool step_swallowed();
  TimePoint next_step(const Way& way, TimePoint now) const;

  std::uint64_t number_;
  Shape& shape_;
  Endpoint near_, far_;  // near: who connected
  Way up_, down_;
  TimePoint dial_at_;
  bool dialled_ = false, swallowed_ = false;
  std::uint64_t passed_ = 0;  // octets delivered both ways
};

}  // namespace culvert::link
