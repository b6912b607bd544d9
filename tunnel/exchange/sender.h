// tunnel/exchange/sender.h: one direction of an exchange at its sending end: what was written, on
// which requests it went, what has to go again.
//
// Knows no HTTP: a request is a number that it can be told about. Offsets count octets from 0; the
// end of the direction is one octet more. An octet goes again when the request that carried it is
// known to have died, or when nothing was acknowledged for too long.
#pragma once
#include <optional>
#include <vector>

#include "tunnel/base/byte_queue.h"
#include "tunnel/base/result.h"
#include "tunnel/base/time.h"
#include "tunnel/exchange/message.h"

namespace culvert::exchange {

class Sender {
 public:
  // It doubles once half of it is acknowledged: with 256 KiB at first, the second 16 MB of an
  // exchange went at 27 MB/s instead of 47 (40 ms, measured through tinyproxy, and squid with an
  // inspector).
  static constexpr std::size_t kMinWindow = 1024 * 1024, kMaxWindow = 8 * 1024 * 1024;

  // What write() takes now. Few octets wait for a request, so that an echo beside a bulk transfer
  // waits for few; more of them only once they leave fast.
  std::size_t room() const;
  std::size_t write(Bytes data);
  void end();
  bool ended() const { return ended_; }

  // Octets that may go on a request now; the end counts.
  std::size_t due() const;
  // The next of them, at most `most` octets. nullopt: none.
  std::optional<Data> take(std::size_t most, std::uint64_t request, TimePoint now);

  // kProtocol: what was never sent cannot have arrived.
  Result<void> acknowledged(std::uint64_t received, TimePoint now);
  void allow(std::uint64_t credit) { credit_ = std::max(credit_, credit); }
  void lost(std::uint64_t request);             // what it carried goes again
  std::size_t on(std::uint64_t request) const;  // octets it carried that are not acknowledged
  bool has_lost() const { return !lost_.empty(); }
  bool all_acknowledged() const { return base_ == total(); }
  std::size_t unacknowledged() const { return static_cast<std::size_t>(total() - base_); }

  std::optional<TimePoint> next_deadline() const;
  // The request whose octets go again because nothing was acknowledged for too long.
  std::optional<std::uint64_t> tick(TimePoint now);
  std::optional<Duration> round_trip() const { return round_trip_; }
  std::uint64_t sent_again() const { return sent_again_; }  // octets

 private:
  struct Record {  // octets [from, to) went on `request`
    std::uint64_t request, from, to;
    TimePoint at;
    bool again;
  };
  struct Range {
    std::uint64_t from, to;
  };
  std::uint64_t total() const { return base_ + log_.size() + (ended_ && !end_acknowledged_); }
  void again(const Record& record);
  Duration patience() const;

  ByteQueue log_;  // unacknowledged
  std::uint64_t base_ = 0, next_ = 0, credit_ = 64 * 1024;
  bool ended_ = false, end_acknowledged_ = false;
  std::vector<Record> records_;  // in order of sending
  std::vector<Range> lost_;      // sorted, apart
  std::size_t window_ = kMinWindow;
  std::uint64_t grown_at_ = 0;
  std::optional<Duration> round_trip_;
  TimePoint progress_at_{};
  int backoff_ = 0;
  std::uint64_t sent_again_ = 0;
};

}  // namespace culvert::exchange
