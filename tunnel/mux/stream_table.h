// tunnel/mux/stream_table.h: the streams of one session by id.
//
// An open table with linear probing: 8 octets a place, between an eighth and three quarters of them
// taken. A std::unordered_map costs 40 octets for each stream, which is a sixth of all that an idle
// one may (PROTOCOL.md section 9).
#pragma once
#include <bit>
#include <cassert>
#include <memory>
#include <utility>
#include <vector>

#include "tunnel/mux/stream.h"

namespace culvert::mux {

class StreamTable {
 public:
  std::size_t size() const { return size_; }

  Stream* find(StreamId id) const {
    if (places_.empty()) return nullptr;
    for (auto at = home_of(id); places_[at]; at = next(at))
      if (places_[at]->id == id) return places_[at].get();
    return nullptr;
  }

  Stream& add(StreamId id) {  // one that is not there
    assert(find(id) == nullptr);
    if (4 * (size_ + 1) > 3 * places_.size())
      move_to(places_.empty() ? kLeast : 2 * places_.size());
    ++size_;
    return *place(std::make_unique<Stream>(id));
  }

  void erase(StreamId id) {  // one that is there
    auto hole = home_of(id);
    while (places_[hole]->id != id) hole = next(hole);
    places_[hole].reset();
    --size_;
    // Whoever was driven past the hole by it moves up.
    for (auto at = next(hole); places_[at]; at = next(at)) {
      const auto driven = (at - home_of(places_[at]->id)) & mask();
      if (driven < ((at - hole) & mask())) continue;
      places_[hole] = std::move(places_[at]);
      hole = at;
    }
    if (places_.size() > kLeast && 8 * size_ < places_.size()) move_to(places_.size() / 2);
  }

  // `visit` must neither add nor erase.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const auto& stream : places_)
      if (stream) visit(*stream);
  }

 private:
  static constexpr std::size_t kLeast = 4;
  std::size_t mask() const { return places_.size() - 1; }
  std::size_t next(std::size_t at) const { return (at + 1) & mask(); }
  // Fibonacci hashing: ids come in sequence, all odd or all even.
  std::size_t home_of(StreamId id) const {
    return static_cast<std::uint32_t>(id) * 0x9e37'79b1u >> (32 - std::countr_zero(places_.size()));
  }

  Stream* place(std::unique_ptr<Stream> stream) {
    auto at = home_of(stream->id);
    while (places_[at]) at = next(at);
    places_[at] = std::move(stream);
    return places_[at].get();
  }

  void move_to(std::size_t places) {
    auto old = std::exchange(places_, std::vector<std::unique_ptr<Stream>>(places));
    for (auto& stream : old)
      if (stream) place(std::move(stream));
  }

  std::vector<std::unique_ptr<Stream>> places_;  // a power of two
  std::size_t size_ = 0;
};

}  // namespace culvert::mux
