// agent/elf_check.h: whether LD_PRELOAD can reach a program, said before it is started: a program
// that silently goes around Culvert would be the worst outcome.
#pragma once
#include <string>

#include "tunnel/base/result.h"

namespace culvert::agent {

struct Reach {
  bool reachable = true;
  std::string why;  // if not: one sentence why, one what to do
};

// `path` as program_path.h found it. Follows "#!" lines, env(1) in them, and symbolic links.
// A file that may be executed but not read is taken to be reachable.
Reach check_reach(const std::string& path, const std::string& search_path);

}  // namespace culvert::agent
