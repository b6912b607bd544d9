#include "tunnel/session/session.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <list>
#include <random>

#include "tests/unit/sanitized.h"

namespace culvert::session {
namespace {

using std::chrono::seconds;
using Kind = mux::Event::Kind;

DirectionKeys keys_of(mux::Role role) {
  ByteVector one(32, std::byte{1}), two(32, std::byte{2});
  const Secret<32> a{std::span<const std::byte, 32>{one}}, b{std::span<const std::byte, 32>{two}};
  return role == mux::Role::kInitiator ? DirectionKeys{a, b} : DirectionKeys{b, a};
}

struct Party {
  explicit Party(mux::Role role,
                 crypto::AeadAlgorithm aead = crypto::AeadAlgorithm::kChaCha20Poly1305)
      : session(role) {
    EXPECT_TRUE(
        session.attach({keys_of(role), aead, {}, std::chrono::milliseconds{1}}, TimePoint{}));
  }
  // What the session wants to send, as a carrier would take it.
  ByteVector output() {
    session.fill_output(TimePoint{});
    const auto pending = session.pending_output();
    ByteVector wire(pending.begin(), pending.end());
    session.output_sent(wire.size());
    return wire;
  }
  Result<void> receive(Bytes wire) {
    ByteVector buffer(512 * 1024);
    const auto kept = session.restore_partial(buffer);
    std::copy(wire.begin(), wire.end(), buffer.begin() + static_cast<std::ptrdiff_t>(kept));
    return session.receive(MutableBytes{buffer}.first(kept + wire.size()), TimePoint{});
  }
  Session session;
};

// What each side says first on a fresh carrier.
void introduce(Party& alice, Party& bob) {
  ASSERT_TRUE(alice.receive(bob.output()));
  ASSERT_TRUE(bob.receive(alice.output()));
}

class SessionFragmentation : public testing::TestWithParam<unsigned> {};

TEST_P(SessionFragmentation, DeliversEveryByteWhateverTheCarrierCuts) {
  std::mt19937 rng(GetParam());
  const auto algorithms = crypto::preferred_algorithms();
  const auto aead = algorithms[GetParam() % algorithms.size()];
  Party alice{mux::Role::kInitiator, aead}, bob{mux::Role::kResponder, aead};
  introduce(alice, bob);
  ByteVector sent(500'000), got;
  for (auto& b : sent) b = static_cast<std::byte>(rng());
  const auto stream = *alice.session.streams().open(as_bytes("t"));
  ByteVector to_bob, to_alice;
  const auto deliver = [&rng](ByteVector& wire, Party& to) {
    const auto count = wire.empty() ? 0 : rng() % (wire.size() + 1);
    ASSERT_TRUE(to.receive(Bytes{wire}.first(count)));
    wire.erase(wire.begin(), wire.begin() + static_cast<std::ptrdiff_t>(count));
  };
  std::size_t written = 0;
  for (int turn = 0; turn < 50'000 && got.size() < sent.size(); ++turn) {
    const auto piece = Bytes{sent}.subspan(written);
    written += alice.session.streams().write(
        stream, piece.first(std::min<std::size_t>(piece.size(), rng() % 50'000)));
    append(to_bob, alice.output());
    deliver(to_bob, bob);
    while (const auto event = bob.session.streams().next_event())
      if (event->kind == Kind::kOpened) bob.session.streams().accept(stream);
    if (bob.session.streams().knows(stream)) {
      const auto ready = bob.session.streams().readable(stream);
      append(got, ready);
      bob.session.streams().consumed(stream, ready.size());
    }
    append(to_alice, bob.output());
    deliver(to_alice, alice);
    while (alice.session.streams().next_event()) {
    }
  }
  EXPECT_EQ(got, sent);
}
INSTANTIATE_TEST_SUITE_P(Seeds, SessionFragmentation, testing::Range(0u, 20u));

TEST(Session, RefusesATamperedARepeatedAndADroppedRecord) {
  for (const std::string_view trouble : {"tamper", "tamper length", "repeat", "drop"}) {
    Party alice{mux::Role::kInitiator}, bob{mux::Role::kResponder};
    introduce(alice, bob);
    const auto stream = *alice.session.streams().open(as_bytes("t"));
    auto first = alice.output();
    alice.session.streams().write(stream, as_bytes("hello"));
    auto second = alice.output();
    if (trouble == "tamper") first[5] ^= std::byte{1};
    if (trouble == "tamper length") first[1] ^= std::byte{1};
    ByteVector wire;
    if (trouble != "drop") append(wire, first);
    if (trouble == "repeat") append(wire, first);
    append(wire, second);
    const auto received = bob.receive(wire);
    ASSERT_FALSE(received) << trouble;
    EXPECT_EQ(received.error().code, ErrorCode::kAuthentication) << "the carrier's fault";
  }
}

// Each stream of a write costs the receiver a write, and its program a wake-up.
TEST(Session, AWriteOfTheCarrierHoldsTheBulkOfFewStreams) {
  Party alice{mux::Role::kInitiator}, bob{mux::Role::kResponder};
  introduce(alice, bob);
  auto &from = alice.session.streams(), &to = bob.session.streams();
  std::vector<mux::StreamId> streams(10);
  for (auto& stream : streams) stream = *from.open(as_bytes("t"));
  std::size_t parts = 0, octets = 0;
  for (int turn = 0; turn < 100; ++turn) {
    for (const auto stream : streams)
      if (from.room(stream) >= 128 * 1024)
        from.wrote(stream, from.prepare_write(stream, 252 * 1024).size());
    ASSERT_TRUE(bob.receive(alice.output()));
    while (const auto event = to.next_event()) {
      if (event->kind == Kind::kOpened) to.accept(event->stream);
      if (event->kind != Kind::kReadable) continue;
      const auto count = to.readable(event->stream).size();
      to.consumed(event->stream, count);
      if (turn < 30) continue;  // until windows have grown
      ++parts;
      octets += count;
    }
    ASSERT_TRUE(alice.receive(bob.output()));
  }
  EXPECT_GT(octets / parts, 100'000u);
}

TEST(Session, RefusesARecordOfTheOtherDirection) {
  Party alice{mux::Role::kInitiator}, bob{mux::Role::kResponder};
  introduce(alice, bob);
  ASSERT_TRUE(alice.session.streams().open(as_bytes("t")));
  EXPECT_FALSE(alice.receive(alice.output())) << "a reflected record must not open";
}

TEST(Session, HoldsNothingForAnIdleCarrier) {
  Party alice{mux::Role::kInitiator}, bob{mux::Role::kResponder};
  introduce(alice, bob);
  EXPECT_FALSE(alice.session.has_output());
  EXPECT_TRUE(alice.session.pending_output().empty());
}

TEST(Session, GivesUpItsExpandedKeysWhileItRestsAndGoesOnAllTheSame) {
  for (const auto aead : crypto::preferred_algorithms()) {
    Party alice{mux::Role::kInitiator, aead}, bob{mux::Role::kResponder, aead};
    introduce(alice, bob);
    const auto stream = *alice.session.streams().open(as_bytes("t"));
    for (int i = 0; i < 3; ++i) {
      alice.session.streams().write(stream, as_bytes("again"));
      ASSERT_TRUE(bob.receive(alice.output()));
      ASSERT_TRUE(alice.receive(bob.output()));
      alice.session.rest();
      bob.session.rest();
    }
    EXPECT_EQ(bob.session.streams().readable(stream).size(), 15u);
  }
}

TEST(Session, AnIdleOneHoldsLittleBesideItself) {
  if (kSanitized) GTEST_SKIP() << "AddressSanitizer brings its own malloc()";
  const auto aead = crypto::preferred_algorithms().front();
  constexpr std::size_t kPairs = 50, kTwoKeys = 2 * 1000;
  std::list<Party> parties;
  std::size_t before = 0;
  for (std::size_t i = 0; i <= kPairs; ++i) {
    auto& alice = parties.emplace_back(mux::Role::kInitiator, aead);
    auto& bob = parties.emplace_back(mux::Role::kResponder, aead);
    introduce(alice, bob);
    alice.session.rest();
    bob.session.rest();
    if (i == 0) before = ::mallinfo2().uordblks;
  }
  const auto each = (::mallinfo2().uordblks - before) / (2 * kPairs);
  EXPECT_LT(each, sizeof(Party) + kTwoKeys / 2) << "others have their keys' memory by now";
  EXPECT_LT(sizeof(Session), 1150u);
}

TEST(Session, AcknowledgesLateRatherThanAlone) {
  Party alice{mux::Role::kInitiator}, bob{mux::Role::kResponder};
  introduce(alice, bob);
  const auto stream = *alice.session.streams().open(as_bytes("t"));
  alice.session.streams().write(stream, as_bytes("x"));
  ASSERT_TRUE(bob.receive(alice.output()));
  while (bob.session.streams().next_event()) {
  }
  EXPECT_FALSE(bob.session.has_output()) << "nothing to say yet";
  ASSERT_TRUE(bob.session.tick(TimePoint{} + std::chrono::milliseconds{25}));
  EXPECT_TRUE(bob.session.has_output()) << "the acknowledgement";
}

TEST(Session, SaysNothingOnAFreshCarrierBeforeTheResponderHasSaidWhatArrived) {
  Party alice{mux::Role::kInitiator}, bob{mux::Role::kResponder};
  ASSERT_TRUE(alice.session.streams().open(as_bytes("t")));
  EXPECT_TRUE(alice.output().empty());
  ASSERT_TRUE(alice.receive(bob.output()));
  EXPECT_FALSE(alice.output().empty());
}

TEST(Session, DeclaresACarrierDeadThatAnswersNothing) {
  Party alice{mux::Role::kInitiator}, bob{mux::Role::kResponder};
  introduce(alice, bob);
  ASSERT_TRUE(alice.session.streams().open(as_bytes("t")));
  EXPECT_FALSE(alice.output().empty());
  EXPECT_TRUE(alice.session.tick(TimePoint{} + seconds{2}));
  const auto dead = alice.session.tick(TimePoint{} + seconds{3});
  ASSERT_FALSE(dead);
  EXPECT_EQ(dead.error().code, ErrorCode::kTimedOut);
}

TEST(Record, KeysChangeTogetherAtTheBoundary) {
  const auto direction = keys_of(mux::Role::kInitiator).sending;
  const auto aead = crypto::AeadAlgorithm::kChaCha20Poly1305;
  RecordSealer sealer{RecordKeys{direction, aead, kRecordsPerKey - 2}};
  RecordOpener opener{RecordKeys{direction, aead, kRecordsPerKey - 2}};
  for (int i = 0; i < 4; ++i) {
    ByteVector record(kRecordOverhead + 8, std::byte{9});
    sealer.seal(record);
    const auto opened = opener.open(record);
    ASSERT_TRUE(opened) << "record " << i;
    EXPECT_EQ(to_hex(opened->text), "0909090909090909");
  }
}

TEST(Record, AnEmptyRecordIsRefused) {
  RecordOpener opener{
      RecordKeys{keys_of(mux::Role::kInitiator).sending, crypto::AeadAlgorithm::kChaCha20Poly1305}};
  ByteVector wire(18);
  wire[1] = std::byte{16};
  EXPECT_FALSE(opener.open(wire));
}

}  // namespace
}  // namespace culvert::session
