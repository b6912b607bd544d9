// What passes of a reset, and before it, through two flows and the session between them.
#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "flow_lab.h"
#include "tunnel/loop/last_words.h"

namespace culvert::flow {
namespace {

class FlowResetTest : public FlowTest {
 protected:
  // Until all of it has left the writer's kernel: a reset forgets what has not.
  void write_all(std::size_t size) {
    const ByteVector block(1 << 16);
    std::size_t sent = 0;
    run_for_a_while_until([&] {
      const auto n = ::send(program_.get(), block.data(), std::min(block.size(), size - sent),
                            MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n > 0) sent += static_cast<std::size_t>(n);
      int queued = 0;
      ioctl(program_.get(), SIOCOUTQ, &queued);
      return sent == size && queued == 0;
    });
  }
  // Until the reset; `step` octets at a time, with so many turns of the loop in between.
  std::size_t read_all(std::size_t step, int turns) {
    ByteVector buffer(step);
    std::size_t got = 0;
    ssize_t last = 0;
    run_for_a_while_until([&] {
      for (int i = 1; i < turns; ++i) uv_run(loop_.uv(), UV_RUN_NOWAIT);
      last = ::recv(destination_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (last > 0) got += static_cast<std::size_t>(last);
      return last == 0 || (last < 0 && errno != EAGAIN);
    });
    EXPECT_EQ(last, -1);
    EXPECT_EQ(errno, ECONNRESET);
    return got;
  }
};

TEST_F(FlowResetTest, AResetArrivesAsAReset) {
  join();
  reset(program_);
  run_until([this] { return readable(destination_); });
  char buffer[16];
  EXPECT_EQ(::recv(destination_.get(), buffer, sizeof buffer, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
}

// Natively the kernel tells of it by an event, however much lies unread before it.
TEST_F(FlowResetTest, AResetArrivesThoughNobodyReadsWhatCameBefore) {
  join();
  fcntl(program_.get(), F_SETFL, O_NONBLOCK);
  const ByteVector block(1 << 16);
  std::size_t unmoved = 0;
  run_until([&] {
    unmoved = ::send(program_.get(), block.data(), block.size(), 0) > 0 ? 0 : unmoved + 1;
    return unmoved > 1000;
  });
  reset(program_);
  run_for_a_while_until([this] {
    pollfd p{destination_.get(), POLLRDHUP, 0};
    return ::poll(&p, 1, 0) == 1 && (p.revents & POLLERR) != 0;
  });
  ByteVector buffer(1 << 16);
  EXPECT_GT(::recv(destination_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT), 0)
      << "what had come is there to be read";
  ssize_t last = 1;
  for (int i = 0; i < 10'000 && last > 0; ++i)
    last = ::recv(destination_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  EXPECT_EQ(last, -1);
  EXPECT_EQ(errno, ECONNRESET);
}

// The kernel of the one who resets holds nothing any more: all of it is in the flows, the session
// between them, and the sockets' queues.
TEST_F(FlowResetTest, WhatWasWrittenBeforeAResetArrivesBeforeIt) {
  for (std::size_t size : {1'000u, 100'000u, 1'000'000u, 2'000'000u}) {
    SCOPED_TRACE(size);
    join();
    write_all(size);
    reset(program_);
    EXPECT_EQ(read_all(1 << 16, 1), size);
    run_until([this] { return opener_.flows.size() == 0 && acceptor_->flows.size() == 0; });
  }
}

TEST_F(FlowResetTest, ASlowReaderGetsAllOfItToo) {
  join();
  write_all(1'500'000);
  reset(program_);
  EXPECT_EQ(read_all(10'000, 500), 1'500'000u);
}

TEST_F(FlowResetTest, WhatWasWrittenTheOtherWayIsNotWaitedFor) {
  join();
  const ByteVector block(1 << 16);
  for (int i = 0; i < 100; ++i) {
    ::send(destination_.get(), block.data(), block.size(), MSG_DONTWAIT);
    uv_run(loop_.uv(), UV_RUN_NOWAIT);
  }
  write_all(300'000);
  reset(program_);
  EXPECT_EQ(read_all(1 << 16, 1), 300'000u);
}

TEST_F(FlowResetTest, NothingIsLeftOfWhoReadsNoMore) {
  join();
  write_all(1'500'000);
  reset(program_);
  run_for_a_while_until([this] {
    pollfd p{destination_.get(), POLLRDHUP, 0};
    return ::poll(&p, 1, 0) == 1 && (p.revents & POLLERR) != 0;
  });
  EXPECT_EQ(loop_.last_words().size(), 0u);
  EXPECT_EQ(opener_.link->streams().stream_count(), 1u);
  EXPECT_EQ(acceptor_->link->streams().stream_count(), 1u);
}

}  // namespace
}  // namespace culvert::flow
