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
  std::uint64_t sent = 0;  // on the present carrier; rewind() with a new one
  // Ever sent on any carrier, the end counted: more cannot be acknowledged.
  std::uint64_t highest = 0;
  std::uint64_t limit = kInitialWindow;  // the peer's credit
  bool finished : 1 = false;             // the owner wrote its last octet
  bool end_sent : 1 = false;
  bool end_acknowledged : 1 = false;
  bool owner_waits : 1 = false;  // write() came short: tell when there is room
  bool interactive : 1 = false;  // it goes by the interactive lane (mux_lane.cc)
  std::uint8_t small_turns = 0;  // one after the other, up to what proves a dialogue
  // Epochs of 100 ms, counted modulo 2^16 (traffic_mix.h). Of the whole stream; here is room.
  std::uint16_t bulk_epoch = 0;    // when a large frame passed last, either way
  std::uint16_t active_epoch = 0;  // when it was counted as active last

  std::uint64_t written() const { return acknowledged + log.size(); }
  std::uint64_t unsent() const { return written() - sent; }
  void rewind() { sent = acknowledged, end_sent = end_acknowledged; }  // all of it is due again
  bool can_send() const {
    return (unsent() > 0 && sent < limit) || (finished && !end_sent && unsent() == 0);
  }
};

inline constexpr std::uint32_t kNoPiece = ~std::uint32_t{0};

struct ReceiveHalf {
  ByteQueue queue;                       // octets from the first that was not consumed ...
  std::uint32_t first_piece = kNoPiece;  // ... then those that are borrowed still (Mux::borrow())
  std::uint32_t borrowed = 0;            // octets of them
  std::uint64_t received = 0;
  std::uint64_t limit = kInitialWindow;   // what we allowed
  std::uint32_t window = kInitialWindow;  // target distance of limit from consumed
  bool ended : 1 = false;                 // the peer's last octet has arrived
  bool end_taken : 1 = false;             // ... and the owner knows
  bool all_told : 1 = false;              // a WINDOW on this carrier acknowledged all of it
  bool in_advance : 1 = false;            // `window` is what earlier streams needed, not measured

  std::size_t waiting() const { return queue.size() + borrowed; }
  std::uint64_t consumed() const { return received - waiting(); }
  std::uint64_t acknowledgement() const { return received + (ended ? 1 : 0); }
};

// Whoever has to hear of a stream: opaque here, the session's owner knows the type.
struct StreamOwner {};

// What every stream needs all the time; what few need for a while is kept apart (Mux::Rare).
struct Stream {
  explicit Stream(StreamId stream_id) : id(stream_id) {}
  SendHalf send;
  ReceiveHalf receive;
  StreamOwner* owner = nullptr;
  StreamId id;
  ErrorCode reset = ErrorCode::kNone;  // the peer reset it; what came before is still to be read
  bool opened_here : 1 = false;
  bool open_unsent : 1 = false;    // OPEN still has to go out, or again
  bool open_left : 1 = false;      // ... has gone out at least once
  bool known_to_peer : 1 = false;  // it sent a frame for this stream: OPEN has arrived
  bool accepted : 1 = false;       // the far end is connected
  bool readable_announced : 1 = false;
  bool window_due : 1 = false;      // in a list of windows to tell
  bool window_at_once : 1 = false;  // ... in that of those not put off, once
  bool tell_accepted : 1 = false;   // the next WINDOW says so
  bool scheduled : 1 = false;       // in a send list
  bool leaving : 1 = false;         // reset here, and RESET goes out behind the log

  bool done() const { return send.end_acknowledged && receive.ended && receive.end_taken; }
};
static_assert(sizeof(Stream) <= 104);  // one more octet costs 16: malloc()

}  // namespace culvert::mux
