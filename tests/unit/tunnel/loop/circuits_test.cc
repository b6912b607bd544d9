// Circuits on threads of their own, between real connections on loopback.
#include "tunnel/loop/circuits.h"

#include <algorithm>
#include <map>

#include "circuit_lab.h"
#include "socket_pairs.h"
#include "tunnel/loop/forwarding_pipe.h"

namespace culvert::loop {
namespace {

// From one far end to the other: octets of a sequence, each checked.
class Direction {
 public:
  Direction(int from, int to, unsigned seed, std::size_t total)
      : from_(from), to_(to), sends_(seed), expects_(seed), unsent_(total), unread_(total) {}
  void skip(std::size_t octets) {  // these have been received from there before
    (void)sends_.next(octets);
    unsent_ -= octets;
  }
  void turn() {
    if (waiting_.empty()) {
      waiting_ = sends_.next(std::min<std::size_t>(unsent_, 40'000));
      unsent_ -= waiting_.size();
    }
    const auto sent = write_some(from_, waiting_);
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(sent));
    ByteVector got;
    if (unread_ == 0 || read_some(to_, got, unread_) <= 0) return;
    unread_ -= got.size();
    same_ = same_ && got == expects_.next(got.size());
  }
  bool done() const { return unread_ == 0; }
  bool same() const { return same_; }

 private:
  int from_, to_;
  Octets sends_, expects_;
  std::size_t unsent_, unread_;
  ByteVector waiting_;
  bool same_ = true;
};

class Settled final : public ForwardingPipe {
 public:
  using ForwardingPipe::ForwardingPipe;
  bool can_move() const override { return false; }
};

class CircuitsTest : public testing::TestWithParam<std::size_t>, protected Circuits::Listener {
 protected:
  CircuitsTest() { threads_.start(); }
  ~CircuitsTest() override { threads_.stop(); }
  struct Joined {
    Circuits::Id id;
    UniqueFd a, b;  // the far ends
  };
  Joined join(ByteVector received_from_a = {}, bool settled = false) {
    auto a = tcp_pair(), b = tcp_pair();
    std::unique_ptr<BytePipe> leg_a = std::make_unique<TcpSocket>(loop_, std::move(a.near));
    if (settled) leg_a = std::make_unique<Settled>(std::move(leg_a));
    auto leg_b = std::make_unique<TcpSocket>(loop_, std::move(b.near));
    const auto id =
        circuits_->join({std::move(leg_a), std::move(received_from_a)}, {std::move(leg_b), {}});
    return {id, std::move(a.far), std::move(b.far)};
  }
  template <class Condition>
  [[nodiscard]] bool until(Condition condition) {
    const auto end = Loop::precise_now() + std::chrono::seconds{20};
    while (!condition()) {
      if (Loop::precise_now() > end) return false;
      uv_run(loop_.uv(), UV_RUN_NOWAIT);
    }
    return true;
  }
  void on_circuit_ended(Circuits::Id circuit, const Circuits::Outcome& outcome) override {
    EXPECT_TRUE(ended_.emplace(circuit, outcome).second);
  }
  bool broken(const UniqueFd& fd) {
    ByteVector rest;
    return until([&] { return read_some(fd.get(), rest, 1 << 16) < 0 && errno == ECONNRESET; });
  }
  bool at_end(const UniqueFd& fd) {
    ByteVector rest;
    return until([&] { return read_some(fd.get(), rest, 1 << 16) == 0; });
  }

  Loop loop_;
  LoopThreads threads_{GetParam()};
  std::map<Circuits::Id, Circuits::Outcome> ended_;
  std::unique_ptr<Circuits> circuits_ =
      std::make_unique<Circuits>(loop_, threads_, static_cast<Circuits::Listener&>(*this));
};

TEST_P(CircuitsTest, CarryManyAtOnceInBothDirectionsAndTellTheirOctets) {
  constexpr std::size_t kEach = 512 * 1024, kGreeted = 10;
  std::vector<Joined> all;
  std::vector<Direction> ways;
  for (unsigned i = 0; i < 12; ++i) {
    all.push_back(join(Octets(i).next(kGreeted)));
    const int a = all.back().a.get(), b = all.back().b.get();
    ways.emplace_back(a, b, i, kEach).skip(kGreeted);
    ways.emplace_back(b, a, 100 + i, kEach);
  }
  ASSERT_TRUE(until([&] {
    for (auto& way : ways) way.turn();
    return std::ranges::all_of(ways, [](const Direction& one) { return one.done(); });
  }));
  for (const auto& way : ways) EXPECT_TRUE(way.same());
  for (auto& one : all) {
    one.a.reset();
    one.b.reset();
  }
  ASSERT_TRUE(until([&] { return ended_.size() == all.size(); }));
  for (const auto& one : all) EXPECT_EQ(ended_.at(one.id).octets, 2 * kEach);
}

TEST_P(CircuitsTest, ResetBothSidesOfTheOneThatIsAborted) {
  auto stays = join(), goes = join();
  circuits_->abort(goes.id);
  EXPECT_TRUE(broken(goes.a));
  EXPECT_TRUE(broken(goes.b));
  ASSERT_TRUE(until([&] { return !ended_.empty(); }));
  EXPECT_TRUE(ended_.contains(goes.id));
  circuits_->abort(goes.id);  // nobody is told twice
  say(stays.a, "still here");
  ByteVector got;
  ASSERT_TRUE(until([&] { return read_some(stays.b.get(), got, 64) > 0; }));
  EXPECT_EQ(as_text(got), "still here");
  EXPECT_EQ(ended_.size(), 1u);
}

TEST_P(CircuitsTest, CarryALegThatCannotMoveOnTheLoopOfTheOwner) {
  auto one = join({}, /*settled=*/true);
  say(one.a, "where it was");
  ByteVector got;
  ASSERT_TRUE(until([&] { return read_some(one.b.get(), got, 64) > 0; }));
  EXPECT_EQ(as_text(got), "where it was");
  circuits_->abort(one.id);
  ASSERT_TRUE(until([&] { return !ended_.empty(); }));
}

TEST_P(CircuitsTest, EndWithoutAWordWhenTheyAreCleared) {
  auto one = join(), settled = join({}, true);
  circuits_->clear();
  for (const auto* far : {&one.a, &one.b, &settled.a, &settled.b}) EXPECT_TRUE(at_end(*far));
  auto next = join();
  circuits_->abort(next.id);
  ASSERT_TRUE(until([&] { return !ended_.empty(); }));
  EXPECT_EQ(ended_.size(), 1u);
  EXPECT_TRUE(ended_.contains(next.id));
}

TEST_P(CircuitsTest, AreLeftInTheMiddleOfTheirWork) {
  std::vector<Joined> all;
  for (int i = 0; i < 8; ++i) {
    all.push_back(join());
    (void)write_some(all.back().a.get(), ByteVector(1 << 20));
  }
  threads_.stop();
  circuits_.reset();
  for (const auto& one : all) {
    ByteVector rest;
    EXPECT_TRUE(until([&] {
      const auto count = read_some(one.b.get(), rest, 1 << 16);
      return count == 0 || (count < 0 && errno == ECONNRESET);
    }));
  }
}

INSTANTIATE_TEST_SUITE_P(Threads, CircuitsTest, testing::Values(0, 1, 3),
                         [](const auto& it) { return "Threads" + std::to_string(it.param); });

}  // namespace
}  // namespace culvert::loop
