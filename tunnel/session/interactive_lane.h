// tunnel/session/interactive_lane.h: the second carrier of a session, for dialogues beside bulk
// (PROTOCOL.md section 5.3): its records, and whether its peer is still there.
//
// Does no I/O and reads no clock. Which streams go by it, the multiplex decides. It is worth its
// connection only while both kinds of traffic pass: LaneWish says when.
#pragma once
#include <optional>

#include "tunnel/base/byte_queue.h"
#include "tunnel/mux/mux.h"
#include "tunnel/session/carrier_keys.h"
#include "tunnel/session/liveness.h"
#include "tunnel/session/record_reader.h"

namespace culvert::session {

class LaneWish {
 public:
  static constexpr std::chrono::seconds kForgotten{5};  // a mix that was not seen again
  static constexpr std::chrono::seconds kIdle{30};      // after the last one, or its beginning
  static constexpr int kEnough = 3;                     // tenths of a second that were mixed

  void observe(bool mixed, TimePoint now);
  void fulfilled(TimePoint now) { last_ = now; }  // there is one: it is not idle yet
  bool wanted(TimePoint now) const { return tenths_ >= kEnough && now - last_ < kForgotten; }
  bool idle(TimePoint now) const { return now - last_ >= kIdle; }

 private:
  int tenths_ = 0;
  std::uint64_t epoch_ = 0;  // mux::TrafficMix::epoch()
  TimePoint last_{};
};

class InteractiveLane {
 public:
  // Its frames go to and come from `streams`, which outlives it.
  InteractiveLane(mux::Mux& streams, mux::Role role, const CarrierKeys& carrier, TimePoint now);
  ~InteractiveLane();

  // As Session has them.
  std::size_t restore_partial(MutableBytes buffer) { return reader_.restore_partial(buffer); }
  Result<void> receive(MutableBytes wire, TimePoint now);
  void fill_output(TimePoint now);
  Bytes pending_output() const { return output_.peek(); }
  void output_sent(std::size_t count);
  void rest();
  std::optional<TimePoint> next_deadline() const { return liveness_.next_deadline(); }
  Result<void> tick(TimePoint now);
  void suspect(TimePoint now) { liveness_.suspect(now); }

  std::uint64_t octets_sent() const { return octets_sent_; }
  std::uint64_t octets_received() const { return reader_.octets(); }

 private:
  mux::Mux& streams_;
  Liveness liveness_;
  RecordSealer sealer_;
  RecordReader reader_;
  ByteQueue output_;
  std::uint64_t octets_sent_ = 0;
};

}  // namespace culvert::session
