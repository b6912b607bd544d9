#include "service/refusal_memory.h"

#include <algorithm>

namespace culvert::service {
namespace {

std::string without_numbers(std::string text) {
  std::erase_if(text, [](char c) { return c >= '0' && c <= '9'; });
  return text;
}

}  // namespace

std::optional<std::size_t> RefusalMemory::tell(const crypto::PublicKey& caller,
                                               const std::string& why, TimePoint now) {
  const auto [found, fresh] = told_.try_emplace({caller, without_numbers(why)}, Told{now, 0});
  auto& one = found->second;
  if (!fresh && now - one.at < Duration{kPause}) {
    ++one.untold;
    return std::nullopt;
  }
  one.at = now;
  const auto untold = std::exchange(one.untold, 0);
  if (told_.size() > kMost)
    told_.erase(std::min_element(told_.begin(), told_.end(), [](const auto& a, const auto& b) {
      return a.second.at < b.second.at;
    }));
  return untold;
}

}  // namespace culvert::service
