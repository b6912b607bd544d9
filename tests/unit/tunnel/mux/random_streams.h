// tests/unit/tunnel/mux/random_streams.h: streams of random data in both directions, written, read
// and ended in random pieces.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "tunnel/mux/mux.h"

namespace culvert::mux {

struct RandomDirection {
  ByteVector sent, got;
  std::size_t written = 0;
  bool finished = false, ended = false;
};
using RandomStreams = std::map<StreamId, RandomDirection>;

inline void write_some(Mux& mux, RandomStreams& streams, std::size_t most, std::mt19937& rng) {
  for (auto& [id, d] : streams) {
    if (!mux.knows(id) || d.finished) continue;
    const auto piece = Bytes{d.sent}.subspan(d.written);
    d.written += mux.write(id, piece.first(std::min<std::size_t>(piece.size(), rng() % most)));
    if (d.written < d.sent.size()) continue;
    mux.finish(id);
    d.finished = true;
  }
}

inline void read_some(Mux& mux, RandomStreams& streams, std::mt19937& rng) {
  while (const auto event = mux.next_event()) {
    ASSERT_NE(event->kind, Event::Kind::kReset);
    if (event->kind == Event::Kind::kOpened) mux.accept(event->stream);
  }
  for (auto& [id, d] : streams) {
    if (!mux.knows(id) || d.ended) continue;
    const auto ready = mux.readable(id);
    const auto count = ready.empty() ? 0 : rng() % (ready.size() + 1);
    append(d.got, ready.first(count));
    mux.consumed(id, count);
    if (!mux.at_end(id)) continue;
    d.ended = true;
    mux.end_taken(id);
  }
}

inline bool all_ended(const RandomStreams& streams) {
  return std::ranges::all_of(streams, [](const auto& one) { return one.second.ended; });
}

inline void expect_all_came(const RandomStreams& streams) {
  for (const auto& [id, d] : streams) EXPECT_EQ(d.got, d.sent);
}

}  // namespace culvert::mux
