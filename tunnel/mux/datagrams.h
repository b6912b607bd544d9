// tunnel/mux/datagrams.h: the datagrams of one session: those that wait for room on the carrier,
// and those that came with the last records.
//
// Unreliable on purpose: nothing is kept for a second carrier. What is older than kMostAge when
// there is room, or would exceed kMostOctets, is dropped and counted: late sound is worse than none
// (RFC 3550 knows loss, not waiting). A flow that sends little goes before those that flood, which
// share what they fill.
//
// Does no I/O and reads no clock; knows nothing of what a flow is.
#pragma once
#include <array>
#include <span>
#include <vector>

#include "tunnel/base/byte_queue.h"
#include "tunnel/base/fifo.h"
#include "tunnel/base/time.h"
#include "tunnel/mux/frame.h"

namespace culvert::mux {

struct DatagramCounts {
  std::uint64_t sent = 0, received = 0;
  std::uint64_t late = 0;  // dropped: older than kMostAge
  std::uint64_t full = 0;  // dropped: no room
  std::uint64_t lost = 0;  // dropped: too long, cut off, or of a stream that is not there
};

struct ArrivedDatagram {
  StreamId stream;
  Bytes data;
};

class Datagrams {
 public:
  static constexpr Duration kMostAge = std::chrono::milliseconds{60};
  static constexpr Duration kMostWait = std::chrono::seconds{1};  // for a carrier
  static constexpr std::size_t kMostOctets = 1u << 20;            // queued; a flow: half of it
  static constexpr std::size_t kLight = 8 * 1024;                 // queued: goes before the others
  static constexpr std::size_t kMostArrived = 256 * 1024;         // copied and not taken yet

  // --- outgoing
  void put(StreamId stream, Bytes datagram, TimePoint now);
  bool empty() const { return light_.entries.empty() && heavy_.entries.empty(); }
  void drop_late(TimePoint now);
  void restart(TimePoint now);  // another carrier: what waited for it counts as new
  // Appends whole frames of streams that `may_go`; a datagram is cut only where it must be.
  template <class MayGo>
  std::size_t fill(std::byte* out, std::size_t capacity, MayGo may_go) {
    std::size_t used = 0;
    while (auto* const lane = next_lane()) {
      if (!may_go(lane->entries.front().stream)) {
        ++counts_.lost;
        pop(*lane);
        continue;
      }
      const auto wrote = write_piece(*lane, out + used, capacity - used, used == 0);
      if (wrote == 0) break;
      used += wrote;
    }
    return used;
  }

  // --- incoming
  // The payload stays where it is until arrived() was taken, unless `keep` says to copy it.
  void take(const Datagram& frame, bool keep);
  std::span<const ArrivedDatagram> arrived() const { return arrived_; }
  void arrived_taken();

  DatagramCounts& counts() { return counts_; }

 private:
  struct Entry {
    StreamId stream;
    std::uint32_t number;
    std::uint16_t size;
    TimePoint since;
  };
  struct Lane {
    Fifo<Entry> entries;
    ByteQueue octets;
    std::array<std::uint32_t, 64> queued{};  // octets of the flows of one hash
  };
  static std::size_t hash(StreamId stream) {
    return (static_cast<std::uint32_t>(stream) >> 1) % 64;
  }
  Lane* next_lane();
  void pop(Lane& lane);
  std::size_t write_piece(Lane& lane, std::byte* out, std::size_t capacity, bool may_cut);
  void take_piece(const Datagram& frame);
  void keep_whole(StreamId stream, ByteVector whole);

  Lane light_, heavy_;
  Lane* begun_ = nullptr;  // whose front has `written_` octets of it out
  std::size_t written_ = 0;
  std::uint32_t next_number_ = 0;

  std::vector<ArrivedDatagram> arrived_;
  std::vector<ByteVector> kept_;
  std::size_t kept_octets_ = 0;
  struct {
    StreamId stream{};
    std::uint32_t number = 0;
    std::size_t size = 0;  // 0: there is none
    ByteVector got;
  } partial_;
  DatagramCounts counts_;
};

}  // namespace culvert::mux
