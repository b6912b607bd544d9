// Data that stays in the buffer it was opened in, until its owner has written it on.
#include <algorithm>
#include <cassert>
#include <utility>

#include "tunnel/mux/mux.h"

namespace culvert::mux {

void Mux::keep(Stream& stream, Bytes payload) {
  auto& half = stream.receive;
  if (stream.leaving) return;
  // Behind the control stream's messages nobody waits: they are cut out of its queue.
  if (!borrowing_ || stream.id == kControlStream) return half.queue.append(payload);
  const auto index = static_cast<std::uint32_t>(borrowed_.size());
  borrowed_.push_back({stream.id, payload, kNoPiece, index});
  if (half.first_piece == kNoPiece) half.first_piece = index;
  auto& first = borrowed_[half.first_piece];
  if (first.last != index) borrowed_[std::exchange(first.last, index)].next = index;
  half.borrowed += static_cast<std::uint32_t>(payload.size());
}

std::size_t Mux::pieces(StreamId id, std::array<Bytes, kMostPieces>& out) const {
  const auto& half = find(id).receive;
  std::size_t count = 0;
  if (!half.queue.empty()) out[count++] = half.queue.peek();
  for (auto at = half.first_piece; at != kNoPiece && count < out.size(); at = borrowed_[at].next)
    out[count++] = borrowed_[at].data;
  return count;
}

std::size_t Mux::consume_borrowed(ReceiveHalf& half, std::size_t count) {
  assert(count <= half.borrowed);
  half.borrowed -= static_cast<std::uint32_t>(count);
  while (count > 0) {
    auto& piece = borrowed_[half.first_piece];
    const auto taken = std::min(count, piece.data.size());
    piece.data = piece.data.subspan(taken);
    count -= taken;
    if (!piece.data.empty()) continue;
    half.first_piece = piece.next;
    if (half.first_piece != kNoPiece) borrowed_[half.first_piece].last = piece.last;
  }
  return count;
}

void Mux::settle(Stream& stream) {
  auto& half = stream.receive;
  for (auto at = half.first_piece; at != kNoPiece; at = borrowed_[at].next)
    half.queue.append(borrowed_[at].data);
  half.first_piece = kNoPiece;
  half.borrowed = 0;
}

void Mux::settle() {
  borrowing_ = false;
  for (const auto& piece : borrowed_)
    if (auto* const stream = streams_.find(piece.stream); stream != nullptr) settle(*stream);
  borrowed_.clear();
}

}  // namespace culvert::mux
