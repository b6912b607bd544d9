#include "tunnel/flow/media_frames.h"

namespace culvert::flow {
namespace {

constexpr std::size_t kHeader = 2;

}  // namespace

ByteVector media_frame(Bytes packet) {
  assert(packet.size() <= kMostMedia);
  ByteVector frame;
  frame.reserve(kHeader + packet.size());
  frame.push_back(static_cast<std::byte>(packet.size() >> 8));
  frame.push_back(static_cast<std::byte>(packet.size() & 0xff));
  append(frame, packet);
  return frame;
}

MutableBytes MediaFrames::prepare(std::size_t count) {
  queue_.pop(std::exchange(taken_, 0));
  return queue_.prepare(count);
}

std::optional<Bytes> MediaFrames::next() {
  for (;;) {
    queue_.pop(std::exchange(taken_, 0));
    const auto held = queue_.peek();
    if (held.size() < kHeader) return std::nullopt;
    const auto length =
        std::to_integer<std::size_t>(held[0]) << 8 | std::to_integer<std::size_t>(held[1]);
    if (held.size() < kHeader + length) return std::nullopt;
    taken_ = kHeader + length;
    if (length != 0) return held.subspan(kHeader, length);
  }
}

}  // namespace culvert::flow
