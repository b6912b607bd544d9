// What passes through two flows and the session between them.
#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>
#include <thread>

#include "flow_lab.h"
#include "tests/unit/sanitized.h"

namespace culvert::flow {
namespace {

TEST_F(FlowTest, BytesHalfCloseAndEndPassBothWays) {
  join();
  EXPECT_EQ(acceptor_->target.port, 80);
  ASSERT_EQ(::send(program_.get(), "ping", 4, 0), 4);
  ::shutdown(program_.get(), SHUT_WR);
  run_until([this] { return readable(destination_); });
  char buffer[16];
  EXPECT_EQ(::recv(destination_.get(), buffer, sizeof buffer, 0), 4);
  run_until([this] { return readable(destination_); });
  EXPECT_EQ(::recv(destination_.get(), buffer, sizeof buffer, 0), 0) << "the FIN arrived";
  ASSERT_EQ(::send(destination_.get(), "pong!", 5, 0), 5) << "the other direction goes on";
  destination_.reset();
  run_until([this] { return opener_.flows.size() == 0; });
  EXPECT_EQ(::recv(program_.get(), buffer, sizeof buffer, 0), 5);
  EXPECT_EQ(::recv(program_.get(), buffer, sizeof buffer, 0), 0);
  run_until([this] { return acceptor_->link->streams().stream_count() == 1; });
}

// As often as one reads it; where urgent ones follow each other, the last counts, as in TCP.
TEST_F(FlowTest, UrgentOctetsAreUrgentAtTheFarEnd) {
  join();
  for (int size : {0, 1, 2, 1000, 20'000, 60'000, 100'000}) {
    SCOPED_TRACE(size);
    const std::string before(static_cast<std::size_t>(size), 'a');
    ASSERT_EQ(::send(program_.get(), before.data(), before.size(), 0), size);
    ASSERT_EQ(::send(program_.get(), "!", 1, MSG_OOB), 1);
    ASSERT_EQ(::send(program_.get(), "zz", 2, 0), 2);
    std::string got;
    const auto take = [&](std::size_t all) {  // and nothing behind them
      std::array<char, 4096> buffer;
      if (got.size() >= all) return true;
      const auto n = ::recv(destination_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (n > 0) got.append(buffer.data(), static_cast<std::size_t>(n));
      return got.size() >= all;
    };
    run_until([&] { return take(before.size()); });
    EXPECT_EQ(got.size(), before.size()) << "a read ends at the mark";
    char urgent = 0;
    run_until([&] { return urgent != 0 || ::recv(destination_.get(), &urgent, 1, MSG_OOB) == 1; });
    EXPECT_EQ(urgent, '!');
    EXPECT_EQ(::sockatmark(destination_.get()), 1);
    got.clear();
    run_until([&] { return take(2); });
    EXPECT_EQ(got, "zz");
  }
}

// A peer may say what it likes: the octets arrive, in line.
TEST_F(FlowTest, MarksThatMeanNothingChangeNothing) {
  join();
  auto& streams = opener_.link->streams();
  const auto mark = [&](ByteVector bytes) {
    streams.send_datagram(opener_.stream, bytes, loop::Loop::precise_now());
  };
  mark({});
  mark(ByteVector(7));
  mark(ByteVector(8, std::byte{0xff}));
  ASSERT_EQ(::send(program_.get(), "abc", 3, 0), 3);
  run_until([this] { return readable(destination_); });
  mark(ByteVector(8));  // of an octet that has been there
  opener_.link->schedule();
  ASSERT_EQ(::send(program_.get(), "def", 3, 0), 3);
  std::string got;
  run_until([&] {
    std::array<char, 16> buffer;
    const auto n = ::recv(destination_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n > 0) got.append(buffer.data(), static_cast<std::size_t>(n));
    return got.size() >= 6;
  });
  EXPECT_EQ(got, "abcdef");
}

// What the allocator makes of it: the stream, its place in the table, the flow, the
// poller's place; of both ends, which are both in this process.
TEST_F(FlowTest, AnIdleStreamCostsAtMost256OctetsOnEachSide) {
  if (kSanitized) GTEST_SKIP() << "AddressSanitizer brings its own malloc()";
  const rlimit enough{4096, 20'000};
  ::setrlimit(RLIMIT_NOFILE, &enough);
  std::vector<UniqueFd> held;
  held.reserve(2000);
  const auto hold = [&](std::size_t streams) {
    while (opener_.flows.size() < streams) {
      join_one(opener_.flows.size() + 1);
      char byte = 0;
      ASSERT_EQ(::send(program_.get(), "?", 1, 0), 1);
      run_until([this] { return readable(destination_); });
      ASSERT_EQ(::recv(destination_.get(), &byte, 1, 0), 1);
      held.push_back(std::move(program_));
      held.push_back(std::move(destination_));
    }
    run_until([this] { return !opener_.link->streams().has_output(); });
    ::malloc_trim(0);
  };
  hold(20);
  const auto before = ::mallinfo2().uordblks;
  hold(320);
  const auto each = (::mallinfo2().uordblks - before) / 300 / 2;
  RecordProperty("octets", static_cast<int>(each));
  EXPECT_LE(each, 256u);
  EXPECT_GT(each, 100u) << "measured nothing";
}

TEST_F(FlowTest, ARefusalReachesTheOpenerWithItsReason) {
  opener_.stream = *opener_.link->open({control::Target::Kind::kEndpointPort, "", 81}, opener_);
  run_until([this] { return opener_.reset.has_value(); });
  EXPECT_EQ(opener_.reset->code, ErrorCode::kRefused);
  EXPECT_EQ(opener_.reset->detail, "nothing here");
}

TEST_F(FlowTest, WhenTheSessionGoesDownProgramsSeeAReset) {
  join();
  acceptor_->flows.clear();
  acceptor_->link.reset();
  run_until([this] { return opener_.down.has_value(); });
  char buffer[16];
  EXPECT_EQ(::recv(program_.get(), buffer, sizeof buffer, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
}

TEST_F(FlowTest, ASessionThatIsClosedSaysGoodbye) {
  run_until([this] { return opener_.up; });
  opener_.link->close("the machine shuts down");
  run_until([this] { return acceptor_->down && opener_.down; });
  EXPECT_EQ(acceptor_->down->code, ErrorCode::kClosed);
  EXPECT_NE(acceptor_->down->detail.find("the machine shuts down"), std::string::npos);
}

// Of a program that is always ahead: its octets fill records, without a few left over each time.
TEST_F(FlowTest, BulkGoesInWholeRecords) {
  join();
  loop::tune_local_leg(program_.get());
  opener_.flows.for_each([](const Flow& flow) { loop::tune_local_leg(flow.fd()); });
  written_.clear();
  const ByteVector block(1 << 20);
  ByteVector buffer(1 << 20);
  for (std::size_t sent = 0, got = 0; sent < 64'000'000 || got < sent;) {
    if (sent < 64'000'000) {
      const auto n = ::send(program_.get(), block.data(), block.size(), MSG_DONTWAIT);
      if (n > 0) sent += static_cast<std::size_t>(n);
    }
    uv_run(loop_.uv(), UV_RUN_NOWAIT);
    const auto n = ::recv(destination_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n > 0) got += static_cast<std::size_t>(n);
  }
  const auto large = std::ranges::count_if(written_, [](std::size_t n) { return n > 60'000; });
  const auto little = std::ranges::count_if(written_, [](std::size_t n) { return n < 4096; });
  RecordProperty("large", static_cast<int>(large));
  RecordProperty("little", static_cast<int>(little));
  EXPECT_GT(large, 100);
  EXPECT_LT(little, large / 10);
}

TEST_F(FlowTest, AHundredMegabytesArriveUnchangedAgainstASlowReader) {
  join();
  constexpr std::size_t kTotal = 100'000'000;
  std::thread writer([this] {
    ByteVector block(1 << 16);
    for (std::size_t sent = 0; sent < kTotal;) {
      for (std::size_t i = 0; i < block.size(); ++i)
        block[i] = static_cast<std::byte>((sent + i) % 251);
      const auto n = ::send(program_.get(), block.data(), std::min(block.size(), kTotal - sent), 0);
      if (n <= 0) break;
      sent += static_cast<std::size_t>(n);
    }
    ::shutdown(program_.get(), SHUT_WR);
  });
  std::size_t got = 0, wrong = 0;
  bool ended = false;
  ByteVector buffer(1 << 17);
  for (int turn = 0; turn < 10'000'000 && !ended; ++turn) {
    uv_run(loop_.uv(), UV_RUN_NOWAIT);
    const auto n =
        ::recv(destination_.get(), buffer.data(), 1 + (got * 7919) % buffer.size(), MSG_DONTWAIT);
    ended = n == 0;
    for (ssize_t i = 0; i < n; ++i, ++got)
      wrong += buffer[static_cast<std::size_t>(i)] != static_cast<std::byte>(got % 251) ? 1u : 0u;
  }
  writer.join();
  EXPECT_EQ(got, kTotal);
  EXPECT_EQ(wrong, 0u);
}

}  // namespace
}  // namespace culvert::flow
