#include "agent/readiness.h"

#include <sys/syscall.h>
#include <systemd/sd-daemon.h>

#include <cerrno>
#include <cstring>

#include "tunnel/base/plain_text.h"

namespace culvert::agent {
namespace {

void tell(const std::string& text) { ::sd_notify(/*unset_environment=*/0, text.c_str()); }

}  // namespace

// What a proxy said may be in it: a line of its own would be an order to the service manager.
void tell_ready(const std::string& status) { tell("READY=1\nSTATUS=" + plain_text(status)); }
void tell_status(const std::string& status) { tell("STATUS=" + plain_text(status)); }
void tell_stopping(const std::string& why) { tell("STOPPING=1\nSTATUS=" + plain_text(why)); }

Result<void> ExitWatch::watch(loop::Loop& loop, pid_t pid) {
  // glibc 2.36 declares pidfd_open() in a header that clashes with <signal.h> of older kernels.
  process_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process_)
    return fail(ErrorCode::kBadInput,
                "--until-exit-of " + std::to_string(pid) + ": " + std::strerror(errno));
  watch_.emplace(loop, process_.get(), static_cast<loop::FdWatch::Listener&>(*this));
  watch_->start(/*readable=*/true, /*writable=*/false);
  return {};
}

void ExitWatch::on_fd_ready(loop::FdWatch& watch, bool, bool) {
  watch.start(false, false);
  listener_.on_process_ended();
}

}  // namespace culvert::agent
