#include "agent/control_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "tunnel/base/log.h"

namespace culvert::agent {
namespace {

Result<sockaddr_un> to_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return fail(ErrorCode::kBadInput, "the control socket's path '" + path + "' must have 1 to " +
                                          std::to_string(sizeof address.sun_path - 1) +
                                          " characters: configure a shorter one");
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

UniqueFd make_socket() {
  return UniqueFd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

// Removes what a dead agent left behind; refuses if an agent answers, or if it is no socket.
Result<void> clear_path(const std::string& path, const sockaddr_un& address) {
  struct stat facts {};
  if (lstat(path.c_str(), &facts) != 0) return {};
  if (!S_ISSOCK(facts.st_mode))
    return fail(ErrorCode::kBadInput, "'" + path +
                                          "' exists and is not a socket: remove it, or "
                                          "configure another control socket");
  const auto probe = make_socket();
  const bool dead =
      connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
      errno == ECONNREFUSED;
  if (!dead)
    return fail(ErrorCode::kBadInput, "another agent answers on '" + path +
                                          "': stop it first, or "
                                          "configure another control socket");
  ::unlink(path.c_str());
  return {};
}

}  // namespace

ControlSocket::ControlSocket(loop::Loop& loop, Listener& listener)
    : loop_(loop), listener_(listener), own_uid_(geteuid()), retry_(loop, *this) {}

ControlSocket::~ControlSocket() {
  struct stat facts {};
  if (fd_ && !passed_on_ && lstat(path_.c_str(), &facts) == 0 && facts.st_ino == inode_)
    ::unlink(path_.c_str());
}

Result<void> ControlSocket::listen(const std::string& path, bool any_user) {
  const auto address = to_address(path);
  if (!address) return fail(address.error());
  CULVERT_RETURN_IF_ERROR(clear_path(path, *address));
  const auto failed = [&](const char* what) {
    const int error = errno;
    return fail(ErrorCode::kIo, "cannot " + std::string(what) + " the control socket '" + path +
                                    "': " + std::strerror(error));
  };
  auto fd = make_socket();
  if (!fd) return failed("make");
  // Bound with the final mode from the first instant. Nothing else of the process runs now.
  const auto old_mask = umask(any_user ? 0111 : 0177);
  const int bound = bind(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address);
  const int bind_error = errno;
  umask(old_mask);
  errno = bind_error;
  if (bound != 0) return failed("bind");
  struct stat facts {};
  if (lstat(path.c_str(), &facts) != 0) return failed("look at");
  // Large: where the queue is full, a program's connect() would wait for us.
  if (::listen(fd.get(), 4096) != 0) return failed("listen on");
  begin(std::move(fd), facts.st_ino, path, any_user);
  return {};
}

void ControlSocket::begin(UniqueFd listening, std::uint64_t inode, const std::string& path,
                          bool any_user) {
  path_ = path;
  inode_ = inode;
  any_user_ = any_user;
  fd_ = std::move(listening);
  watch_.emplace(loop_, fd_.get(), static_cast<loop::FdWatch::Listener&>(*this));
  watch_->start(/*readable=*/true, /*writable=*/false);
}

bool ControlSocket::adopt(UniqueFd listening, std::uint64_t inode, const std::string& path,
                          bool any_user) {
  struct stat facts {};
  if (!listening) return false;
  if (lstat(path.c_str(), &facts) != 0 || !S_ISSOCK(facts.st_mode) || facts.st_ino != inode) {
    ::shutdown(listening.get(), SHUT_RDWR);  // the service manager may have a duplicate still
    return false;
  }
  ::chmod(path.c_str(), any_user ? 0666 : 0600);  // as the configuration says by now
  begin(std::move(listening), inode, path, any_user);
  return true;
}

int ControlSocket::pass_on() {
  passed_on_ = true;
  return fd_.get();
}

bool ControlSocket::may_ask(const Asker& asker) const {
  return any_user_ || asker.uid == own_uid_ || asker.uid == 0;
}

void ControlSocket::pause() {
  paused_ = true;
  if (watch_) watch_->start(false, false);
}

void ControlSocket::resume() {
  if (!std::exchange(paused_, false) || !watch_) return;
  watch_->start(/*readable=*/true, /*writable=*/false);
}

void ControlSocket::on_fd_ready(loop::FdWatch&, bool, bool) {
  for (int batch = 0; batch < 64 && !paused_; ++batch) {  // others must get their turn
    UniqueFd fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        log::warning("control", {{"event", "paused"},
                                 {"why", std::strerror(errno)},
                                 {"do", "raise the limit of open files (ulimit -n)"}});
        watch_->start(false, false);
        retry_.start(std::chrono::milliseconds{100});
      }
      return;
    }
    ucred credentials{};
    socklen_t length = sizeof credentials;
    if (getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) continue;
    const Asker asker{credentials.pid, credentials.uid};
    if (!may_ask(asker)) {
      log::warning("control", {{"event", "refused"},
                               {"uid", asker.uid},
                               {"pid", asker.pid},
                               {"why", "another user's process"}});
      continue;
    }
    listener_.on_asker(std::move(fd), asker);
  }
}

void ControlSocket::on_timer(loop::Timer&) {
  if (!paused_) watch_->start(/*readable=*/true, /*writable=*/false);
}

}  // namespace culvert::agent
