// How fast one stream of a session is that an exchange carries, at 40 ms there and back and 50
// MB/s, in virtual time: the session's windows and its log have to bear what a stored body takes.
#include "bulk_boxes.h"
#include "tunnel/session/session.h"

namespace culvert::exchange {
namespace {

using session::Session;

constexpr std::size_t kSize = 32'000'000;
constexpr double kGoal = 20;  // MB/s

struct End {
  End(mux::Role role, TimePoint now) : session(role) {
    const ByteVector one(32, std::byte{1}), two(32, std::byte{2});
    const Secret<32> a{std::span<const std::byte, 32>{one}}, b{std::span<const std::byte, 32>{two}};
    const bool first = role == mux::Role::kInitiator;
    Session::Carrier carrier{first ? session::DirectionKeys{a, b} : session::DirectionKeys{b, a},
                             crypto::AeadAlgorithm::kChaCha20Poly1305,
                             {},
                             milliseconds{40}};
    carrier.bulk_round_trips = kBulkRoundTrips;
    EXPECT_TRUE(session.attach(carrier, now));
  }

  void turn(ByteVector& in, ByteVector& out, TimePoint now) {
    if (!in.empty()) {
      ByteVector buffer(in.size() + 512 * 1024);
      const auto kept = session.restore_partial(buffer);
      std::ranges::copy(in, buffer.begin() + static_cast<std::ptrdiff_t>(kept));
      EXPECT_TRUE(session.receive(MutableBytes{buffer}.first(kept + in.size()), now));
      in.clear();
    }
    while (const auto event = session.streams().next_event()) {
      if (event->kind == mux::Event::Kind::kOpened) {
        session.streams().accept(event->stream);
        opened = event->stream;
        session.streams().finish(*opened);
      }
      if (event->kind == mux::Event::Kind::kReadable && event->stream != opened &&
          session.streams().at_end(event->stream))
        session.streams().end_taken(event->stream);
    }
    if (writing) {
      left -= session.streams().write(*writing, ByteVector(std::min<std::size_t>(left, 262'144)));
      if (left == 0) session.streams().finish(*writing), writing.reset();
    }
    if (opened && session.streams().knows(*opened)) {
      const auto ready = session.streams().readable(*opened);
      got += ready.size();
      session.streams().consumed(*opened, ready.size());
      if (session.streams().at_end(*opened)) session.streams().end_taken(*opened);
    }
    EXPECT_TRUE(session.tick(now));
    if (out.size() >= 65'536) return;
    session.fill_output(now);
    append(out, session.pending_output());
    session.output_sent(session.pending_output().size());
  }

  Session session;
  std::optional<mux::StreamId> writing, opened;
  std::size_t left = 0, got = 0;
};

class SessionBulk : public testing::TestWithParam<BulkCase> {};
INSTANTIATE_TEST_SUITE_P(Boxes, SessionBulk, testing::ValuesIn(kBulkCases), name_of);

TEST_P(SessionBulk, FillsALongWayUpwards) {
  World world(1, GetParam().box);
  End agent(mux::Role::kInitiator, world.now()), service(mux::Role::kResponder, world.now());
  const auto transfer = [&](std::size_t size) {
    const auto start = world.now();
    agent.left = size;
    agent.writing = *agent.session.streams().open(as_bytes("place"));
    service.got = 0;
    const auto done = [&] {
      agent.turn(world.at_client, world.to_service, world.now());
      service.turn(world.at_service, world.to_client, world.now());
      return service.got == size;
    };
    for (int i = 0; i < 40'000 && service.got < size; ++i) (void)world.run(done, milliseconds{1});
    EXPECT_EQ(service.got, size) << world.client().describe();
    return static_cast<double>(size) / 1e6 /
           std::chrono::duration<double>(world.now() - start).count();
  };
  (void)transfer(4'000'000);  // finds out what passes
  (void)transfer(kSize);
  EXPECT_GE(transfer(kSize), kGoal);
}

}  // namespace
}  // namespace culvert::exchange
