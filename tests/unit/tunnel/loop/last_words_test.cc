#include "tunnel/loop/last_words.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "socket_pairs.h"

namespace culvert::loop {
namespace {

class LastWordsTest : public testing::Test {
 protected:
  // As much as the two kernels hold.
  static std::size_t stuff(int fd) {
    const ByteVector block(1 << 16);
    std::size_t sent = 0;
    for (int idle = 0; idle < 3;) {
      const auto n = ::send(fd, block.data(), block.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n > 0) sent += static_cast<std::size_t>(n);
      idle = n > 0 ? 0 : idle + 1;
    }
    return sent;
  }
  std::size_t read_until_reset(int fd) {
    ByteVector buffer(1 << 16);
    std::size_t got = 0;
    for (int turn = 0; turn < 1'000'000; ++turn) {
      uv_run(loop_.uv(), UV_RUN_NOWAIT);
      const auto n = ::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (n > 0) got += static_cast<std::size_t>(n);
      if (n < 0 && errno == ECONNRESET) return got;
      if (n == 0) break;
    }
    ADD_FAILURE() << "no reset, after " << got;
    return got;
  }
  static bool broken(int fd) {
    pollfd p{fd, POLLRDHUP, 0};
    return ::poll(&p, 1, 0) == 1 && (p.revents & POLLERR) != 0;
  }

  Loop loop_;
};

TEST_F(LastWordsTest, ASocketThatHasSentAllIsResetAtOnce) {
  auto [near, far] = tcp_pair();
  ASSERT_EQ(::send(near.get(), "bye", 3, 0), 3);
  loop_.last_words().take(std::move(near), {});
  EXPECT_TRUE(broken(far.get()));
  EXPECT_EQ(loop_.last_words().size(), 0u);
  EXPECT_EQ(read_until_reset(far.get()), 3u);
}

TEST_F(LastWordsTest, WhoReadsOnGetsAllOfIt) {
  auto [near, far] = tcp_pair();
  const auto stuffed = stuff(near.get());
  const ByteVector rest(3'000'000);
  loop_.last_words().take(std::move(near), rest);
  EXPECT_FALSE(broken(far.get()));
  EXPECT_EQ(read_until_reset(far.get()), stuffed + rest.size());
  EXPECT_EQ(loop_.last_words().size(), 0u);
}

TEST_F(LastWordsTest, WhoDoesNotReadHearsOfTheResetAfterAWhile) {
  auto [near, far] = tcp_pair();
  stuff(near.get());
  const auto start = Loop::precise_now();
  loop_.last_words().take(std::move(near), {});
  while (!broken(far.get()) && Loop::precise_now() < start + std::chrono::seconds{10})
    uv_run(loop_.uv(), UV_RUN_NOWAIT);
  EXPECT_GE(Loop::precise_now() - start, LastWords::kPatience);
  EXPECT_LT(Loop::precise_now() - start, 4 * LastWords::kPatience);
}

TEST_F(LastWordsTest, WhoGoesAwayLeavesNothing) {
  auto [near, far] = tcp_pair();
  stuff(near.get());
  loop_.last_words().take(std::move(near), ByteVector(1000));
  EXPECT_EQ(loop_.last_words().size(), 1u);
  far.reset();
  for (int turn = 0; turn < 1000 && loop_.last_words().size() != 0; ++turn)
    uv_run(loop_.uv(), UV_RUN_NOWAIT);
  EXPECT_EQ(loop_.last_words().size(), 0u);
}

TEST_F(LastWordsTest, TooMuchIsNotKept) {
  auto [near, far] = tcp_pair();
  stuff(near.get());
  loop_.last_words().take(std::move(near), ByteVector(LastWords::kMostRest + 1));
  EXPECT_EQ(loop_.last_words().size(), 0u);
  EXPECT_TRUE(broken(far.get()));
}

TEST_F(LastWordsTest, ALoopThatEndsResetsThem) {
  auto [near, far] = tcp_pair();
  {
    Loop other;
    stuff(near.get());
    other.last_words().take(std::move(near), {});
    EXPECT_FALSE(broken(far.get()));
  }
  EXPECT_TRUE(broken(far.get()));
}

}  // namespace
}  // namespace culvert::loop
