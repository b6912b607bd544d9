// Two muxes and what is on its way between them, for tests of carriers that are lost.
#pragma once
#include <gtest/gtest.h>

#include <deque>

#include "tunnel/mux/mux.h"

namespace culvert::mux {

// Two parties and the records on their way. lose() drops those, as a broken carrier does.
struct World {
  Mux alice{Role::kInitiator}, bob{Role::kResponder};
  std::deque<ByteVector> to_bob, to_alice;

  static void send(Mux& from, std::deque<ByteVector>& wire, std::size_t capacity) {
    ByteVector record(capacity);
    record.resize(from.fill(record.data(), record.size()));
    if (!record.empty()) wire.push_back(std::move(record));
  }
  static void deliver(std::deque<ByteVector>& wire, Mux& to) {
    if (wire.empty()) return;
    const auto received = to.receive(wire.front(), TimePoint{});
    ASSERT_TRUE(received) << received.error().detail;
    wire.pop_front();
  }
  void lose() {
    to_bob.clear();
    to_alice.clear();
    alice.restart_output();
    bob.restart_output();
  }
  void settle() {
    for (int i = 0; i < 10'000 && (alice.has_output() || bob.has_output() || !to_bob.empty() ||
                                   !to_alice.empty());
         ++i) {
      send(alice, to_bob, 4096);
      send(bob, to_alice, 4096);
      deliver(to_bob, bob);
      deliver(to_alice, alice);
      alice.acknowledge_now();
      bob.acknowledge_now();
    }
  }
};

inline std::optional<Event> event_of(Mux& mux, Event::Kind kind) {
  while (const auto event = mux.next_event())
    if (event->kind == kind) return event;
  return std::nullopt;
}

}  // namespace culvert::mux
