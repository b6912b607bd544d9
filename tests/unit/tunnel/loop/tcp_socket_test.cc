#include "tunnel/loop/tcp_socket.h"

#include <functional>
#include <list>
#include <optional>

#include "tests/unit/tunnel/loop/socket_pairs.h"
#include "tunnel/loop/timer.h"

namespace culvert::loop {
namespace {

using State = IoResult::State;

struct Owner final : BytePipe::Listener {
  Owner(Loop& loop, UniqueFd fd) {
    socket.emplace(loop, std::move(fd));
    socket->set_listener(this);
  }
  void on_readable() override {
    ++readables;
    if (then) then();
  }
  void on_writable() override {
    ++writables;
    if (then) then();
  }
  void on_broken(int e) override {
    ++brokens;
    error = e;
    if (then) then();
  }
  std::string read(std::size_t at_most = 64) {
    std::string text(at_most, '\0');
    last = socket->read(to_mutable(text));
    text.resize(last.count);
    return text;
  }
  void fill() {
    const std::string much(1 << 20, 'x');
    while (socket->write(as_bytes(much)).state == State::kMoved) continue;
  }
  static MutableBytes to_mutable(std::string& text) {
    return {reinterpret_cast<std::byte*>(text.data()), text.size()};
  }
  std::optional<TcpSocket> socket;
  std::function<void()> then;
  IoResult last;
  int readables = 0, writables = 0, brokens = 0, error = 0;
};

class TcpSocketTest : public testing::Test {
 protected:
  TcpSocketTest() {
    auto [near, its_far] = tcp_pair();
    owner.emplace(loop, std::move(near));
    far = std::move(its_far);
  }
  Loop loop;
  UniqueFd far;
  std::optional<Owner> owner;
};

TEST_F(TcpSocketTest, LetsRoutersCutItsPacketsOnceItIsTold) {
  const auto how = [&] {
    int value = -1;
    socklen_t length = sizeof value;
    getsockopt(owner->socket->fd(), IPPROTO_IP, IP_MTU_DISCOVER, &value, &length);
    return value;
  };
  EXPECT_NE(how(), IP_PMTUDISC_DONT);
  owner->socket->allow_fragments();
  EXPECT_EQ(how(), IP_PMTUDISC_DONT);
}

TEST(TuneCarrier, SendsAgainEveryTwoSecondsAtLeast) {
  constexpr int kRtoMaxMs = 44;
  auto pair = tcp_pair();
  tune_carrier(pair.near.get());
  int most = 0;
  socklen_t length = sizeof most;
  if (::getsockopt(pair.near.get(), IPPROTO_TCP, kRtoMaxMs, &most, &length) != 0)
    GTEST_SKIP() << "the kernel is older than Linux 6.15";
  EXPECT_EQ(most, 2000);
}

TEST_F(TcpSocketTest, TellsEveryTurnUntilAllHasBeenRead) {
  owner->socket->set_interest(true, false);
  say(far, "abc");
  turn(loop, 4);
  EXPECT_GE(owner->readables, 3);
  EXPECT_EQ(owner->read(1), "a");
  owner->readables = 0;
  turn(loop);
  EXPECT_GT(owner->readables, 0) << "what one read left behind was forgotten";
  EXPECT_EQ(owner->read(), "bc");
  owner->readables = 0;
  turn(loop);
  EXPECT_EQ(owner->readables, 0);
  EXPECT_EQ(owner->writables, 0);
}

TEST_F(TcpSocketTest, TellsOnceMoreWhenAReadFilledItsBufferExactly) {
  owner->socket->set_interest(true, false);
  say(far, "abc");
  turn(loop);
  EXPECT_EQ(owner->read(3), "abc");
  turn(loop);
  owner->read();
  EXPECT_EQ(owner->last.state, State::kBlocked);
  owner->readables = 0;
  turn(loop);
  EXPECT_EQ(owner->readables, 0);
  say(far, "d");
  turn(loop);
  EXPECT_GT(owner->readables, 0);
}

TEST_F(TcpSocketTest, TellsLaterWhatCameWhileNobodyWasInterested) {
  for (int round = 0; round < 3; ++round) {
    owner->readables = 0;
    owner->socket->set_interest(false, false);
    say(far, "a");
    turn(loop);
    EXPECT_EQ(owner->readables, 0);
    owner->socket->set_interest(true, false);
    EXPECT_EQ(owner->readables, 0) << "called from inside set_interest()";
    turn(loop);
    EXPECT_GT(owner->readables, 0);
    EXPECT_EQ(owner->read(), "a");
  }
}

TEST_F(TcpSocketTest, ForgetsAnEventWhenTheInterestEndsBeforeItWasTold) {
  say(far, "a");
  turn(loop);
  owner->socket->set_interest(true, true);
  owner->socket->set_interest(false, false);
  turn(loop);
  EXPECT_EQ(owner->readables + owner->writables, 0);
}

TEST_F(TcpSocketTest, TellsTheNextOwnerWhatIsReadable) {
  owner->socket->set_interest(true, false);
  say(far, "a");
  owner->socket->set_listener(nullptr);
  turn(loop);
  EXPECT_EQ(owner->readables, 0);
  owner->socket->set_listener(&*owner);
  turn(loop);
  EXPECT_GT(owner->readables, 0);
}

TEST_F(TcpSocketTest, IsWritableAtOnceAndAgainWhenAFullOneHasRoom) {
  owner->socket->set_interest(false, true);
  turn(loop);
  EXPECT_GT(owner->writables, 0);
  for (int round = 0; round < 3; ++round) {
    owner->fill();
    owner->writables = 0;
    turn(loop);
    EXPECT_EQ(owner->writables, 0);
    std::string sink(1 << 20, '\0');
    for (int i = 0; i < 20'000 && owner->writables == 0; ++i) {
      (void)::recv(far.get(), sink.data(), sink.size(), MSG_DONTWAIT);
      turn(loop, 1);
    }
    EXPECT_GT(owner->writables, 0);
  }
}

TEST_F(TcpSocketTest, AlternatesBetweenReadingAndWriting) {
  owner->socket->set_interest(true, true);
  say(far, "a");
  turn(loop, 8);
  EXPECT_GE(owner->readables, 2);
  EXPECT_GE(owner->writables, 2);
}

TEST_F(TcpSocketTest, TellsTheEndBehindTheLastBytes) {
  owner->socket->set_interest(true, false);
  say(far, "a");
  ::shutdown(far.get(), SHUT_WR);
  turn(loop);
  EXPECT_EQ(owner->read(), "a");
  owner->readables = 0;
  turn(loop);
  EXPECT_GT(owner->readables, 0);
  owner->read();
  EXPECT_EQ(owner->last.state, State::kEnd);
}

// Such a read is short although more has arrived.
TEST_F(TcpSocketTest, TellsWhatStandsBehindAnUrgentMark) {
  owner->socket->set_interest(true, false);
  say(far, "ab");
  say(far, "!", MSG_OOB);
  say(far, "cd");
  std::string all;
  owner->then = [&] { all += owner->read(); };
  turn(loop, 12);
  EXPECT_EQ(all, "ab!cd");
}

TEST_F(TcpSocketTest, NoticesAResetWhilePaused) {
  turn(loop);
  reset(far);
  turn(loop);
  EXPECT_EQ(owner->brokens, 1);
  EXPECT_EQ(owner->error, ECONNRESET);
  EXPECT_EQ(owner->readables, 0);
}

TEST_F(TcpSocketTest, NoticesAResetBehindTheEndThatAPausedOneSaw) {
  ::shutdown(far.get(), SHUT_WR);
  turn(loop);
  EXPECT_EQ(owner->brokens, 0) << "an orderly end breaks nothing";
  reset(far);
  turn(loop);
  EXPECT_EQ(owner->brokens, 1);
}

TEST_F(TcpSocketTest, LetsAReaderFindTheResetBehindTheBytes) {
  owner->socket->set_interest(true, false);
  say(far, "abc");
  turn(loop);
  reset(far);
  owner->then = [&] {
    owner->read(1);
    if (owner->last.state == State::kFailed) owner->socket->set_interest(false, false);
  };
  turn(loop, 8);
  EXPECT_EQ(owner->last.state, State::kFailed);
  EXPECT_EQ(owner->last.error, ECONNRESET);
  EXPECT_EQ(owner->brokens, 0);
}

TEST_F(TcpSocketTest, TellsAResetToAReaderWhoPausesInstead) {
  owner->socket->set_interest(true, false);
  say(far, "abc");
  turn(loop);
  owner->then = [&] { owner->socket->set_interest(false, false); };
  reset(far);
  turn(loop, 8);
  EXPECT_EQ(owner->brokens, 1);
}

TEST_F(TcpSocketTest, MayBeDestroyedInAnyOfItsCallbacks) {
  enum class In { kReadable, kWritable, kBroken };
  for (const auto in : {In::kReadable, In::kWritable, In::kBroken}) {
    auto [near, its_far] = tcp_pair();
    Owner one(loop, std::move(near));
    one.then = [&] { one.socket.reset(); };
    one.socket->set_interest(in == In::kReadable, in == In::kWritable);
    if (in == In::kReadable) say(its_far, "a");
    if (in == In::kBroken) reset(its_far);
    turn(loop, 8);
    EXPECT_EQ(one.readables + one.writables + one.brokens, 1);
    EXPECT_FALSE(one.socket);
  }
}

TEST_F(TcpSocketTest, IsCalledNoMoreOnceAnotherOneHasDestroyedIt) {
  std::list<Owner> owners;
  std::list<UniqueFd> fars;
  int called = 0;
  for (int i = 0; i < 10; ++i) {
    auto [near, its_far] = tcp_pair();
    auto& one = owners.emplace_back(loop, std::move(near));
    one.socket->set_interest(true, true);
    say(its_far, "a");
    fars.push_back(std::move(its_far));
    one.then = [&] {
      ++called;
      for (auto& other : owners) other.socket.reset();
    };
  }
  turn(loop, 8);
  EXPECT_EQ(called, 1);
}

TEST_F(TcpSocketTest, GivesEverybodyATurnHoweverMuchOneHasToRead) {
  std::list<Owner> owners;
  std::list<UniqueFd> fars;
  const std::string much(100'000, 'x');
  constexpr int kMany = 400;  // more than one batch of events
  for (int i = 0; i < kMany; ++i) {
    auto [near, its_far] = tcp_pair();
    auto& one = owners.emplace_back(loop, std::move(near));
    one.socket->set_interest(true, false);
    one.then = [&one] { one.read(1); };
    say(its_far, much);
    fars.push_back(std::move(its_far));
  }
  turn(loop, 40);
  int least = INT_MAX, most = 0;
  for (const auto& one : owners) {
    least = std::min(least, one.readables);
    most = std::max(most, one.readables);
  }
  EXPECT_GE(least, 30);
  EXPECT_LE(most, 2 * 40);
}

TEST_F(TcpSocketTest, LetsTheLoopSleepWhenNothingIsDue) {
  struct Alarm final : Timer::Listener {
    void on_timer(Timer&) override { rang = true; }
    bool rang = false;
  } alarm;
  Timer timer(loop, alarm);
  owner->socket->set_interest(true, false);
  owner->then = [&] { owner->read(); };
  say(far, "a");
  turn(loop);
  timer.start(std::chrono::milliseconds{20});
  int turns = 0;
  for (; !alarm.rang && turns < 1000; ++turns) loop.run_once();
  EXPECT_LE(turns, 5);
}

}  // namespace
}  // namespace culvert::loop
