#include "tunnel/mux/stream_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace culvert::mux {
namespace {

class StreamTableRandom : public testing::TestWithParam<unsigned> {};

TEST_P(StreamTableRandom, HoldsExactlyWhatWasAddedAndNotErased) {
  std::mt19937 rng(GetParam());
  StreamTable table;
  std::set<StreamId> model;
  auto next = static_cast<std::uint32_t>(1 + rng() % 2);
  for (int step = 0; step < 5000; ++step) {
    // Grows and shrinks in waves; ids rise as in life, and some come from far away.
    const bool grow = (step / 700) % 2 == 0 ? rng() % 4 != 0 : rng() % 4 == 0;
    if (grow) {
      next += static_cast<std::uint32_t>(rng() % 50 == 0 ? 2 * (rng() % 1'000'000) : 2);
      ASSERT_EQ(table.add(StreamId{next}).id, StreamId{next});
      model.insert(StreamId{next});
    } else if (!model.empty()) {
      auto victim = model.lower_bound(StreamId{static_cast<std::uint32_t>(rng() % next)});
      if (victim == model.end()) victim = model.begin();
      table.erase(*victim);
      EXPECT_EQ(table.find(*victim), nullptr);
      model.erase(victim);
    }
    ASSERT_EQ(table.size(), model.size());
    if (step % 50 != 0) continue;
    std::set<StreamId> seen;
    table.for_each([&](const Stream& stream) { seen.insert(stream.id); });
    ASSERT_EQ(seen, model);
    for (const auto id : model) {
      ASSERT_NE(table.find(id), nullptr);
      ASSERT_EQ(table.find(id)->id, id);
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Seeds, StreamTableRandom, testing::Range(0u, 10u));

TEST(StreamTable, FindsNothingWhileItIsEmpty) {
  StreamTable table;
  EXPECT_EQ(table.find(StreamId{1}), nullptr);
  table.add(StreamId{1});
  table.erase(StreamId{1});
  EXPECT_EQ(table.find(StreamId{1}), nullptr);
}

}  // namespace
}  // namespace culvert::mux
