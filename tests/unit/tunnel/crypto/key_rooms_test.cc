#include "tunnel/crypto/key_rooms.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <thread>

namespace culvert::crypto {
namespace {

TEST(KeyRooms, AreAlignedApartAndGivenAgain) {
  constexpr std::size_t kSize = 1000;
  KeyRooms rooms(kSize);
  std::set<std::uintptr_t> taken;
  for (int i = 0; i < 100; ++i) {
    const auto room = reinterpret_cast<std::uintptr_t>(rooms.take());
    EXPECT_EQ(room % KeyRooms::kAlignment, 0u);
    const auto next = taken.lower_bound(room);
    if (next != taken.end()) {
      EXPECT_GE(*next - room, kSize);
    }
    if (next != taken.begin()) {
      EXPECT_GE(room - *std::prev(next), kSize);
    }
    EXPECT_TRUE(taken.insert(room).second);
  }
  auto* const left = reinterpret_cast<void*>(*taken.begin());
  rooms.give_back(left);
  EXPECT_EQ(rooms.take(), left);
}

TEST(KeyRooms, NoRoomIsGivenToTwoThreads) {
  KeyRooms rooms(sizeof(int));
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&rooms, i] {
      for (int k = 0; k < 2000; ++k) {
        auto* const room = static_cast<volatile int*>(rooms.take());
        *room = i;
        std::this_thread::yield();
        EXPECT_EQ(*room, i);
        rooms.give_back(const_cast<int*>(room));
      }
    });
  for (auto& one : threads) one.join();
}

}  // namespace
}  // namespace culvert::crypto
