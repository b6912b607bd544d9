// agent/elf_check.h: which way a program can be reached, said before it is started: a program
// that silently goes around Culvert would be the worst outcome.
#pragma once
#include <string>

#include "tunnel/base/result.h"

namespace culvert::agent {

struct Reach {
  bool reachable = true;     // by LD_PRELOAD
  bool enclosable = true;    // in a network namespace (agent/enclosure.h)
  std::string why;           // if not reachable: one sentence
  bool supervisable = true;  // by its system calls (agent/supervision.h)
  std::string remedy = {};   // and what to do, where nothing else helps
};

// `path` as program_path.h found it. Follows "#!" lines, env(1) in them, and symbolic links.
// A file that may be executed but not read is taken to be reachable.
Reach check_reach(const std::string& path, const std::string& search_path);

}  // namespace culvert::agent
