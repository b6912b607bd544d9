// tunnel/mux/arrived_batch.h: datagrams that came together, kept until all of them are there, so
// that a session takes them at once. Knows nothing of where they came from.
#pragma once
#include <vector>

#include "tunnel/base/bytes.h"
#include "tunnel/mux/datagrams.h"

namespace culvert::mux {

class ArrivedBatch {
 public:
  void keep(StreamId stream, Bytes data) {
    kept_.push_back({stream, octets_.size(), data.size()});
    append(octets_, data);
  }

  // `take` is called with all of them, unless there are none; they are gone when it returns.
  template <typename Take>
  void hand_over(Take take) {
    std::vector<ArrivedDatagram> arrived;
    arrived.reserve(kept_.size());
    for (const auto& one : kept_)
      arrived.push_back({one.stream, Bytes{octets_}.subspan(one.begin, one.size)});
    if (!arrived.empty()) take(arrived);
    kept_.clear();
    octets_.clear();
  }

 private:
  struct Kept {
    StreamId stream;
    std::size_t begin, size;  // in octets_
  };
  std::vector<Kept> kept_;
  ByteVector octets_;
};

}  // namespace culvert::mux
