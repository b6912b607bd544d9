// tunnel/mux/frame.h: frames of the stream multiplex <-> bytes (PROTOCOL.md section 5).
//
// Every frame names its stream and, where it matters, absolute offsets in that stream. So frames
// may be repeated, and may travel on any carrier of the session: which carrier brought them does
// not change what they mean. Frames are cut out of opened records, which are whole: a frame never
// spans two records.
#pragma once
#include <cstdint>
#include <optional>
#include <variant>

#include "tunnel/base/bytes.h"
#include "tunnel/base/result.h"

namespace culvert::mux {

// Odd: opened by the initiator of the session; even: by the responder; 0: the control stream, which
// is always open both ways. Never reused (a reused id delivered stale data in a prototype).
enum class StreamId : std::uint32_t {};
inline constexpr StreamId kControlStream{0};

//   0       1       2               4                               8
//  +-------+-------+---------------+-------------------------------+
//  | type  | flags |    length     |           stream id           |
//  +-------+-------+---------------+-------------------------------+
//  |                    offset (OPEN, WINDOW: limit)               |
//  +---------------------------------------------------------------+
//  |  payload ... (`length` octets)
struct Open {  // type 1: payload = what the opener wants, opaque here (control/target.h)
  StreamId stream;
  std::uint64_t limit;  // how far the acceptor may send: the opener's receive limit
  Bytes target;
};
struct Data {  // type 2
  StreamId stream;
  std::uint64_t offset;  // of the first payload octet in this direction of the stream
  bool last;             // flag 1: the direction ends behind the payload (FIN)
  Bytes payload;
};
struct Window {  // type 3: everything before `received` has arrived, up to `limit` may come
  StreamId stream;
  std::uint64_t limit;
  std::uint64_t received;  // payload: 8 octets
  bool accepted;           // flag 1: (acceptor to opener) the stream's far end is connected
};
struct Reset {  // type 4: neither direction goes on; payload = human-readable reason
  StreamId stream;
  ErrorCode code;  // in the offset field
  std::string_view reason;
};
struct Ping {  // type 5, stream 0: answered by a Pong with the same value
  std::uint64_t value;
};
struct Pong {  // type 6
  std::uint64_t value;
};
// Type 7: a datagram of a flow, or a piece of one. Sent once, never acknowledged, in no order with
// the stream's data. Offset field: u32 number, u16 begin, u16 size.
struct Datagram {
  StreamId stream;
  std::uint32_t number;  // of the datagram, in this direction of the session
  std::uint16_t begin;   // of the payload in it
  std::uint16_t size;    // of the whole datagram
  Bytes payload;
};
using Frame = std::variant<Open, Data, Window, Reset, Ping, Pong, Datagram>;

inline constexpr std::size_t kHeaderSize = 16;
inline constexpr std::size_t kMaxPayload = 16 * 1024;
inline constexpr std::size_t kMaxTarget = 1024;
inline constexpr std::size_t kMaxDatagram = 65507;  // what UDP over IPv4 can carry
inline constexpr std::size_t kMaxReason = 256;
inline constexpr std::uint64_t kMaxWindow = 1u << 30;                // beyond it credit is refused
inline constexpr std::uint64_t kMaxOffset = std::uint64_t{1} << 62;  // no stream gets there

// Cuts one frame off the front of `in`; the frame borrows from it. nullopt: `in` is empty. A frame
// that is not all there is an error, as records are whole.
Result<std::optional<Frame>> take_frame(Bytes& in);

void append_frame(ByteVector& out, const Frame& frame);
std::size_t frame_size(const Frame& frame);
std::size_t write_frame(std::byte* at, const Frame& frame);  // there is room; gives its size

// Writes the header of a DATA frame whose payload of `length` octets the caller puts behind it.
void write_data_header(std::byte* at, StreamId stream, std::uint64_t offset, std::size_t length,
                       bool last);
// ... of a DATAGRAM frame with `length` octets of `datagram`, whose payload may be all of it.
void write_datagram_header(std::byte* at, const Datagram& datagram, std::size_t length);

}  // namespace culvert::mux
