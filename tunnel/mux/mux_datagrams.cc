// Datagrams of streams: what the owner and the session call, and their place among the frames.
#include "tunnel/mux/mux.h"

namespace culvert::mux {

void Mux::send_datagram(StreamId stream, Bytes datagram, TimePoint now) {
  if (datagrams_ == nullptr) datagrams_ = std::make_unique<Datagrams>();
  datagrams_->put(stream, datagram, now);
}

std::span<const ArrivedDatagram> Mux::datagrams() const {
  if (datagrams_ == nullptr) return {};
  return datagrams_->arrived();
}

void Mux::datagrams_taken() {
  if (datagrams_ != nullptr) datagrams_->arrived_taken();
}

DatagramCounts Mux::datagram_counts() const {
  return datagrams_ == nullptr ? DatagramCounts{} : datagrams_->counts();
}

void Mux::pace_datagrams(TimePoint now, bool hold) {
  if (datagrams_ == nullptr) return;
  datagrams_->drop_late(now);
  hold_datagrams_ = hold;
}

void Mux::restart_datagrams(TimePoint now) {
  if (datagrams_ != nullptr) datagrams_->restart(now);
}

bool Mux::datagrams_due() const {
  return datagrams_ != nullptr && !hold_datagrams_ && !datagrams_->empty();
}

// Where bulk streams want the record too, half of it is left to them.
std::size_t Mux::fill_datagrams(std::byte* out, std::size_t capacity) {
  if (!datagrams_due()) return 0;
  const auto share = busy_.empty() ? capacity : capacity / 2;
  const auto used = datagrams_->fill(out, share, [this](StreamId id) {
    const auto* const stream = streams_.find(id);
    return stream != nullptr && !stream->open_unsent && stream->reset == ErrorCode::kNone;
  });
  if (used != 0) wants_answer_ = true;
  return used;
}

// One of an unknown stream may have crossed with its RESET.
Result<void> Mux::on_frame(const Datagram& frame) {
  auto* const stream = streams_.find(frame.stream);
  if (datagrams_ == nullptr) datagrams_ = std::make_unique<Datagrams>();
  if (stream == nullptr || stream->reset != ErrorCode::kNone) {
    ++datagrams_->counts().lost;
    return {};
  }
  stream->known_to_peer = true;
  datagrams_->take(frame, /*keep=*/!borrowing_);
  return {};
}

}  // namespace culvert::mux
