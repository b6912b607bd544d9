// tunnel/carrier/websocket_frames.h: WebSocket frames (RFC 6455 section 5) <-> octets of a stream.
// Knows neither the upgrade before them nor what they carry; a message's borders mean nothing here.
#pragma once
#include <optional>

#include "tunnel/base/byte_queue.h"
#include "tunnel/base/result.h"

namespace culvert::carrier {

enum class WebSocketOpcode : std::uint8_t {
  kContinuation = 0,
  kText = 1,
  kBinary = 2,
  kClose = 8,
  kPing = 9,
  kPong = 10,
};

using WebSocketMask = std::array<std::byte, 4>;

// One final frame; with a mask from a client, without from a server (section 5.1).
void append_websocket_frame(ByteQueue& out, WebSocketOpcode opcode, Bytes payload,
                            const std::optional<WebSocketMask>& mask);

// Takes frames apart, however they are cut; keeps at most one control frame (125 octets).
class WebSocketReader {
 public:
  explicit WebSocketReader(bool from_client) : from_client_(from_client) {}

  enum class Event : std::uint8_t { kNothing, kPing, kPong, kClose };
  // Takes what it needs off the front of `wire`. Octets of messages go to `room` as long as there
  // is some and `data` is empty, else behind `data`. kNothing: all was taken. kProtocol.
  Result<Event> next(Bytes& wire, ByteQueue& data, MutableBytes& room);
  // Of the last event; of kClose: the status code and reason, if any. Dies with the next call.
  Bytes control() const { return Bytes{control_}.first(told_); }

 private:
  Result<void> take_header();
  void take_data(Bytes payload, ByteQueue& data, MutableBytes& room);
  void unmask(Bytes payload, std::byte* to);

  const bool from_client_;
  std::array<std::byte, 14> header_{};
  std::size_t header_size_ = 0;  // of it, so far
  WebSocketOpcode opcode_ = WebSocketOpcode::kContinuation;
  bool in_message_ = false;  // a data message goes on with the next frame
  bool in_payload_ = false;
  std::uint64_t left_ = 0;  // of the payload
  WebSocketMask mask_{};
  std::size_t mask_at_ = 0;
  std::array<std::byte, 125> control_{};
  std::size_t control_size_ = 0, told_ = 0;
};

}  // namespace culvert::carrier
