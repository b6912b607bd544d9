// tunnel/mux/stream.h: one stream's bookkeeping. Offsets are absolute octet counts; the end of a
// direction counts as one more octet, so that it is acknowledged like data.
#pragma once
#include "tunnel/base/byte_queue.h"
#include "tunnel/base/time.h"
#include "tunnel/mux/frame.h"

namespace culvert::mux {

inline constexpr std::uint64_t kInitialWindow = 64 * 1024;  // before the peer says otherwise
inline constexpr std::size_t kSendQueue = 256 * 1024;       // accepted from the owner, not yet sent

// What the owner wrote, until the peer has acknowledged it: the part behind `sent` waits for
// credit, the part before it waits for acknowledgement (a resumed session sends it again).
struct SendHalf {
  ByteQueue log;  // octets acknowledged .. written
  std::uint64_t acknowledged = 0;
  std::uint64_t sent = 0;  // on the present carrier; goes back to `acknowledged` with a new one
  std::uint64_t highest =
      0;  // ever sent on any carrier, the end counted: more cannot be acknowledged
  std::uint64_t limit = kInitialWindow;  // the peer's credit
  bool finished = false;                 // the owner wrote its last octet
  bool end_sent = false;
  bool end_acknowledged = false;
  bool owner_waits = false;  // write() came short: tell when there is room

  std::uint64_t written() const { return acknowledged + log.size(); }
  std::uint64_t unsent() const { return written() - sent; }
  bool can_send() const {
    return (unsent() > 0 && sent < limit) || (finished && !end_sent && unsent() == 0);
  }
};

inline constexpr std::uint32_t kNoPiece = ~std::uint32_t{0};

struct ReceiveHalf {
  ByteQueue queue;                       // octets from the first that was not consumed ...
  std::uint32_t first_piece = kNoPiece;  // ... then those that are borrowed still (Mux::borrow())
  std::uint32_t last_piece = kNoPiece;
  std::size_t borrowed = 0;  // octets of them
  std::uint64_t received = 0;
  std::uint64_t limit = kInitialWindow;   // what we allowed
  std::uint64_t told_received = 0;        // acknowledged in the last WINDOW
  std::uint32_t window = kInitialWindow;  // target distance of limit from consumed
  bool ended = false;                     // the peer's last octet has arrived
  bool end_taken = false;                 // ... and the owner knows

  std::size_t waiting() const { return queue.size() + borrowed; }
  std::uint64_t consumed() const { return received - waiting(); }
  std::uint64_t acknowledgement() const { return received + (ended ? 1 : 0); }
};

struct Stream {
  explicit Stream(StreamId stream_id) : id(stream_id) {}
  StreamId id;
  SendHalf send;
  ReceiveHalf receive;
  ByteVector target;  // what the opener asked for; dropped when it has been seen
  bool opened_here = false;
  bool open_unsent = false;    // OPEN still has to go out, or again
  bool open_left = false;      // ... has gone out at least once
  bool known_to_peer = false;  // it sent a frame for this stream: OPEN has arrived
  bool accepted = false;       // the far end is connected
  bool readable_announced = false;
  bool window_due = false;             // in the list of windows to tell
  bool tell_accepted = false;          // the next WINDOW says so
  bool scheduled = false;              // in a send list
  ErrorCode reset = ErrorCode::kNone;  // the peer reset it; what came before is still to be read
  std::uint64_t measured_from = 0;     // window tuning: consumed octets at ...
  TimePoint measured_at{};             // ... this time
  std::uint64_t active_epoch = 0;      // when it was last counted as active

  bool done() const { return send.end_acknowledged && receive.ended && receive.end_taken; }
};

}  // namespace culvert::mux
