// tunnel/crypto/key_rooms.h: memory for expanded keys, all of one size, at addresses of 64 octets'
// alignment. A room that is left is given to the next who asks, from any thread, and never goes
// back to the heap.
//
// Idle sessions let go of their keys. glibc (before 2.38) puts no aligned block into the hole that
// one of its size has left: 1.6 KB of such holes stayed behind each idle session [measured].
#pragma once
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <vector>

namespace culvert::crypto {

class KeyRooms {
 public:
  static constexpr std::size_t kAlignment = 64;
  explicit KeyRooms(std::size_t size) : size_((size + kAlignment - 1) / kAlignment * kAlignment) {}

  // Those that were taken go with it.
  void* take();
  void give_back(void* room);  // wiped by whoever had it

 private:
  static constexpr std::size_t kAtOnce = 15;  // of 1088 octets, four pages

  const std::size_t size_;
  std::mutex mutex_;
  struct Release {
    void operator()(void* several) const { std::free(several); }
  };
  std::vector<std::unique_ptr<void, Release>> all_;
  std::vector<void*> free_;
};

}  // namespace culvert::crypto
