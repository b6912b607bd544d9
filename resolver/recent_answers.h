// resolver/recent_answers.h: what was answered about names a moment ago, so that a burst of
// connections to one name looks it up once: a look-up in /etc/hosts alone takes ten system calls
// [measured], one at the service a round trip. Too short a memory to be stale by; not for names
// that were unknown, which may be known now. Reads no clock.
#pragma once
#include <string>
#include <unordered_map>
#include <utility>

#include "tunnel/base/time.h"

namespace culvert::resolver {

template <typename Answer>
class RecentAnswers {
 public:
  static constexpr std::chrono::seconds kKeepFor{1};
  static constexpr std::size_t kMost = 1024;

  // Borrowed until the next non-const call.
  const Answer* find(const std::string& name, TimePoint now) const {
    const auto found = answers_.find(name);
    if (found == answers_.end() || found->second.until <= now) return nullptr;
    return &found->second.answer;
  }
  void remember(const std::string& name, Answer answer, TimePoint now) {
    if (answers_.size() >= kMost)
      std::erase_if(answers_, [now](const auto& entry) { return entry.second.until <= now; });
    if (answers_.size() >= kMost) answers_.clear();
    answers_.insert_or_assign(name, Entry{std::move(answer), now + kKeepFor});
  }
  void forget(const std::string& name) { answers_.erase(name); }

 private:
  struct Entry {
    Answer answer;
    TimePoint until;
  };
  std::unordered_map<std::string, Entry> answers_;
};

}  // namespace culvert::resolver
