#include "service/ftp_pairs.h"

#include <utility>

namespace culvert::service {

FtpPairs::Pair* FtpPairs::add(const std::string& name, Visitor& control, bool upward) {
  auto& pair = pairs_[name];
  auto& place = upward ? pair.up : pair.down;
  if (pair.made || place != nullptr) return nullptr;
  place = &control;
  return &pair;
}

std::vector<Visitor*> FtpPairs::admit(const std::string& name) {
  std::vector<Visitor*> controls;
  const auto found = pairs_.find(name);
  if (found == pairs_.end()) return controls;
  found->second.carrier = nullptr;
  for (auto* control : {found->second.down, found->second.up})
    if (control != nullptr) controls.push_back(control);
  return controls;
}

Visitor* FtpPairs::forget(const std::string& name, const Visitor& gone) {
  const auto found = pairs_.find(name);
  if (found == pairs_.end()) return nullptr;
  auto& pair = found->second;
  auto* const orphan = std::exchange(pair.carrier, nullptr);
  if (pair.down == &gone) pair.down = nullptr;
  if (pair.up == &gone) pair.up = nullptr;
  if (pair.down == nullptr && pair.up == nullptr) pairs_.erase(found);
  return orphan == &gone ? nullptr : orphan;
}

}  // namespace culvert::service
