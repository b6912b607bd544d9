// resolver/recent_answers.h: the addresses that names had a moment ago, so that a burst of
// connections to one name looks it up once: a look-up in /etc/hosts alone takes ten system calls
// [measured]. Too short a memory to be stale by. Reads no clock.
#pragma once
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tunnel/base/address.h"
#include "tunnel/base/time.h"

namespace culvert::resolver {

class RecentAnswers {
 public:
  static constexpr std::chrono::seconds kKeepFor{1};
  static constexpr std::size_t kMost = 1024;

  const std::vector<IpAddress>* find(const std::string& name, TimePoint now) const {
    const auto found = answers_.find(name);
    if (found == answers_.end() || found->second.until <= now) return nullptr;
    return &found->second.addresses;
  }
  void remember(const std::string& name, const std::vector<IpAddress>& addresses, TimePoint now) {
    if (answers_.size() >= kMost)
      std::erase_if(answers_, [now](const auto& entry) { return entry.second.until <= now; });
    if (answers_.size() >= kMost) answers_.clear();
    answers_.insert_or_assign(name, Answer{addresses, now + kKeepFor});
  }

 private:
  struct Answer {
    std::vector<IpAddress> addresses;
    TimePoint until;
  };
  std::unordered_map<std::string, Answer> answers_;
};

}  // namespace culvert::resolver
