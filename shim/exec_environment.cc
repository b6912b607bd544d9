#include "shim/exec_environment.h"

#include <string.h>

#include "shim/program_memory.h"
#include "shim/settings.h"

namespace culvert::shim {
namespace {

constexpr char kPreload[] = "LD_PRELOAD=";
constexpr char kLibrary[] = "libculvert-shim.so";
constexpr size_t kMostAdded = 10;          // LD_PRELOAD and the nine of CULVERT_*
constexpr size_t kMostEntries = 64 * 128;  // beyond, the stack of a small thread is in danger

bool begins_with(const char* text, const char* prefix) {
  return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool has(char* const* environment, const Variable& variable) {
  for (; *environment != nullptr; ++environment)
    if (begins_with(*environment, variable.prefix)) return true;
  return false;
}

}  // namespace

ExecEnvironment::ExecEnvironment(char* const* original) : original_(original) {
  const bool readable = original == nullptr || is_readable(original, sizeof *original);
  if (readable && original != nullptr)
    for (; original_[count_] != nullptr; ++count_) look_at(original_[count_]);
  complete_ = !settings.active || !readable || declined_ || (has_agent_ && has_library_) ||
              count_ > kMostEntries || settings.preload[0] == '\0';
}

void ExecEnvironment::look_at(char* entry) {
  if (begins_with(entry, settings.agent.prefix)) {
    has_agent_ = true;
    declined_ = entry[strlen(settings.agent.prefix)] == '\0';
  } else if (begins_with(entry, kPreload)) {
    preload_ = entry + sizeof kPreload - 1;
    has_library_ = strstr(preload_, kLibrary) != nullptr;
  }
}

size_t ExecEnvironment::entries_size() const { return (count_ + kMostAdded + 1) * sizeof(char*); }

size_t ExecEnvironment::preload_size() const {
  const size_t theirs = preload_ == nullptr ? 0 : strlen(preload_) + 1;
  return sizeof kPreload + theirs + strlen(settings.preload);
}

char* const* ExecEnvironment::build(void* entries, void* preload) const {
  char** next = static_cast<char**>(entries);
  char* text = static_cast<char*>(preload);
  strcpy(text, kPreload);
  if (preload_ != nullptr && *preload_ != '\0') strcat(strcat(text, preload_), ":");
  strcat(text, settings.preload);

  if (!has_library_) *next++ = text;
  for (size_t i = 0; i < count_; ++i)
    if (has_library_ || !begins_with(original_[i], kPreload)) *next++ = original_[i];
  *next = nullptr;
  if (has_agent_) return static_cast<char**>(entries);

  // An agent of the program's own choice would come with its own pool and domains.
  char** ours = next;
  Variable* const known[] = {&settings.agent,   &settings.pool,    &settings.low_ports,
                             &settings.domains, &settings.forward, &settings.own,
                             &settings.dns,     &settings.run,     &settings.publish};
  for (Variable* variable : known) {
    if (variable->text[0] == '\0' || has(static_cast<char**>(entries), *variable)) continue;
    *ours++ = variable->text;
    *ours = nullptr;
  }
  return static_cast<char**>(entries);
}

}  // namespace culvert::shim
