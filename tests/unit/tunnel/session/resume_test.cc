// A session over carriers that die at any moment, with the real handshake on each.
#include <gtest/gtest.h>

#include <random>

#include "tunnel/session/link_snapshot.h"
#include "tunnel/session/session.h"

namespace culvert::session {
namespace {

struct Parties {
  Parties()
      : alice_key(crypto::KeyPair::generate(random)), bob_key(crypto::KeyPair::generate(random)) {}

  // A fresh carrier: two messages, with `lost` of them not arriving. Returns the first packet.
  ByteVector reconnect(bool answer_arrives = true) {
    InitiatorHandshake initiator(alice_key, bob_key.public_key, random);
    ResponderHandshake responder(bob_key, random);
    control::Hello hello;
    hello.timestamp = ++now;
    auto packet = *initiator.start(hello, alice.make_flight());
    std::size_t taken = 0;
    auto greeting = *responder.receive(packet, taken);
    const auto reply = *responder.answer(control::HelloAnswer{});
    EXPECT_TRUE(bob.attach({responder.keys(), kAead, std::move(greeting->early_frames), {}}, {}));
    to_bob.clear();
    to_alice.clear();
    if (answer_arrives) {
      const auto outcome = *initiator.receive(reply, taken);
      EXPECT_TRUE(alice.attach({outcome->keys, kAead, {}, Duration{1}}, {}));
    } else {
      alice.detach();
    }
    return packet;
  }
  static void send(Session& from, ByteVector& wire) {
    if (!from.attached()) return;
    from.fill_output({});
    append(wire, from.pending_output());
    from.output_sent(from.pending_output().size());
  }
  static Result<void> deliver(ByteVector& wire, std::size_t count, Session& to) {
    ByteVector buffer(1 << 20);
    const auto kept = to.restore_partial(buffer);
    std::copy_n(wire.begin(), count, buffer.begin() + static_cast<std::ptrdiff_t>(kept));
    wire.erase(wire.begin(), wire.begin() + static_cast<std::ptrdiff_t>(count));
    return to.receive(MutableBytes{buffer}.first(kept + count), {});
  }

  static constexpr auto kAead = crypto::AeadAlgorithm::kChaCha20Poly1305;
  SystemRandom random;
  crypto::KeyPair alice_key, bob_key;
  Session alice{mux::Role::kInitiator}, bob{mux::Role::kResponder};
  ByteVector to_bob, to_alice;
  std::uint64_t now = 0;
};

class SessionLostCarriers : public testing::TestWithParam<unsigned> {};

TEST_P(SessionLostCarriers, DeliverEveryOctetOnce) {
  std::mt19937 rng(GetParam());
  Parties parties;
  parties.reconnect();
  auto& up = parties.alice.streams();
  auto& down = parties.bob.streams();
  const auto stream = *up.open(as_bytes("t"));
  ByteVector sent(400'000), got;
  for (auto& b : sent) b = static_cast<std::byte>(rng());
  std::size_t written = 0;
  int carriers = 1;
  for (int turn = 0; turn < 100'000 && got.size() < sent.size(); ++turn) {
    const auto piece = Bytes{sent}.subspan(written);
    written += up.write(stream, piece.first(std::min<std::size_t>(piece.size(), rng() % 20'000)));
    Parties::send(parties.alice, parties.to_bob);
    Parties::send(parties.bob, parties.to_alice);
    const auto deliver = [&rng](ByteVector& wire, Session& to) {
      return wire.empty() || !to.attached() ||
             Parties::deliver(wire, rng() % (wire.size() + 1), to).has_value();
    };
    ASSERT_TRUE(deliver(parties.to_bob, parties.bob));
    ASSERT_TRUE(deliver(parties.to_alice, parties.alice));
    while (const auto event = down.next_event())
      if (event->kind == mux::Event::Kind::kOpened) down.accept(stream);
    if (down.knows(stream)) {
      const auto ready = down.readable(stream);
      const auto count = ready.empty() ? 0 : rng() % (ready.size() + 1);
      append(got, ready.first(count));
      down.consumed(stream, count);
    }
    if (rng() % 8 == 0 || !parties.alice.attached()) {
      parties.reconnect(/*answer_arrives=*/rng() % 4 != 0);
      ++carriers;
    }
  }
  EXPECT_EQ(got, sent) << "over " << carriers << " carriers";
}
INSTANTIATE_TEST_SUITE_P(Seeds, SessionLostCarriers, testing::Range(0u, 30u));

TEST(SessionResume, ARecordOfAnEarlierCarrierDoesNotOpenOnTheNext) {
  Parties parties;
  parties.reconnect();
  Parties::send(parties.bob, parties.to_alice);
  const auto old = parties.to_alice;
  parties.reconnect();
  auto wire = old;
  const auto received = Parties::deliver(wire, wire.size(), parties.alice);
  ASSERT_FALSE(received);
  EXPECT_EQ(received.error().code, ErrorCode::kAuthentication);
}

TEST(SessionResume, AnotherProcessGoesOnWithASnapshot) {
  Parties parties;
  parties.reconnect();
  const auto stream = *parties.alice.streams().open(as_bytes("t"));
  parties.alice.streams().write(stream, as_bytes("before "));
  Parties::send(parties.alice, parties.to_bob);
  LinkSnapshot snapshot;
  snapshot.control_backlog = ByteVector(3);
  snapshot.streams = parties.alice.streams().snapshot();
  ByteVector bytes;
  Writer out(bytes);
  encode(snapshot, out);
  Reader wrong(bytes), right(bytes);
  EXPECT_FALSE(decode_link_snapshot(wrong, mux::Role::kResponder));
  const auto decoded = decode_link_snapshot(right, mux::Role::kInitiator);
  ASSERT_TRUE(decoded && right.done());
  EXPECT_EQ(decoded->control_backlog, snapshot.control_backlog);
  parties.alice = Session(mux::Role::kInitiator);
  parties.alice.restore(decoded->streams, decoded->started);
  EXPECT_TRUE(parties.alice.started() && !parties.alice.attached());
  parties.alice.streams().write(stream, as_bytes("and after"));
  parties.reconnect();
  EXPECT_EQ(as_text(parties.bob.streams().readable(stream)), "before and after");
}

TEST(SessionResume, NothingIsSentTwiceThatThePeerHas) {
  Parties parties;
  parties.reconnect();
  Parties::send(parties.bob, parties.to_alice);
  ASSERT_TRUE(Parties::deliver(parties.to_alice, parties.to_alice.size(), parties.alice));
  const auto stream = *parties.alice.streams().open(as_bytes("t"));
  parties.alice.streams().write(stream, ByteVector(60'000));
  Parties::send(parties.alice, parties.to_bob);
  ASSERT_TRUE(Parties::deliver(parties.to_bob, parties.to_bob.size(), parties.bob));
  parties.alice.detach();  // the acknowledgement never came; the first message repeats up to 32 KiB
  const auto first_message = parties.reconnect();
  EXPECT_LE(first_message.size(), kMaxEarlyFrames + 512);
  Parties::send(parties.bob, parties.to_alice);
  ASSERT_TRUE(Parties::deliver(parties.to_alice, parties.to_alice.size(), parties.alice));
  Parties::send(parties.alice, parties.to_bob);
  EXPECT_LE(parties.to_bob.size(), 512u) << "state only";
}

}  // namespace
}  // namespace culvert::session
