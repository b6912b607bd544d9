#include "tunnel/mux/datagrams.h"

#include <algorithm>
#include <cstring>

namespace culvert::mux {
namespace {

// A piece that is cut because a record has little room left should be worth its header.
constexpr std::size_t kLeastPiece = 64;

}  // namespace

void Datagrams::put(StreamId stream, Bytes datagram, TimePoint now) {
  if (datagram.size() > kMaxDatagram) {
    ++counts_.lost;
    return;
  }
  const auto slot = hash(stream);
  // In order: once one of the flow waits among the heavy ones, all behind it do.
  const bool light = heavy_.queued[slot] == 0 && light_.queued[slot] + datagram.size() <= kLight;
  auto& lane = light ? light_ : heavy_;
  const auto octets = light_.octets.size() + heavy_.octets.size() + datagram.size();
  if (octets > kMostOctets || lane.queued[slot] + datagram.size() > kMostOctets / 2) {
    ++counts_.full;
    return;
  }
  lane.entries.push_back(
      {stream, next_number_++, static_cast<std::uint16_t>(datagram.size()), now});
  lane.octets.append(datagram);
  lane.queued[slot] += static_cast<std::uint32_t>(datagram.size());
}

// What is begun goes on: its rest would be of no use elsewhere, and without it the peer has lost
// what it has.
Datagrams::Lane* Datagrams::next_lane() {
  if (begun_ != nullptr) return begun_;
  if (!light_.entries.empty()) return &light_;
  return heavy_.entries.empty() ? nullptr : &heavy_;
}

void Datagrams::pop(Lane& lane) {
  const auto& entry = lane.entries.front();
  lane.queued[hash(entry.stream)] -= entry.size;
  lane.octets.pop(entry.size);
  lane.octets.release_if_empty();
  lane.entries.pop_front();
  if (begun_ == &lane) begun_ = nullptr;
  written_ = 0;
}

void Datagrams::drop_late(TimePoint now) {
  for (auto* const lane : {&light_, &heavy_})
    while (!lane->entries.empty() && begun_ != lane &&
           now - lane->entries.front().since > kMostAge) {
      ++counts_.late;
      pop(*lane);
    }
}

void Datagrams::restart(TimePoint now) {
  if (begun_ != nullptr) {
    ++counts_.lost;
    pop(*begun_);
  }
  for (auto* const lane : {&light_, &heavy_}) {
    Fifo<Entry> again;
    while (!lane->entries.empty()) {
      auto entry = lane->entries.front();
      if (now - entry.since > kMostWait) {
        ++counts_.late;
        pop(*lane);
        continue;
      }
      lane->entries.pop_front();
      entry.since = now;
      again.push_back(entry);
    }
    lane->entries = std::move(again);
  }
}

std::size_t Datagrams::write_piece(Lane& lane, std::byte* out, std::size_t capacity, bool may_cut) {
  const auto& entry = lane.entries.front();
  auto length = std::min<std::size_t>(entry.size - written_, kMaxPayload);
  if (capacity < kHeaderSize + length) {
    if (!may_cut || capacity < kHeaderSize + kLeastPiece) return 0;
    length = capacity - kHeaderSize;
  }
  const Datagram head{
      entry.stream, entry.number, static_cast<std::uint16_t>(written_), entry.size, {}};
  write_datagram_header(out, head, length);
  if (length != 0) std::memcpy(out + kHeaderSize, lane.octets.peek().data() + written_, length);
  begun_ = &lane;
  written_ += length;
  if (written_ == entry.size) {
    ++counts_.sent;
    pop(lane);
  }
  return kHeaderSize + length;
}

void Datagrams::take(const Datagram& frame, bool keep) {
  if (frame.payload.size() != frame.size) return take_piece(frame);
  if (keep) return keep_whole(frame.stream, {frame.payload.begin(), frame.payload.end()});
  ++counts_.received;
  arrived_.push_back({frame.stream, frame.payload});
}

// The pieces of one datagram come in order, with no other datagram in between.
void Datagrams::take_piece(const Datagram& frame) {
  auto& whole = partial_;
  if (frame.begin == 0) {
    if (whole.size != 0) ++counts_.lost;
    whole.stream = frame.stream;
    whole.number = frame.number;
    whole.size = frame.size;
    whole.got.clear();
  } else if (whole.size != frame.size || whole.stream != frame.stream ||
             whole.number != frame.number || whole.got.size() != frame.begin) {
    ++counts_.lost;
    whole.size = 0;
    whole.got = {};
    return;
  }
  append(whole.got, frame.payload);
  if (whole.got.size() < whole.size) return;
  whole.size = 0;
  keep_whole(whole.stream, std::exchange(whole.got, {}));
}

void Datagrams::keep_whole(StreamId stream, ByteVector whole) {
  if (kept_octets_ + whole.size() > kMostArrived) {
    ++counts_.lost;
    return;
  }
  ++counts_.received;
  kept_octets_ += whole.size();
  kept_.push_back(std::move(whole));
  arrived_.push_back({stream, kept_.back()});
}

void Datagrams::arrived_taken() {
  constexpr std::size_t kKept = 64;
  kept_.clear();
  kept_octets_ = 0;
  arrived_.clear();
  if (arrived_.capacity() > kKept) std::vector<ArrivedDatagram>().swap(arrived_);
}

}  // namespace culvert::mux
