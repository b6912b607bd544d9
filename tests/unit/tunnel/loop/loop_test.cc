#include "tunnel/loop/loop.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <array>
#include <optional>

#include "tunnel/loop/tcp_dial.h"
#include "tunnel/loop/tcp_listener.h"
#include "tunnel/loop/tcp_socket.h"

namespace culvert::loop {
namespace {

struct Counter final : Deferred {
  using Deferred::Deferred;
  void run_deferred() override {
    ++runs;
    if (again) {
      again = false;
      schedule();
    }
    if (victim != nullptr) victim->reset();
  }
  int runs = 0;
  bool again = false;
  std::optional<Counter>* victim = nullptr;
};

struct Sink final : Timer::Listener, TcpListener::Listener, TcpDial::Listener {
  void on_timer(Timer&) override {
    ++fired;
    timer.reset();
  }
  void on_accepted(UniqueFd fd, const SocketAddress&) override { accepted = std::move(fd); }
  void on_dialled(TcpDial&, UniqueFd fd, int e) override {
    dialled = std::move(fd);
    error = e;
    dial.reset();
  }
  std::optional<Timer> timer;
  std::optional<TcpDial> dial;
  UniqueFd accepted, dialled;
  int fired = 0, error = -1;
};

TEST(Deferred, RunsOnceBeforeTheLoopSleepsHoweverOftenItWasScheduled) {
  Loop loop;
  Sink sink;
  sink.timer.emplace(loop, sink);
  sink.timer->start(std::chrono::hours{1});  // libuv turns only while something is alive
  Counter counter(loop);
  counter.schedule();
  counter.schedule();
  uv_run(loop.uv(), UV_RUN_NOWAIT);
  EXPECT_EQ(counter.runs, 1);
  uv_run(loop.uv(), UV_RUN_NOWAIT);
  EXPECT_EQ(counter.runs, 1);
}

TEST(Deferred, MayScheduleItselfAgainAndDestroyOthers) {
  Loop loop;
  Sink sink;
  sink.timer.emplace(loop, sink);
  sink.timer->start(std::chrono::hours{1});
  std::optional<Counter> victim(loop);
  Counter killer(loop);
  killer.again = true;
  killer.victim = &victim;
  victim->schedule();
  killer.schedule();
  uv_run(loop.uv(), UV_RUN_NOWAIT);
  EXPECT_EQ(killer.runs, 2);
  EXPECT_FALSE(victim);
}

TEST(Loop, RunsWhatIsScheduledThoughNothingElseIsLeft) {
  Loop loop;
  Counter counter(loop);
  counter.again = true;
  counter.schedule();
  loop.run();
  EXPECT_EQ(counter.runs, 2);
}

TEST(Loop, StopsWhereverItIsToldTo) {
  struct Stopper final : Deferred, Timer::Listener {
    explicit Stopper(Loop& its_loop) : Deferred(its_loop), loop(its_loop) {}
    void run_deferred() override { loop.stop(); }
    void on_timer(Timer&) override { loop.stop(); }
    Loop& loop;
  };
  Loop loop;
  Stopper stopper(loop);
  Timer keeps_it_alive(loop, stopper), timer(loop, stopper);
  keeps_it_alive.start(std::chrono::hours{1});
  stopper.schedule();
  loop.run();
  timer.start(std::chrono::milliseconds{1});
  loop.run();
  EXPECT_FALSE(timer.running());
  EXPECT_TRUE(keeps_it_alive.running());
}

TEST(Timer, MayBeDestroyedInItsOwnCallback) {
  Loop loop;
  Sink sink;
  sink.timer.emplace(loop, sink);
  sink.timer->start(std::chrono::milliseconds{1});
  loop.run();
  EXPECT_EQ(sink.fired, 1);
}

TEST(TcpDial, ConnectsOrTellsTheTrueErrno) {
  Loop loop;
  Sink sink;
  std::uint16_t port = 0;
  {
    TcpListener listener(loop, sink);
    ASSERT_TRUE(listener.listen({IpAddress::v4(0x7f000001), 0}));
    port = listener.address().port;
    sink.dial.emplace(loop, listener.address(), std::chrono::seconds{5}, sink);
    for (int i = 0; i < 1000 && (sink.error < 0 || !sink.accepted); ++i) loop.run_once();
    EXPECT_EQ(sink.error, 0);
    EXPECT_TRUE(sink.dialled && sink.accepted);
  }
  sink.error = -1;
  sink.dial.emplace(loop, SocketAddress{IpAddress::v4(0x7f000001), port}, std::chrono::seconds{5},
                    sink);
  for (int i = 0; i < 1000 && sink.error < 0; ++i) loop.run_once();
  EXPECT_EQ(sink.error, ECONNREFUSED);
}

// With the cookie from the first connection where the system lets servers have it (bit 2 of
// net.ipv4.tcp_fastopen), through an ordinary handshake elsewhere.
TEST(TcpDial, SaysTheFirstOctetsInTheSynOrBehindItAllTheSame) {
  Loop loop;
  Sink sink;
  TcpListener listener(loop, sink);
  ASSERT_TRUE(listener.listen({IpAddress::v4(0x7f000001), 0}));
  listener.take_octets_of_syns();
  for (int round = 0; round < 3; ++round) {
    sink.error = -1;
    sink.accepted.reset();
    sink.dial.emplace(loop, listener.address(), std::chrono::seconds{5}, sink, std::nullopt,
                      TcpDial::FastOpen::kTry);
    for (int i = 0; i < 1000 && sink.error < 0; ++i) loop.run_once();
    ASSERT_EQ(sink.error, 0);
    TcpSocket dialled(loop, std::move(sink.dialled));
    ASSERT_EQ(dialled.write(as_bytes("hello")).state, IoResult::State::kMoved);
    for (int i = 0; i < 1000 && !sink.accepted; ++i) loop.run_once();
    ASSERT_TRUE(sink.accepted);
    pollfd arrived{sink.accepted.get(), POLLIN, 0};
    ASSERT_EQ(::poll(&arrived, 1, 5000), 1);
    std::array<char, 8> words{};
    ASSERT_EQ(::recv(sink.accepted.get(), words.data(), words.size(), 0), 5);
    EXPECT_STREQ(words.data(), "hello");
  }
}

TEST(TcpListener, NamesTheAddressItCannotBind) {
  Loop loop;
  Sink sink;
  TcpListener first(loop, sink), second(loop, sink);
  ASSERT_TRUE(first.listen({IpAddress::v4(0x7f000001), 0}));
  const auto failed = second.listen(first.address());
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().detail.find(first.address().to_string()), std::string::npos);
}

}  // namespace
}  // namespace culvert::loop
