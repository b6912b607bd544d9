// Carriers that stay on their loop, and the ends of them that go to a thread. The test turns the
// loop of the carriers; the other one has a thread where the test says so, or is turned as well.
#include "service/bridges.h"

#include <future>

#include "tests/unit/tunnel/loop/socket_pairs.h"
#include "tunnel/loop/forwarding_pipe.h"
#include "tunnel/loop/loop_thread.h"

namespace culvert::service {
namespace {

using loop::BytePipe;
using State = loop::IoResult::State;

class Carrier final : public loop::ForwardingPipe {
 public:
  Carrier(loop::Loop& loop, UniqueFd fd, bool& gone)
      : ForwardingPipe(std::make_unique<loop::TcpSocket>(loop, std::move(fd))), gone_(gone) {}
  ~Carrier() override { gone_ = true; }
  bool can_move() const override { return false; }
  int bulk_round_trips() const override { return 7; }

 private:
  bool& gone_;
};

struct Ear final : BytePipe::Listener {
  void on_readable() override { ++readable; }
  void on_writable() override {}
  void on_broken(int) override { ++readable; }
  int readable = 0;
};

class BridgesTest : public testing::Test {
 protected:
  BridgesTest() {
    end_ = bridges_.cross(std::make_unique<Carrier>(near_, std::move(pair_.near), gone_));
    EXPECT_FALSE(gone_);
    EXPECT_EQ(bridges_.count(), 1u);
    EXPECT_TRUE(end_->can_move());
    end_->leave_loop();
    end_->enter_loop(far_);
    end_->set_listener(&ear_);
    end_->set_interest(true, false);
  }
  template <class Condition>
  [[nodiscard]] bool until(Condition condition) {
    const auto end = loop::Loop::precise_now() + std::chrono::seconds{20};
    while (!condition()) {
      if (loop::Loop::precise_now() > end) return false;
      uv_run(near_.uv(), UV_RUN_NOWAIT);
      uv_run(far_.uv(), UV_RUN_NOWAIT);
    }
    return true;
  }
  std::string read() {
    std::array<std::byte, 64> into;
    const auto got = end_->read(into);
    return got.state == State::kMoved ? std::string(as_text(Bytes{into}.first(got.count))) : "";
  }

  loop::Loop near_, far_;
  loop::Mailbox mailbox_{near_};
  Bridges bridges_{near_, mailbox_};
  loop::Pair pair_ = loop::tcp_pair();
  bool gone_ = false;
  Ear ear_;
  std::unique_ptr<BytePipe> end_;
};

TEST_F(BridgesTest, CarryOctetsBothWaysAndSayWhatTheCarrierSaysOfItself) {
  EXPECT_EQ(end_->bulk_round_trips(), 7);
  EXPECT_FALSE(end_->stranded());
  loop::say(pair_.far, "to the session");
  ASSERT_TRUE(until([&] { return ear_.readable > 0; }));
  EXPECT_EQ(read(), "to the session");
  ASSERT_EQ(end_->write(as_bytes("and back")).state, State::kMoved);
  char got[8];
  ASSERT_TRUE(until([&] { return ::recv(pair_.far.get(), got, sizeof got, MSG_DONTWAIT) == 8; }));
  EXPECT_EQ(std::string_view(got, 8), "and back");
}

TEST_F(BridgesTest, TellTheSessionThatItsCarrierHasBroken) {
  loop::reset(pair_.far);
  ASSERT_TRUE(until([&] { return ear_.readable > 0; }));
  std::array<std::byte, 8> into;
  const auto got = end_->read(into);
  EXPECT_TRUE(got.state == State::kEnd || got.state == State::kFailed);
  ASSERT_TRUE(until([&] { return gone_; }));
  EXPECT_EQ(bridges_.count(), 0u);
}

TEST_F(BridgesTest, LetTheLastWordsOutWhenTheSessionHasLetGo) {
  const std::string words(100'000, 'x');
  ASSERT_EQ(end_->write(as_bytes(words)).count, words.size());
  end_.reset();
  std::size_t got = 0;
  std::array<char, 4096> into;
  ASSERT_TRUE(until([&] {
    const auto count = ::recv(pair_.far.get(), into.data(), into.size(), MSG_DONTWAIT);
    if (count > 0) got += static_cast<std::size_t>(count);
    return count == 0;
  }));
  EXPECT_EQ(got, words.size());
}

// The far end of the carrier neither reads nor ends: no end would ever come of itself.
TEST_F(BridgesTest, KeepNoCarrierForWhoeverGoesOnWhenTheSessionHasLetGo) {
  end_.reset();
  ASSERT_TRUE(until([&] { return gone_; }));
  EXPECT_EQ(bridges_.count(), 0u);
}

TEST(Bridges, CarryToAThread) {
  loop::Loop near;
  loop::Mailbox mailbox(near);
  loop::LoopThreads threads(1);
  Bridges bridges(near, mailbox);
  auto pair = loop::tcp_pair();
  bool gone = false;
  auto end = bridges.cross(std::make_unique<Carrier>(near, std::move(pair.near), gone));
  end->leave_loop();
  threads.start();
  threads[0].post([end = std::move(end), &loop = threads[0].loop()]() mutable {
    end->enter_loop(loop);
    EXPECT_EQ(end->write(as_bytes("from a thread")).state, State::kMoved);
    end.reset();
  });
  std::string got;
  const auto late = loop::Loop::precise_now() + std::chrono::seconds{20};
  while (!gone) {
    ASSERT_LT(loop::Loop::precise_now(), late);
    uv_run(near.uv(), UV_RUN_NOWAIT);
    std::array<char, 64> into;
    const auto count = ::recv(pair.far.get(), into.data(), into.size(), MSG_DONTWAIT);
    if (count > 0) got.append(into.data(), static_cast<std::size_t>(count));
    if (count == 0) pair.far.reset();  // and now the carrier ends, too
  }
  EXPECT_EQ(got, "from a thread");
  threads.stop();
}

}  // namespace
}  // namespace culvert::service
