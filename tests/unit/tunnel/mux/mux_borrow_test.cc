// Data read where it was opened, without a queue.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tunnel/mux/mux.h"

namespace culvert::mux {
namespace {

class MuxBorrow : public testing::TestWithParam<unsigned> {};

// Each record is taken in its own buffer, which is overwritten as soon as the mux has settled.
TEST_P(MuxBorrow, GivesEveryOctetOnceHoweverMuchIsTakenAtOnce) {
  std::mt19937 rng(GetParam());
  Mux alice{Role::kInitiator}, bob{Role::kResponder};
  const StreamId streams[] = {*alice.open(as_bytes("a")), *alice.open(as_bytes("b"))};
  ByteVector sent[2], got[2];
  std::size_t written[2] = {};
  for (auto& one : sent) {
    one.resize(300'000);
    for (auto& b : one) b = static_cast<std::byte>(rng());
  }
  const auto read_some = [&](int i) {
    if (!bob.knows(streams[i])) return;
    std::size_t count = 0;
    if (rng() % 8 == 0) {  // as somebody who knows nothing of pieces
      const auto ready = bob.readable(streams[i]);
      count = ready.empty() ? 0 : rng() % (ready.size() + 1);
      append(got[i], ready.first(count));
    } else {
      std::array<Bytes, Mux::kMostPieces> pieces;
      const auto have = bob.pieces(streams[i], pieces);
      ASSERT_EQ(have != 0, bob.has_data(streams[i]));
      for (std::size_t p = 0; p < have; ++p) {
        const bool whole = rng() % 4 != 0;
        const auto part = whole ? pieces[p].size() : rng() % (pieces[p].size() + 1);
        append(got[i], pieces[p].first(part));
        count += part;
        if (!whole) break;
      }
    }
    bob.consumed(streams[i], count);
  };
  for (int turn = 0; turn < 50'000 && (got[0].size() < 300'000 || got[1].size() < 300'000);
       ++turn) {
    for (const int i : {0, 1})
      written[i] += alice.write(streams[i], Bytes{sent[i]}
                                                .subspan(written[i])
                                                .first(std::min<std::size_t>(
                                                    sent[i].size() - written[i], rng() % 30'000)));
    ByteVector record(4096 + rng() % 60'000);
    record.resize(alice.fill(record.data(), record.size()));
    bob.borrow();
    ASSERT_TRUE(bob.receive(record, TimePoint{}));
    while (const auto event = bob.next_event())
      if (event->kind == Event::Kind::kOpened) bob.accept(event->stream);
    read_some(0);
    if (rng() % 2 == 0) read_some(1);
    bob.settle();
    std::fill(record.begin(), record.end(), std::byte{0xee});
    if (rng() % 3 == 0) read_some(1);
    ByteVector back(4096);
    back.resize(bob.fill(back.data(), back.size()));
    ASSERT_TRUE(alice.receive(back, TimePoint{}));
  }
  EXPECT_EQ(got[0], sent[0]);
  EXPECT_EQ(got[1], sent[1]);
}
INSTANTIATE_TEST_SUITE_P(Seeds, MuxBorrow, testing::Range(0u, 20u));

}  // namespace
}  // namespace culvert::mux
