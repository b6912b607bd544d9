#include "tunnel/loop/circuit.h"

#include <filesystem>

#include "circuit_lab.h"
#include "tests/unit/sanitized.h"

namespace culvert::loop {
namespace {

constexpr std::size_t kBulk = 3 * 1024 * 1024;

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

void reset(UniqueFd& fd) {
  const linger now{1, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  fd.reset();
}

// One far end: sends `total` octets of its sequence and then the end, and checks what it gets
// against the other end's sequence; all in portions of random size.
class Party {
 public:
  Party(int fd, unsigned seed, unsigned peer_seed, std::size_t total)
      : fd_(fd), random_(seed), sends_(seed), expects_(peer_seed), left_(total) {}

  void turn() {
    if (unsent_.empty() && left_ > 0) {
      unsent_ = sends_.next(std::min(left_, portion()));
      left_ -= unsent_.size();
    }
    const auto sent = unsent_.empty() ? 0 : write_some(fd_, unsent_);
    unsent_.erase(unsent_.begin(), unsent_.begin() + static_cast<std::ptrdiff_t>(sent));
    if (unsent_.empty() && left_ == 0 && !std::exchange(said_end_, true)) ::shutdown(fd_, SHUT_WR);
    ByteVector got;
    const auto count = at_end_ ? -1 : read_some(fd_, got, portion());
    if (count == 0) at_end_ = true;
    if (count <= 0) return;
    received_ += got.size();
    same_ = same_ && got == expects_.next(got.size());
  }
  bool done() const { return said_end_ && at_end_; }
  bool same() const { return same_; }
  std::size_t received() const { return received_; }

 private:
  // Small and large ones alike.
  std::size_t portion() {
    const auto bits = std::uniform_int_distribution<unsigned>(0, 19)(random_);
    return std::uniform_int_distribution<std::size_t>(1, std::size_t{1} << bits)(random_);
  }

  const int fd_;
  std::mt19937 random_;
  Octets sends_, expects_;
  std::size_t left_, received_ = 0;
  ByteVector unsent_;
  bool said_end_ = false, at_end_ = false, same_ = true;
};

// --- whichever way the octets pass -------------------------------------------------------------

class EveryWay : public testing::TestWithParam<Way> {
 protected:
  // Exactly `bytes` come out at `fd`.
  void expect_next(int fd, const ByteVector& bytes) {
    ByteVector got;
    ASSERT_TRUE(lab_.until([&] {
      read_some(fd, got, bytes.size() - got.size());
      return got.size() == bytes.size();
    })) << got.size();
    EXPECT_TRUE(got == bytes);
  }
  void pass(int from, int to, const ByteVector& bytes) {
    std::size_t sent = 0;
    ByteVector got;
    ASSERT_TRUE(lab_.until([&] {
      if (sent < bytes.size()) sent += write_some(from, Bytes{bytes}.subspan(sent));
      if (got.size() < bytes.size()) read_some(to, got, bytes.size() - got.size());
      return got.size() == bytes.size();
    })) << got.size();
    EXPECT_TRUE(got == bytes);
  }
  bool ended(int fd) {
    ByteVector none;
    return lab_.until([&] { return read_some(fd, none, 1) == 0; });
  }
  bool broken(int fd) {
    ByteVector rest;
    return lab_.until([&] { return read_some(fd, rest, 1 << 16) < 0 && errno == ECONNRESET; });
  }

  CircuitLab lab_{GetParam()};
  Octets octets_{1};
};

TEST_P(EveryWay, DeliversWhatWasReceivedBeforeTheJoinFirst) {
  const auto before = octets_.next(5000), behind = octets_.next(kBulk);
  lab_.join(before, octets_.next(7));
  ByteVector all(before);
  append(all, behind);
  std::size_t sent = 0;
  ByteVector got;
  ASSERT_TRUE(lab_.until([&] {
    if (sent < behind.size()) sent += write_some(lab_.a.get(), Bytes{behind}.subspan(sent));
    read_some(lab_.b.get(), got, 1 << 18);
    return got.size() >= all.size();
  }));
  EXPECT_TRUE(got == all);
  EXPECT_EQ(lab_.circuit->octets(), all.size() + 7);
}

TEST_P(EveryWay, PassesAHalfCloseBehindAllOctetsAndGoesOnTheOtherWay) {
  lab_.join();
  const auto last = octets_.next(kBulk);
  pass(lab_.a.get(), lab_.b.get(), last);
  ::shutdown(lab_.a.get(), SHUT_WR);
  EXPECT_TRUE(ended(lab_.b.get()));
  pass(lab_.b.get(), lab_.a.get(), octets_.next(kBulk));
  EXPECT_FALSE(lab_.ended);
  ::shutdown(lab_.b.get(), SHUT_WR);
  EXPECT_TRUE(ended(lab_.a.get()));
  EXPECT_TRUE(lab_.until([&] { return lab_.ended; }));
  EXPECT_EQ(lab_.octets, 2 * kBulk);
}

TEST_P(EveryWay, DeliversAllToAReaderThatComesLongAfterTheEnd) {
  lab_.join();
  const auto taken = lab_.fill(lab_.a.get());
  ::shutdown(lab_.a.get(), SHUT_WR);
  // The kernel moves octets between full buffers a little later, too: not quiet at once, always.
  ASSERT_TRUE(lab_.until([&] { return lab_.is_quiet(); }));
  ByteVector got;
  ASSERT_TRUE(lab_.until([&] { return read_some(lab_.b.get(), got, 1 << 18) == 0; }));
  EXPECT_EQ(got.size(), taken);
}

TEST_P(EveryWay, PassesAnAbortThoughOctetsAreStuck) {
  lab_.join();
  lab_.fill(lab_.a.get());
  reset(lab_.a);
  EXPECT_TRUE(broken(lab_.b.get()));
  EXPECT_TRUE(lab_.ended);
}

TEST_P(EveryWay, PassesAnAbortOfTheReaderBackToTheWriter) {
  lab_.join();
  lab_.fill(lab_.a.get());
  reset(lab_.b);
  EXPECT_TRUE(broken(lab_.a.get()));
  EXPECT_TRUE(lab_.ended);
}

TEST_P(EveryWay, TakesABoundedAmountForAReaderThatStalls) {
  for (const auto* fd : {&lab_.a, &lab_.b}) {
    const int size = 64 * 1024;
    setsockopt(fd->get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    setsockopt(fd->get(), SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  }
  lab_.join();
  auto sent = lab_.fill(lab_.a.get());
  const auto read = lab_.circuit->octets();
  EXPECT_GT(sent, 0u);
  sent += lab_.fill(lab_.a.get());  // what the kernel's own queues still take
  EXPECT_EQ(lab_.circuit->octets(), read) << "the circuit reads on for a reader that stalls";
  // The reader takes a little at a time: what passes then is all that comes.
  ByteVector got;
  const auto total = sent + kBulk;
  ASSERT_TRUE(lab_.until([&] {
    if (sent < total) sent += write_some(lab_.a.get(), ByteVector(50'000));
    read_some(lab_.b.get(), got, 3000);
    return sent >= total && got.size() == sent;
  }));
  EXPECT_TRUE(lab_.is_quiet());
}

TEST_P(EveryWay, KeepsUrgentOctetsInLineAndDoesNotSpin) {
  lab_.join();
  pass(lab_.a.get(), lab_.b.get(), octets_.next(kBulk));  // so that bulk is expected
  const auto before = octets_.next(20'000), behind = octets_.next(20'000);
  ASSERT_EQ(::send(lab_.a.get(), before.data(), before.size(), MSG_OOB), 20'000);
  ASSERT_EQ(::send(lab_.a.get(), behind.data(), behind.size(), 0), 20'000);
  expect_next(lab_.b.get(), before);
  expect_next(lab_.b.get(), behind);
  EXPECT_TRUE(lab_.is_quiet());
}

TEST_P(EveryWay, HoldsNothingWhileIdle) {
  lab_.join();
  pass(lab_.a.get(), lab_.b.get(), octets_.next(kBulk));
  if (lab_.pool) {
    EXPECT_LE(lab_.pool->kept(), 1u);
  }
  EXPECT_TRUE(lab_.is_quiet());
}

TEST_P(EveryWay, SplicesBulkBetweenBareSocketsAlone) {
  lab_.join();
  pass(lab_.a.get(), lab_.b.get(), octets_.next(kBulk));
  const bool bare = GetParam() == Way::kSpliced || GetParam() == Way::kTinyPipe;
  EXPECT_EQ(lab_.circuit->octets_spliced() > 0, bare);
  const auto before = lab_.circuit->octets_spliced();
  pass(lab_.b.get(), lab_.a.get(), octets_.next(100));
  EXPECT_EQ(lab_.circuit->octets_spliced(), before) << "a short answer was spliced";
}

// The sanitizers' own checks open pipes, and take it for a bad pointer when they cannot.
const std::vector<Way> kWays =
    kSanitized ? std::vector{Way::kCopied, Way::kSpliced, Way::kTinyPipe, Way::kOneLayer}
               : std::vector{Way::kCopied, Way::kSpliced, Way::kTinyPipe, Way::kNoDescriptors,
                             Way::kOneLayer};
INSTANTIATE_TEST_SUITE_P(Ways, EveryWay, testing::ValuesIn(kWays),
                         [](const auto& tested) { return name_of(tested.param); });

class CircuitRandomSizes : public testing::TestWithParam<std::tuple<Way, unsigned>> {};

TEST_P(CircuitRandomSizes, ArriveOctetForOctetInBothDirections) {
  const auto [way, seed] = GetParam();
  std::mt19937 random(seed);
  const auto total = [&] { return std::uniform_int_distribution<std::size_t>(0, kBulk)(random); };
  const auto from_a = total(), from_b = total();
  CircuitLab lab(way);
  lab.join();
  Party a(lab.a.get(), 2 * seed, 2 * seed + 1, from_a);
  Party b(lab.b.get(), 2 * seed + 1, 2 * seed, from_b);
  ASSERT_TRUE(lab.until([&] {
    if (random() % 4 != 0) a.turn();
    if (random() % 4 != 0) b.turn();
    return a.done() && b.done() && lab.ended;
  })) << a.received()
      << " of " << from_b << ", " << b.received() << " of " << from_a;
  EXPECT_TRUE(a.same() && b.same());
  EXPECT_EQ(a.received(), from_b);
  EXPECT_EQ(b.received(), from_a);
  EXPECT_EQ(lab.octets, from_a + from_b);
}

INSTANTIATE_TEST_SUITE_P(Seeds, CircuitRandomSizes,
                         testing::Combine(testing::ValuesIn(kWays), testing::Range(0u, 8u)),
                         [](const auto& tested) {
                           return name_of(std::get<0>(tested.param)) +
                                  std::to_string(std::get<1>(tested.param));
                         });

// --- the pipes ---------------------------------------------------------------------------------

TEST(SplicedCircuit, TakesAPipeWhileItIsStuckAndGivesItBack) {
  CircuitLab lab(Way::kSpliced);
  lab.join();
  const auto before = open_descriptors();
  const auto taken = lab.fill(lab.a.get());
  EXPECT_EQ(open_descriptors(), before + 2);
  EXPECT_EQ(lab.pool->kept(), 0u);
  ByteVector got;
  ASSERT_TRUE(lab.until([&] {
    read_some(lab.b.get(), got, 1 << 18);
    return got.size() == taken;
  }));
  EXPECT_EQ(lab.pool->kept(), 1u);
  lab.fill(lab.b.get());  // the same pipe serves the other direction
  EXPECT_EQ(open_descriptors(), before + 2);
  lab.circuit->abort();
  lab.circuit.reset();
  EXPECT_EQ(open_descriptors(), before - 2) << "a pipe that holds octets was kept";
}

}  // namespace
}  // namespace culvert::loop
