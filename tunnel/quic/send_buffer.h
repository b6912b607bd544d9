// tunnel/quic/send_buffer.h: octets on their way: a FIFO whose octets stay at one address from
// write() until they are acknowledged, as they may have to be sent again from there.
#pragma once
#include <array>
#include <cstdint>
#include <deque>
#include <memory>

#include "tunnel/base/bytes.h"

namespace culvert::quic {

class SendBuffer {
 public:
  static constexpr std::size_t kBlock = 32 * 1024;
  static constexpr std::size_t kMostPieces = 2;
  // Not sent yet. The queue must be shallow, or an echo is stuck behind a bulk stream; and deep
  // enough to be full again before the pipe has run dry.
  static constexpr std::size_t kMostUnsent = 256 * 1024;

  struct Pieces {
    std::array<Bytes, kMostPieces> piece;
    std::size_t count = 0;
    std::size_t octets() const { return piece[0].size() + piece[1].size(); }
  };

  std::size_t room() const { return kMostUnsent - unsent(); }
  std::size_t write(Bytes data);         // how many were taken: at most room()
  Pieces next() const;                   // what is to be sent next; not all of it
  void sent(std::size_t octets);         // of next()
  void acknowledged(std::uint64_t end);  // everything before this offset, counted from the first

  std::size_t unsent() const { return static_cast<std::size_t>(end_ - sent_); }
  std::size_t held() const { return static_cast<std::size_t>(end_ - begin_); }
  bool all_acknowledged() const { return begin_ == end_; }

 private:
  using Block = std::array<std::byte, kBlock>;
  Bytes contiguous(std::uint64_t from) const;

  std::deque<std::unique_ptr<Block>> blocks_;
  std::unique_ptr<Block> spare_;
  std::uint64_t first_ = 0;  // offset of the first block's first octet
  std::uint64_t begin_ = 0, sent_ = 0, end_ = 0;
};

}  // namespace culvert::quic
