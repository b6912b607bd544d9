#include "agent/elf_check.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <optional>

#include "agent/elf_facts.h"
#include "agent/program_path.h"
#include "tunnel/base/unique_fd.h"

namespace culvert::agent {
namespace {

constexpr std::size_t kFront = 65'536;
constexpr int kMostInterpreters = 5;  // as the kernel allows

constexpr const char* kInstead =
    " Use a dynamically linked build of it, or publish its destination at the other end with "
    "[[listen]] and a program that can be reached.";

Reach unreachable(const std::string& path, const std::string& why, const std::string& remedy) {
  return {false, false, "'" + path + "' " + why + ".", false, remedy};
}

Reach enclosable(const std::string& path, const std::string& why, const std::string& remedy) {
  return {false, true, "'" + path + "' " + why + ".", true, remedy};
}

std::optional<ByteVector> read_front(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  ByteVector front(kFront);
  const auto size = ::pread(fd.get(), front.data(), front.size(), 0);
  if (size < 0) return std::nullopt;
  front.resize(static_cast<std::size_t>(size));
  return front;
}

std::string resolved(const std::string& path) {
  char* real = realpath(path.c_str(), nullptr);
  if (real == nullptr) return path;
  std::string result(real);
  std::free(real);  // NOLINT(cppcoreguidelines-no-malloc): realpath() gave it
  return result;
}

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string_view take_word(std::string_view& line) {
  const auto start = std::min(line.find_first_not_of(" \t"), line.size());
  line.remove_prefix(start);
  const auto word = line.substr(0, line.find_first_of(" \t"));
  line.remove_prefix(word.size());
  return word;
}

// The program that will run a script: of "#!/usr/bin/env -S python3 -u" it is python3.
std::string interpreter_of(std::string_view script, const std::string& search_path) {
  auto line = script.substr(2, script.find('\n') - 2);
  std::string interpreter(take_word(line));
  if (base_name(interpreter) != "env") return interpreter;
  for (auto word = take_word(line); !word.empty(); word = take_word(line)) {
    if (word.front() == '-' || word.find('=') != std::string_view::npos) continue;
    return find_program(word, search_path).value_or(interpreter);
  }
  return interpreter;
}

// The loader then ignores LD_PRELOAD with a path (ld.so(8), secure-execution mode).
std::optional<Reach> check_privileges(const std::string& path) {
  struct stat facts {};
  if (stat(path.c_str(), &facts) != 0) return std::nullopt;
  const char* remedy =
      " Run it from a program that 'culvert run' started only if it needs no virtual names.";
  if ((facts.st_mode & S_ISUID) != 0 && facts.st_uid != geteuid())
    return unreachable(path, "is setuid, so the system loads nothing into it", remedy);
  if ((facts.st_mode & S_ISGID) != 0 && facts.st_gid != getegid() && (facts.st_mode & S_IXGRP) != 0)
    return unreachable(path, "is setgid, so the system loads nothing into it", remedy);
  if (geteuid() != 0 && getxattr(path.c_str(), "security.capability", nullptr, 0) > 0)
    return unreachable(path, "has file capabilities, so the system loads nothing into it", remedy);
  return std::nullopt;
}

Reach check_elf(const std::string& path, const ElfFacts& facts, const ElfFacts& ours) {
  if (facts.elf_class != ours.elf_class || facts.machine != ours.machine) {
    auto reach = enclosable(
        path, "is built for another kind of processor than the shim (for example 32 bits)",
        " Use a build for this machine's own kind.");
    reach.supervisable = false;
    return reach;
  }
  if (facts.interpreter.empty())
    return enclosable(path,
                      facts.is_go ? "is a statically linked Go program, which loads no libraries"
                                  : "is statically linked, so it loads no libraries",
                      kInstead);
  if (facts.interpreter.find("musl") != std::string::npos)
    return enclosable(path, "uses the C library musl, and the shim is built for glibc", kInstead);
  if (facts.is_go)
    return enclosable(path, "is a Go program, which makes its connections without the C library",
                      kInstead);
  return {};
}

}  // namespace

Reach check_reach(const std::string& path, const std::string& search_path) {
  auto program = path;
  for (int depth = 0; depth < kMostInterpreters; ++depth) {
    const auto real = resolved(program);
    if (real.starts_with("/snap/") || base_name(real) == "snap")
      return unreachable(program, "is a snap, which starts in a sandbox of its own",
                         " Install it from a Debian package or an archive instead.");
    if (base_name(real) == "flatpak" || real.find("/flatpak/exports/") != std::string::npos)
      return unreachable(program, "is a flatpak, which starts in a sandbox of its own",
                         " Install it from a Debian package or an archive instead.");
    if (auto verdict = check_privileges(real)) return *verdict;
    const auto front = read_front(real);
    if (!front) return {};
    const auto text = as_text(*front);
    if (!text.starts_with("#!")) {
      const auto facts = read_elf(*front);
      const auto own = read_front("/proc/self/exe");
      if (!facts.is_elf || !own) return {};  // the kernel, or a shell, will say what it is
      return check_elf(program, facts, read_elf(*own));
    }
    program = interpreter_of(text, search_path);
  }
  return {};
}

}  // namespace culvert::agent
