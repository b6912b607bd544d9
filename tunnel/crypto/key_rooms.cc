#include "tunnel/crypto/key_rooms.h"

#include <new>

namespace culvert::crypto {

void* KeyRooms::take() {
  const std::lock_guard lock(mutex_);
  if (free_.empty()) {
    auto* const several = static_cast<std::byte*>(std::aligned_alloc(kAlignment, kAtOnce * size_));
    if (several == nullptr) throw std::bad_alloc();
    all_.emplace_back(several);
    for (std::size_t i = kAtOnce; i > 0; --i) free_.push_back(several + (i - 1) * size_);
  }
  auto* const room = free_.back();
  free_.pop_back();
  return room;
}

void KeyRooms::give_back(void* room) {
  const std::lock_guard lock(mutex_);
  free_.push_back(room);
}

}  // namespace culvert::crypto
