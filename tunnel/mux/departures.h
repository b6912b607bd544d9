// tunnel/mux/departures.h: ends of streams that the peer may not have heard of yet.
//
// A stream is forgotten when it was reset here, or when both directions ended in order. The frame
// that tells the peer so (RESET, or the WINDOW that acknowledges its last octet) can be lost with
// its carrier, and then nobody would be left to repeat it. So it is kept here until a PONG shows
// that the peer has read past it: carriers deliver in order.
#pragma once
#include <optional>
#include <string>

#include "tunnel/base/fifo.h"
#include "tunnel/mux/snapshot.h"

namespace culvert::mux {

class Departures {
 public:
  void reset(StreamId stream, ErrorCode code, std::string reason);  // RESET is due
  // Everything of the peer has been acknowledged up to here, on this carrier.
  void ended(StreamId stream, std::uint64_t received);

  bool due() const { return !due_.empty(); }
  Frame next() const;  // borrows from this
  void sent();         // next() has gone out

  void pinged(std::uint64_t value);     // a PING goes out behind all that was sent so far
  void confirmed(std::uint64_t value);  // its PONG
  void restart();                       // another carrier: all that is not confirmed is due again
  bool crowded() const { return unconfirmed_.size() >= kCrowd; }
  std::size_t size() const { return due_.size() + unconfirmed_.size(); }

  std::vector<DepartureSnapshot> snapshot() const;
  void restore(const std::vector<DepartureSnapshot>& from);  // all are due

 private:
  static constexpr std::size_t kCrowd = 256;
  struct Departure {
    StreamId stream;
    ErrorCode code;          // kNone: it ended in order
    std::uint64_t received;  // then: the peer's octets, its end counted
    std::string reason;
    std::uint64_t before;  // number of the PING that was to be sent next when it went out
  };
  Fifo<Departure> due_, unconfirmed_;
  std::uint64_t next_ping_ = 0;
  std::optional<std::uint64_t> pinged_value_;
};

}  // namespace culvert::mux
