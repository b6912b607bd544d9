// agent/socket_set.h: sockets of supervised programs (agent/supervision.h), by SO_COOKIE. May be
// used by several threads; asking costs nothing while it is empty.
#pragma once
#include <atomic>
#include <cstdint>
#include <mutex>
#include <unordered_set>

namespace culvert::agent {

class SocketSet {
 public:
  static constexpr std::size_t kMost = 4096;  // beyond, all are forgotten

  void add(std::uint64_t socket) {
    const std::lock_guard lock(mutex_);
    if (sockets_.size() >= kMost) sockets_.clear();
    sockets_.insert(socket);
    empty_ = false;
  }
  bool empty() const { return empty_.load(std::memory_order_relaxed); }
  bool contains(std::uint64_t socket) const {
    if (empty()) return false;
    const std::lock_guard lock(mutex_);
    return sockets_.contains(socket);
  }

 private:
  std::atomic<bool> empty_{true};
  mutable std::mutex mutex_;
  std::unordered_set<std::uint64_t> sockets_;
};

}  // namespace culvert::agent
