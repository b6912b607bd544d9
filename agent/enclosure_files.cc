#include "agent/enclosure_files.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include "tunnel/base/unique_fd.h"

namespace culvert::agent {
namespace {

constexpr const char* kResolver = "/etc/resolv.conf";
constexpr const char* kServices = "/etc/nsswitch.conf";
constexpr const char* kNameCache = "/run/nscd/socket";  // libc asks it before anything else

// `text` without the lines that begin with `word`.
std::string without_lines(std::string_view text, std::string_view word) {
  std::string out;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto line = text.substr(0, end);
    const auto first = line.find_first_not_of(" \t");
    if (first == std::string_view::npos || !line.substr(first).starts_with(word))
      out += std::string(line) + "\n";
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  }
  return out;
}

std::string content(const char* path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

Result<void> failed(const std::string& what) {
  const int error = errno;
  return fail(from_errno(error), "cannot " + what + ": " + std::strerror(error));
}

// A file that has no name any more once it is bound: nothing to clean up, however things end.
Result<void> bind_over(const char* path, const std::string& text) {
  char* resolved = realpath(path, nullptr);
  if (resolved == nullptr) return failed("find " + std::string(path));
  const std::string target(resolved);
  std::free(resolved);  // NOLINT(cppcoreguidelines-no-malloc): realpath() gave it
  std::string source = "/tmp/culvert-XXXXXX";
  const UniqueFd fd(::mkostemp(source.data(), O_CLOEXEC));
  if (!fd) return failed("make a file in /tmp");
  ::fchmod(fd.get(), 0644);
  const bool bound =
      ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
      ::mount(source.c_str(), target.c_str(), nullptr, MS_BIND, nullptr) == 0;
  const int error = errno;
  ::unlink(source.c_str());
  errno = error;
  return bound ? Result<void>{} : failed("show the program its own " + std::string(path));
}

}  // namespace

std::string enclosed_resolver(std::string_view text, const IpAddress& name_server) {
  return "nameserver " + name_server.to_string() + "\n" + without_lines(text, "nameserver");
}

std::string enclosed_services(std::string_view text) {
  return without_lines(text, "hosts:") + "hosts: files dns\n";
}

Result<void> show_enclosure_files(const IpAddress& name_server) {
  // What is mounted inside must not show outside, where root has made the namespace.
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0)
    return failed("separate the program's mounts");
  CULVERT_RETURN_IF_ERROR(bind_over(kResolver, enclosed_resolver(content(kResolver), name_server)));
  if (::access(kServices, F_OK) == 0)
    CULVERT_RETURN_IF_ERROR(bind_over(kServices, enclosed_services(content(kServices))));
  if (::access(kNameCache, F_OK) == 0 &&
      ::mount("/dev/null", kNameCache, nullptr, MS_BIND, nullptr) != 0)
    return failed("hide the cache of names (nscd)");
  return {};
}

}  // namespace culvert::agent
