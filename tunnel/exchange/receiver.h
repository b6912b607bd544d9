// tunnel/exchange/receiver.h: one direction of an exchange at its receiving end: puts pieces that
// come in any order, twice or cut differently back into one row of octets. Bounded by the credit.
#pragma once
#include <map>
#include <optional>

#include "tunnel/base/byte_queue.h"
#include "tunnel/base/result.h"
#include "tunnel/exchange/message.h"

namespace culvert::exchange {

class Receiver {
 public:
  static constexpr std::size_t kFirstWindow = 64 * 1024, kFullWindow = 8 * 1024 * 1024;

  // kProtocol: more than the credit, or another end than before.
  Result<void> take(const Data& data);

  Bytes readable() const { return ready_.peek(); }
  void consumed(std::size_t count);
  bool ended() const { return end_ && ready_.empty() && received_ > *end_; }
  bool complete() const { return end_ && received_ > *end_; }

  std::uint64_t received() const { return received_; }  // everything before; the end counts
  std::uint64_t credit() const { return consumed_ + window_; }
  void widen() { window_ = kFullWindow; }  // the peer has proven who it is
  std::size_t held() const { return ready_.size() + waiting_octets_; }

 private:
  void join_waiting();

  ByteQueue ready_;
  std::map<std::uint64_t, ByteVector> waiting_;  // beyond a gap
  std::size_t waiting_octets_ = 0;
  std::uint64_t received_ = 0, consumed_ = 0;
  std::size_t window_ = kFirstWindow;
  std::optional<std::uint64_t> end_;  // offset behind the last octet
};

}  // namespace culvert::exchange
