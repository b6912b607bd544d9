// agent/socket_map.h: what is known of sockets of supervised programs (agent/supervision.h), by
// SO_COOKIE. May be used by several threads; asking costs nothing while it is empty.
#pragma once
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>

namespace culvert::agent {

template <typename Value>
class SocketMap {
 public:
  static constexpr std::size_t kMost = 4096;  // sockets; beyond, all are forgotten

  void remember(std::uint64_t socket, const Value& value) {
    const std::lock_guard lock(mutex_);
    if (known_.size() >= kMost) known_.clear();
    known_.insert_or_assign(socket, value);
    empty_ = false;
  }
  bool empty() const { return empty_.load(std::memory_order_relaxed); }
  std::optional<Value> find(std::uint64_t socket) const {
    if (empty()) return std::nullopt;
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(socket);
    if (found == known_.end()) return std::nullopt;
    return found->second;
  }

 private:
  std::atomic<bool> empty_{true};  // never again, once something was remembered
  mutable std::mutex mutex_;
  std::map<std::uint64_t, Value> known_;
};

}  // namespace culvert::agent
