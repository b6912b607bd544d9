#include "agent/program_path.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <fstream>

namespace culvert::agent {
namespace {

enum class Found { kNot, kNotExecutable, kExecutable };

Found look_at(const std::string& path) {
  struct stat facts {};
  if (stat(path.c_str(), &facts) != 0) return Found::kNot;
  if (!S_ISREG(facts.st_mode) || access(path.c_str(), X_OK) != 0) return Found::kNotExecutable;
  return Found::kExecutable;
}

tl::unexpected<Error> not_executable(const std::string& path) {
  return fail(ErrorCode::kNotPermitted, "'" + path + "' is not a file that you may execute");
}

}  // namespace

Result<std::string> find_program(std::string_view command, std::string_view search_path) {
  const std::string name(command);
  if (name.find('/') != std::string::npos) {
    switch (look_at(name)) {
      case Found::kNot: return fail(ErrorCode::kNameUnknown, "there is no file '" + name + "'");
      case Found::kNotExecutable: return not_executable(name);
      case Found::kExecutable: return name;
    }
  }
  std::string not_permitted;
  while (!name.empty()) {
    const auto colon = search_path.find(':');
    const auto directory = search_path.substr(0, colon);
    const auto path = (directory.empty() ? std::string(".") : std::string(directory)) + "/" + name;
    const auto found = look_at(path);
    if (found == Found::kExecutable) return path;
    if (found == Found::kNotExecutable && not_permitted.empty()) not_permitted = path;
    if (colon == std::string_view::npos) break;
    search_path.remove_prefix(colon + 1);
  }
  if (!not_permitted.empty()) return not_executable(not_permitted);
  return fail(ErrorCode::kNameUnknown, "there is no command '" + name + "' in PATH");
}

std::string own_directory() {
  std::array<char, 4096> path;
  const auto size = readlink("/proc/self/exe", path.data(), path.size());
  if (size <= 0) return ".";
  const std::string_view whole(path.data(), static_cast<std::size_t>(size));
  return std::string(whole.substr(0, whole.rfind('/')));
}

std::string program_of(pid_t process) {
  const auto directory = "/proc/" + std::to_string(process);
  std::array<char, 4096> path;
  const auto size = readlink((directory + "/exe").c_str(), path.data(), path.size());
  if (size > 0 && static_cast<std::size_t>(size) < path.size())
    return {path.data(), static_cast<std::size_t>(size)};
  std::string name;
  std::ifstream comm(directory + "/comm");
  std::getline(comm, name);
  return name.empty() ? "unknown" : "(" + name + ")";
}

std::string companion_file(std::string_view name) {
  const auto directory = own_directory();
  auto beside = directory + "/" + std::string(name);
  if (access(beside.c_str(), R_OK) == 0) return beside;
  // Without "..": it stands in LD_PRELOAD, for people to read.
  auto installed = directory.substr(0, directory.rfind('/')) + "/lib/culvert/" + std::string(name);
  return access(installed.c_str(), R_OK) == 0 ? installed : beside;
}

}  // namespace culvert::agent
