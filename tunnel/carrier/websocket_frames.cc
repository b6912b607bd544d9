#include "tunnel/carrier/websocket_frames.h"

#include <algorithm>
#include <cstring>

namespace culvert::carrier {
namespace {

constexpr std::byte kFinal{0x80}, kReserved{0x70}, kOpcode{0x0f}, kMasked{0x80}, kLength{0x7f};

tl::unexpected<Error> broken(const char* what) {
  return fail(ErrorCode::kProtocol, std::string("the WebSocket is broken: ") + what);
}

bool is_control(WebSocketOpcode opcode) { return opcode >= WebSocketOpcode::kClose; }

// to[i] = from[i] ^ mask[i % 4]; eight octets at a time, for bulk.
void apply_mask(std::byte* to, const std::byte* from, std::size_t count,
                const WebSocketMask& mask) {
  std::uint64_t wide = 0;
  std::memcpy(&wide, mask.data(), 4);
  std::memcpy(reinterpret_cast<char*>(&wide) + 4, mask.data(), 4);
  std::size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, from + i, 8);
    word ^= wide;
    std::memcpy(to + i, &word, 8);
  }
  for (; i < count; ++i) to[i] = from[i] ^ mask[i % 4];
}

std::size_t header_length(const std::array<std::byte, 14>& header, std::size_t known) {
  if (known < 2) return 2;
  const auto length = std::to_integer<unsigned>(header[1] & kLength);
  const bool masked = (header[1] & kMasked) != std::byte{0};
  return 2u + (length == 126 ? 2u : length == 127 ? 8u : 0u) + (masked ? 4u : 0u);
}

}  // namespace

void append_websocket_frame(ByteQueue& out, WebSocketOpcode opcode, Bytes payload,
                            const std::optional<WebSocketMask>& mask) {
  auto room = out.prepare(14 + payload.size());
  std::size_t size = 2;
  room[0] = kFinal | static_cast<std::byte>(opcode);
  const auto put = [&](std::byte code, int octets) {
    room[1] = code;
    for (int shift = 8 * (octets - 1); shift >= 0; shift -= 8)
      room[size++] = static_cast<std::byte>(payload.size() >> shift & 0xff);
  };
  if (payload.size() < 126)
    room[1] = static_cast<std::byte>(payload.size());
  else if (payload.size() < 65536)
    put(std::byte{126}, 2);
  else
    put(std::byte{127}, 8);
  if (mask) {
    room[1] |= kMasked;
    std::memcpy(room.data() + size, mask->data(), mask->size());
    size += mask->size();
    apply_mask(room.data() + size, payload.data(), payload.size(), *mask);
  } else if (!payload.empty()) {
    std::memcpy(room.data() + size, payload.data(), payload.size());
  }
  out.commit(size + payload.size());
}

Result<WebSocketReader::Event> WebSocketReader::next(Bytes& wire, ByteQueue& data,
                                                     MutableBytes& room) {
  for (;;) {
    if (!in_payload_) {
      if (wire.empty()) return Event::kNothing;
      const auto wanted = header_length(header_, header_size_) - header_size_;
      const auto count = std::min(wanted, wire.size());
      std::copy_n(wire.begin(), count, header_.begin() + static_cast<std::ptrdiff_t>(header_size_));
      header_size_ += count;
      wire = wire.subspan(count);
      if (header_size_ < header_length(header_, header_size_)) continue;
      CULVERT_RETURN_IF_ERROR(take_header());
    }
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, wire.size()));
    const auto payload = wire.first(count);
    wire = wire.subspan(count);
    left_ -= count;
    if (is_control(opcode_)) {
      unmask(payload, control_.data() + control_size_);
      control_size_ += count;
    } else {
      take_data(payload, data, room);
    }
    if (left_ != 0) return Event::kNothing;
    in_payload_ = false;
    header_size_ = 0;
    if (!is_control(opcode_)) continue;
    told_ = std::exchange(control_size_, 0);
    if (opcode_ == WebSocketOpcode::kPing) return Event::kPing;
    return opcode_ == WebSocketOpcode::kPong ? Event::kPong : Event::kClose;
  }
}

void WebSocketReader::take_data(Bytes payload, ByteQueue& data, MutableBytes& room) {
  if (const auto count = std::min(room.size(), payload.size()); count != 0 && data.empty()) {
    unmask(payload.first(count), room.data());
    room = room.subspan(count);
    payload = payload.subspan(count);
  }
  if (payload.empty()) return;
  unmask(payload, data.prepare(payload.size()).data());
  data.commit(payload.size());
}

Result<void> WebSocketReader::take_header() {
  if ((header_[0] & kReserved) != std::byte{0})
    return broken("it uses an extension that nobody agreed on");
  opcode_ = static_cast<WebSocketOpcode>(header_[0] & kOpcode);
  const bool is_final = (header_[0] & kFinal) != std::byte{0};
  const bool masked = (header_[1] & kMasked) != std::byte{0};
  if (masked != from_client_)
    return broken(from_client_ ? "a frame from the client is not masked"
                               : "a frame from the server is masked");
  left_ = std::to_integer<std::uint64_t>(header_[1] & kLength);
  std::size_t at = 2;
  if (left_ >= 126) {
    const int octets = left_ == 126 ? 2 : 8;
    left_ = 0;
    for (int i = 0; i < octets; ++i)
      left_ = left_ << 8 | std::to_integer<std::uint64_t>(header_[at++]);
  }
  if (left_ >> 63 != 0) return broken("a frame has an impossible length");
  if (masked) std::copy_n(header_.begin() + static_cast<std::ptrdiff_t>(at), 4, mask_.begin());
  mask_at_ = 0;
  in_payload_ = true;
  switch (opcode_) {
    case WebSocketOpcode::kClose:
    case WebSocketOpcode::kPing:
    case WebSocketOpcode::kPong:
      if (!is_final || left_ > control_.size()) return broken("a control frame is too long or cut");
      return {};
    case WebSocketOpcode::kBinary:
      if (in_message_) return broken("a message begins inside another one");
      in_message_ = !is_final;
      return {};
    case WebSocketOpcode::kContinuation:
      if (!in_message_) return broken("a frame continues no message");
      in_message_ = !is_final;
      return {};
    case WebSocketOpcode::kText: return broken("it carries text");
  }
  return broken("a frame is of an unknown kind");
}

void WebSocketReader::unmask(Bytes payload, std::byte* to) {
  if (payload.empty()) return;
  if (!from_client_) {
    std::memcpy(to, payload.data(), payload.size());
    return;
  }
  auto turned = mask_;
  std::rotate(turned.begin(), turned.begin() + static_cast<std::ptrdiff_t>(mask_at_), turned.end());
  apply_mask(to, payload.data(), payload.size(), turned);
  mask_at_ = (mask_at_ + payload.size()) % 4;
}

}  // namespace culvert::carrier
