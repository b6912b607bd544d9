// shim/exec_environment.h: the environment of a program about to be executed, with what Culvert
// needs put back where the caller cleared it (`env -i`, python's env={}, perl's %ENV=()).
//
// Runs between vfork() and exec, on the parent's memory: no malloc, nothing global written; the
// caller lends stack. A program is left alone if its environment says CULVERT_AGENT= (empty).
#pragma once
#include <alloca.h>
#include <stddef.h>

namespace culvert::shim {

class ExecEnvironment {
 public:
  explicit ExecEnvironment(char* const* original);

  bool is_complete() const { return complete_; }
  bool is_declined() const { return declined_; }
  size_t entries_size() const;  // octets that build() needs, at most 64 KiB + 24
  size_t preload_size() const;
  char* const* build(void* entries, void* preload) const;

 private:
  void look_at(char* entry);

  char* const* original_;
  size_t count_ = 0;
  const char* preload_ = nullptr;  // the program's LD_PRELOAD, without "LD_PRELOAD="
  bool has_library_ = false;
  bool has_agent_ = false;
  bool declined_ = false;
  bool complete_;
};

// exec(environment) with a completed environment that lives on the stack until exec returns.
template <typename Exec>
int with_culvert(char* const* original, Exec exec) {
  const ExecEnvironment environment(original);
  if (environment.is_complete()) return exec(original);
  void* entries = alloca(environment.entries_size());
  void* preload = alloca(environment.preload_size());
  return exec(environment.build(entries, preload));
}

}  // namespace culvert::shim
