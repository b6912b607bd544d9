#include "tunnel/loop/splice_pipe.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <csignal>
#include <filesystem>

namespace culvert::loop {
namespace {

using State = IoResult::State;

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

struct Pair {
  Pair() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    near.reset(ends[0]);
    far.reset(ends[1]);
  }
  void send_from_far(std::size_t count) {
    const ByteVector octets(count, std::byte{7});
    EXPECT_EQ(::send(far.get(), octets.data(), count, 0), static_cast<ssize_t>(count));
  }
  UniqueFd near, far;
};

TEST(SplicePipe, MovesWhatIsThereAndTellsWhatItHolds) {
  Pair from, to;
  SplicePipePool pool;
  const auto pipe = pool.take();
  EXPECT_EQ(pipe->fill(from.near.get(), 5000).state, State::kBlocked);
  from.send_from_far(3000);
  EXPECT_EQ(pipe->fill(from.near.get(), 2000).count, 2000u);
  EXPECT_EQ(pipe->held(), 2000u);
  EXPECT_EQ(pipe->drain(to.near.get()).count, 2000u);
  EXPECT_EQ(pipe->held(), 0u);
  from.far.reset();
  EXPECT_EQ(pipe->fill(from.near.get(), 5000).count, 1000u);
  EXPECT_EQ(pipe->drain(to.near.get()).count, 1000u);
  EXPECT_EQ(pipe->fill(from.near.get(), 5000).state, State::kEnd);
}

TEST(SplicePipe, KeepsWhatAFullSinkDoesNotTake) {
  Pair from, to;
  SplicePipePool pool;
  const auto pipe = pool.take();
  ByteVector block(4096);
  while (::send(to.near.get(), block.data(), block.size(), 0) > 0) {
  }
  from.send_from_far(100);
  ASSERT_EQ(pipe->fill(from.near.get(), 5000).count, 100u);
  EXPECT_EQ(pipe->drain(to.near.get()).state, State::kBlocked);
  EXPECT_EQ(pipe->held(), 100u);
}

TEST(SplicePipe, FailsWithoutASignalWhenThePeerIsGone) {
  std::signal(SIGPIPE, SIG_DFL);
  Pair from, to;
  SplicePipePool pool;
  const auto pipe = pool.take();
  from.send_from_far(3000);
  ASSERT_EQ(pipe->fill(from.near.get(), 5000).count, 3000u);
  to.far.reset();
  const auto put = pipe->drain(to.near.get());
  EXPECT_EQ(put.state, State::kFailed);
  EXPECT_EQ(put.error, EPIPE);
}

TEST(SplicePipePool, KeepsFewPipesAndHandsThemOutAgain) {
  const auto before = open_descriptors();
  {
    SplicePipePool pool;
    std::vector<std::unique_ptr<SplicePipe>> taken;
    for (std::size_t i = 0; i < SplicePipePool::kKept + 3; ++i) taken.push_back(pool.take());
    for (auto& pipe : taken) pool.give_back(std::move(pipe));
    EXPECT_EQ(pool.kept(), SplicePipePool::kKept);
    EXPECT_EQ(open_descriptors(), before + 2 * SplicePipePool::kKept);
    EXPECT_NE(pool.take(), nullptr);
    EXPECT_EQ(pool.kept(), SplicePipePool::kKept - 1);
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST(SplicePipePool, HandsOutSoManyAtATimeAndDropsWhatAPipeHolds) {
  Pair from;
  from.send_from_far(100);
  SplicePipePool pool;
  std::vector<std::unique_ptr<SplicePipe>> taken(SplicePipePool::kMost);
  for (auto& pipe : taken) pipe = pool.take();
  ASSERT_NE(taken.back(), nullptr);
  EXPECT_EQ(pool.take(), nullptr);
  ASSERT_EQ(taken.back()->fill(from.near.get(), 5000).count, 100u);
  pool.give_back(std::move(taken.back()));
  EXPECT_EQ(pool.kept(), 0u);
  const auto again = pool.take();
  ASSERT_NE(again, nullptr);
  EXPECT_EQ(again->held(), 0u);
}

}  // namespace
}  // namespace culvert::loop
