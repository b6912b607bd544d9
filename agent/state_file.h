// agent/state_file.h: small files of the state directory: private to their owner, replaced as a
// whole. Knows nothing of what is in them.
#pragma once
#include <sys/types.h>

#include <string>

#include "tunnel/base/result.h"

namespace culvert::agent {

inline constexpr std::size_t kMaxStateFile = 4u << 20;

// Creates it (0700) with its parents. kIo, or kNotPermitted if others could write to it.
Result<void> make_state_directory(const std::string& path);

enum class Privacy : std::uint8_t { kSecret, kOrdinary };
// kNameUnknown: there is no such file. kNotPermitted: a secret that others can read, or that is
// another user's, with the command that mends it.
Result<std::string> read_state_file(const std::string& path, Privacy privacy);

// Synced to the disk before it takes the place of the old one, unless it need not outlive the
// machine.
enum class Outlives : std::uint8_t { kMachine, kProcess };
Result<void> write_state_file(const std::string& path, std::string_view text, mode_t mode = 0600,
                              Outlives outlives = Outlives::kMachine);

}  // namespace culvert::agent
