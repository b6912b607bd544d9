// tunnel/flow/media_frames.h: datagrams on a TCP connection as RFC 4571 has them: each behind its
// length, 16 bits, network order. A frame of length 0 holds no packet (section 2) and is passed
// over. Does no I/O. Every octet string is well-formed, so there is nothing to refuse.
#pragma once
#include <optional>
#include <utility>

#include "tunnel/base/byte_queue.h"

namespace culvert::flow {

inline constexpr std::size_t kMostMedia = 65535;  // octets of a packet

// `packet`: at most kMostMedia octets.
ByteVector media_frame(Bytes packet);

class MediaFrames {
 public:
  // Room for what is read next; commit() what came.
  MutableBytes prepare(std::size_t count);
  void commit(std::size_t count) { queue_.commit(count); }
  // The next whole packet, until the next call of this or of prepare(). Octets that are held never
  // exceed one frame and what one prepare() had room for, if all packets are taken in between.
  std::optional<Bytes> next();

 private:
  ByteQueue queue_;
  std::size_t taken_ = 0;  // the frame that next() gave, still in front
};

}  // namespace culvert::flow
