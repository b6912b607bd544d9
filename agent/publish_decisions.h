// agent/publish_decisions.h: what people have answered when a program of theirs wanted to publish a
// port: remembered for the user, the program and the port. Does no I/O.
#pragma once
#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "tunnel/base/result.h"

namespace culvert::agent {

struct PublishWish {
  uid_t uid = 0;
  std::uint16_t port = 0;
  std::string program;  // program_of() it, at most kMaxProgram octets
  bool operator<(const PublishWish& other) const {
    return std::tie(uid, port, program) < std::tie(other.uid, other.port, other.program);
  }
};

class PublishDecisions {
 public:
  static constexpr std::size_t kMost = 4096;  // more are not remembered
  static constexpr std::size_t kMaxProgram = 4096;

  std::optional<bool> find(const PublishWish& wish) const;
  void remember(const PublishWish& wish, bool granted);

  // Text, for people to correct: "yes 1000 8080 /usr/bin/node" in each line (uid, port, program).
  std::string snapshot() const;
  // Replaces all. Lines that are empty or begin with # are skipped; kBadInput names a bad one.
  Result<void> load(std::string_view text);

 private:
  std::map<PublishWish, bool> granted_;
};

}  // namespace culvert::agent
