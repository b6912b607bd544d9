#include "agent/failure_memory.h"

namespace culvert::agent {

void FailureMemory::remember(std::uint64_t cookie, int error, TimePoint now) {
  forget(cookie);
  drop_old(now);
  if (failures_.size() >= kMost) forget(std::uint64_t{failures_.front().cookie});
  failures_.push_back({cookie, error, now});
  by_cookie_[cookie] = std::prev(failures_.end());
}

std::optional<int> FailureMemory::ask(std::uint64_t cookie, TimePoint now) {
  drop_old(now);
  const auto found = by_cookie_.find(cookie);
  if (found == by_cookie_.end()) return std::nullopt;
  return found->second->error;
}

void FailureMemory::forget(std::uint64_t cookie) {
  const auto found = by_cookie_.find(cookie);
  if (found == by_cookie_.end()) return;
  failures_.erase(found->second);
  by_cookie_.erase(found);
}

void FailureMemory::drop_old(TimePoint now) {
  while (!failures_.empty() && failures_.front().at + kKeepFor < now)
    forget(std::uint64_t{failures_.front().cookie});
}

}  // namespace culvert::agent
