// What the way of an octet through a session asks of malloc(). A program of its own: it counts by
// an operator new of its own.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <new>

#include "tests/unit/sanitized.h"
#include "tunnel/session/session.h"

namespace {
std::size_t allocations = 0;
}

void* operator new(std::size_t size) {
  ++allocations;
  if (void* const memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace culvert::session {
namespace {

constexpr std::size_t kFrames = 4000;
constexpr std::size_t kAtOnce = 64 * 1024;  // four frames

DirectionKeys keys_of(mux::Role role) {
  ByteVector one(32, std::byte{1}), two(32, std::byte{2});
  const Secret<32> a{std::span<const std::byte, 32>{one}}, b{std::span<const std::byte, 32>{two}};
  return role == mux::Role::kInitiator ? DirectionKeys{a, b} : DirectionKeys{b, a};
}

struct Pair {
  Pair() {
    const auto aead = crypto::preferred_algorithms().front();
    for (auto* const one : {&alice, &bob}) {
      const auto role = one == &alice ? mux::Role::kInitiator : mux::Role::kResponder;
      EXPECT_TRUE(one->attach({keys_of(role), aead, {}, std::chrono::milliseconds{1}}, now));
    }
    carry(bob, alice);
  }
  // As a carrier that takes all and gives it at once.
  void carry(Session& from, Session& to) {
    from.fill_output(now);
    const auto pending = from.pending_output();
    std::copy(pending.begin(), pending.end(), buffer.begin());
    const auto size = pending.size();
    from.output_sent(size);
    to.streams().borrow();
    EXPECT_TRUE(to.receive(MutableBytes{buffer}.first(size), now));
    while (const auto event = to.streams().next_event()) {
      if (event->kind == mux::Event::Kind::kOpened) to.streams().accept(event->stream);
      if (event->kind != mux::Event::Kind::kReadable) continue;
      std::array<Bytes, mux::Mux::kMostPieces> pieces;
      const auto count = to.streams().pieces(event->stream, pieces);
      for (const auto& piece : std::span{pieces}.first(count))
        to.streams().consumed(event->stream, piece.size());
    }
    to.streams().settle();
  }
  void pass(mux::StreamId stream, std::size_t octets) {
    auto& streams = alice.streams();
    const auto room = streams.prepare_write(stream, octets).size();
    ASSERT_EQ(room, octets);
    streams.wrote(stream, room);
    carry(alice, bob);
    carry(bob, alice);
  }
  TimePoint now{};
  Session alice{mux::Role::kInitiator}, bob{mux::Role::kResponder};
  ByteVector buffer = ByteVector(512 * 1024);
};

TEST(Allocations, OfBulkAreFarFewerThanItsFrames) {
  if (kSanitized) GTEST_SKIP() << "AddressSanitizer brings its own malloc()";
  Pair pair;
  const auto stream = *pair.alice.streams().open(as_bytes("t"));
  for (int i = 0; i < 100; ++i) pair.pass(stream, kAtOnce);  // what is kept has its size then
  const auto before = allocations;
  for (std::size_t i = 0; i < kFrames / 4; ++i) pair.pass(stream, kAtOnce);
  const auto made = allocations - before;
  // One for each 64 KiB: the log of what is not acknowledged, which is given up when it is empty.
  EXPECT_LT(made, kFrames / 3);
}

TEST(Allocations, OfADialogueAreNearlyNone) {
  if (kSanitized) GTEST_SKIP() << "AddressSanitizer brings its own malloc()";
  Pair pair;
  const auto stream = *pair.alice.streams().open(as_bytes("t"));
  for (int i = 0; i < 100; ++i) pair.pass(stream, 64);
  const auto before = allocations;
  for (std::size_t i = 0; i < kFrames; ++i) pair.pass(stream, 64);
  EXPECT_LT(allocations - before, kFrames / 50);
}

}  // namespace
}  // namespace culvert::session
