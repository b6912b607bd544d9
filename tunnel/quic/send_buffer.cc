#include "tunnel/quic/send_buffer.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace culvert::quic {

std::size_t SendBuffer::write(Bytes data) {
  const auto taken = std::min(data.size(), room());
  for (auto rest = data.first(taken); !rest.empty();) {
    const auto at = static_cast<std::size_t>(end_ - first_);
    if (at / kBlock == blocks_.size())
      blocks_.push_back(spare_ ? std::move(spare_) : std::make_unique_for_overwrite<Block>());
    const auto count = std::min(rest.size(), kBlock - at % kBlock);
    std::memcpy(blocks_.back()->data() + at % kBlock, rest.data(), count);
    end_ += count;
    rest = rest.subspan(count);
  }
  return taken;
}

Bytes SendBuffer::contiguous(std::uint64_t from) const {
  if (from == end_) return {};
  const auto at = static_cast<std::size_t>(from - first_);
  const auto count = std::min(kBlock - at % kBlock, static_cast<std::size_t>(end_ - from));
  return {blocks_[at / kBlock]->data() + at % kBlock, count};
}

SendBuffer::Pieces SendBuffer::next() const {
  Pieces pieces;
  for (auto from = sent_; from != end_ && pieces.count < kMostPieces;) {
    const auto piece = contiguous(from);
    pieces.piece[pieces.count++] = piece;
    from += piece.size();
  }
  return pieces;
}

void SendBuffer::sent(std::size_t octets) {
  assert(octets <= unsent());
  sent_ += octets;
}

void SendBuffer::acknowledged(std::uint64_t end) {
  if (end <= begin_) return;
  assert(end <= sent_);
  begin_ = end;
  while (!blocks_.empty() && first_ + kBlock <= begin_) {
    spare_ = std::move(blocks_.front());
    blocks_.pop_front();
    first_ += kBlock;
  }
  // Idle: no memory. A block is begun anew, so that the offsets fit.
  if (all_acknowledged() && !blocks_.empty()) {
    spare_.reset();
    blocks_.clear();
    first_ = end_;
  }
}

}  // namespace culvert::quic
