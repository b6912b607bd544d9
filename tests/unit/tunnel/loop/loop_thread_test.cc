#include "tunnel/loop/loop_thread.h"

#include <gtest/gtest.h>

#include <csignal>
#include <future>

#include "socket_pairs.h"
#include "tunnel/loop/remote.h"
#include "tunnel/loop/tcp_socket.h"

namespace culvert::loop {
namespace {

TEST(LoopThread, DoesWhatIsPostedInItsOwnThreadInThatOrder) {
  LoopThread thread;
  thread.start();
  std::vector<int> done;
  std::promise<std::thread::id> there;
  for (int i = 0; i < 1000; ++i) thread.post([&done, i] { done.push_back(i); });
  thread.post([&there] { there.set_value(std::this_thread::get_id()); });
  EXPECT_NE(there.get_future().get(), std::this_thread::get_id());
  ASSERT_EQ(done.size(), 1000u);
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(done[static_cast<std::size_t>(i)], i);
}

TEST(LoopThread, DoesWhatManyThreadsPostAtOnceAndNothingTwice) {
  LoopThread thread;
  thread.start();
  int done = 0;  // of that thread alone, until it has ended
  std::vector<std::thread> posters;
  for (int i = 0; i < 4; ++i)
    posters.emplace_back([&] {
      for (int k = 0; k < 5000; ++k) thread.post([&done] { ++done; });
    });
  for (auto& one : posters) one.join();
  thread.stop();
  EXPECT_EQ(done, 4 * 5000);
}

TEST(LoopThread, StopsBehindWhatWasPostedAndDropsWhatComesLater) {
  LoopThread thread;
  thread.start();
  bool before = false, behind = false;
  thread.post([&before] { before = true; });
  thread.stop();
  thread.post([&behind] { behind = true; });
  thread.stop();
  EXPECT_TRUE(before);
  EXPECT_FALSE(behind);
}

TEST(LoopThread, TakesWorkThatWorkPosts) {
  LoopThread thread;
  thread.start();
  std::promise<int> done;
  thread.post([&] { thread.post([&] { done.set_value(1); }); });
  EXPECT_EQ(done.get_future().get(), 1);
}

TEST(LoopThread, HasNoSignalsToDealWith) {
  LoopThread thread;
  thread.start();
  std::promise<bool> blocked;
  thread.post([&] {
    sigset_t now;
    pthread_sigmask(SIG_SETMASK, nullptr, &now);
    blocked.set_value(sigismember(&now, SIGTERM) == 1 && sigismember(&now, SIGCHLD) == 1);
  });
  EXPECT_TRUE(blocked.get_future().get());
  sigset_t here;
  pthread_sigmask(SIG_SETMASK, nullptr, &here);
  EXPECT_EQ(sigismember(&here, SIGTERM), 0);
}

struct Reader final : BytePipe::Listener {
  void on_readable() override { ++calls; }
  void on_writable() override {}
  void on_broken(int) override { ++calls; }
  int calls = 0;
};

// Both loops turn by hand: whichever heard of octets for the socket after it left would take them
// for its own.
TEST(TcpSocket, GoesToAnotherLoopWithAllThatWasNotRead) {
  Loop one, other;
  auto pair = tcp_pair();
  Reader former, present;
  TcpSocket moved(one, std::move(pair.near));
  moved.set_listener(&former);
  moved.set_interest(true, false);
  say(pair.far, "before");
  turn(one);
  const int heard = former.calls;
  EXPECT_GT(heard, 0);

  moved.leave_loop();
  moved.enter_loop(other);
  moved.set_listener(&present);
  moved.set_interest(true, false);
  turn(one);
  EXPECT_EQ(former.calls, heard);
  turn(other);
  EXPECT_GT(present.calls, 0);
  std::array<std::byte, 64> into;
  const auto got = moved.read(into);
  ASSERT_EQ(got.state, IoResult::State::kMoved);
  EXPECT_EQ(as_text(Bytes{into}.first(got.count)), "before");

  say(pair.far, "behind");
  turn(one);
  EXPECT_EQ(former.calls, heard);
  turn(other);
  const auto more = moved.read(into);
  ASSERT_EQ(more.state, IoResult::State::kMoved);
  EXPECT_EQ(as_text(Bytes{into}.first(more.count)), "behind");
}

// As on its way from a visitor to a circuit, when nobody listens.
TEST(TcpSocket, TellsAnotherLoopOfAResetThatTheFirstOneToldNobodyOf) {
  Loop one, other;
  auto pair = tcp_pair();
  Reader present;
  TcpSocket moved(one, std::move(pair.near));
  reset(pair.far);
  turn(one);
  moved.leave_loop();
  moved.enter_loop(other);
  moved.set_listener(&present);
  moved.set_interest(false, false);
  turn(other);
  EXPECT_GT(present.calls, 0);
}

TEST(TcpSocket, IsClosedBetweenTwoLoops) {
  Loop one;
  auto pair = tcp_pair();
  {
    TcpSocket moved(one, std::move(pair.near));
    moved.leave_loop();
  }
  turn(one);
  std::byte octet;
  EXPECT_EQ(::recv(pair.far.get(), &octet, 1, MSG_DONTWAIT), 0);
}

struct Counter {
  int count = 0;
};

TEST(Remote, DoesWorkWithTheObjectInItsThreadUntilItIsForgotten) {
  LoopThread thread;
  Counter object;
  const Remote<Counter> remote(object, thread.mailbox());
  const auto copy = remote;
  EXPECT_EQ(copy, remote);
  EXPECT_NE(Remote<Counter>(object, thread.mailbox()), remote);
  thread.start();
  std::promise<std::thread::id> there;
  copy.post([&](Counter& counter) {
    ++counter.count;
    there.set_value(std::this_thread::get_id());
  });
  EXPECT_NE(there.get_future().get(), std::this_thread::get_id());
  thread.post([&] { remote.forget(); });
  copy.post([](Counter& counter) { counter.count += 100; });
  thread.stop();
  EXPECT_EQ(object.count, 1);
  EXPECT_EQ(copy.object(), nullptr);
}

}  // namespace
}  // namespace culvert::loop
