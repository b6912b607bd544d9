#include "agent/enclosure_census.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

namespace culvert::agent {
namespace {

bool lives_in(pid_t process, ino_t network_namespace) {
  struct stat facts {};
  const auto path = "/proc/" + std::to_string(process) + "/ns/net";
  return ::stat(path.c_str(), &facts) == 0 && facts.st_ino == network_namespace;
}

}  // namespace

Result<void> EnclosureCensus::start(pid_t first, ino_t network_namespace) {
  network_namespace_ = network_namespace;
  if (watch_process(first)) return {};
  return fail(from_errno(errno), "cannot watch the program: " + std::string(std::strerror(errno)));
}

bool EnclosureCensus::watch_process(pid_t process) {
  watch_.reset();
  process_.reset(static_cast<int>(syscall(SYS_pidfd_open, process, 0)));
  if (!process_) return false;
  watch_.emplace(loop_, process_.get(), static_cast<loop::FdWatch::Listener&>(*this));
  watch_->start(/*readable=*/true, /*writable=*/false);
  return true;
}

std::optional<pid_t> EnclosureCensus::find_process() const {
  const std::unique_ptr<DIR, int (*)(DIR*)> all(::opendir("/proc"), &::closedir);
  if (!all) return std::nullopt;
  while (const auto* entry = ::readdir(all.get())) {
    const auto process = static_cast<pid_t>(std::atoi(&entry->d_name[0]));
    if (process > 0 && lives_in(process, network_namespace_)) return process;
  }
  return std::nullopt;
}

void EnclosureCensus::on_fd_ready(loop::FdWatch&, bool, bool) {
  watch_.reset();
  // One that has ended while it was found is a zombie without namespaces, or gone: look again.
  for (int again = 0; again < 100; ++again) {
    const auto process = find_process();
    if (!process) break;
    if (watch_process(*process)) return;
  }
  listener_.on_enclosure_empty();
}

}  // namespace culvert::agent
