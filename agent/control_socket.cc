#include "agent/control_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "shim/wire.h"
#include "tunnel/base/log.h"

namespace culvert::agent {
namespace {

constexpr int kBacklog = 4096;  // large: where it is full, a program's connect() would wait for us

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
  if (::listen(fd.get(), kBacklog) != 0) return failed("listen on");
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
  open_abstract();
  watch_for_askers(true);
}

void ControlSocket::open_abstract() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto name = CULVERT_ABSTRACT + path_;
  if (name.size() + 1 > sizeof address.sun_path) return;
  name.copy(&address.sun_path[1], name.size());
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  auto fd = make_socket();
  if (!fd || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0 ||
      ::listen(fd.get(), kBacklog) != 0)
    return log::warning("control", {{"event", "no-abstract-name"},
                                    {"why", std::strerror(errno)},
                                    {"effect", "programs in a chroot are not carried"}});
  abstract_fd_ = std::move(fd);
  abstract_watch_.emplace(loop_, abstract_fd_.get(), static_cast<loop::FdWatch::Listener&>(*this));
}

void ControlSocket::watch_for_askers(bool on) {
  if (watch_) watch_->start(/*readable=*/on, /*writable=*/false);
  if (abstract_watch_) abstract_watch_->start(/*readable=*/on, /*writable=*/false);
}

UniqueFd ControlSocket::accept_at(const loop::FdWatch& watch) const {
  const auto& listening = watch_ && &watch == &*watch_ ? fd_ : abstract_fd_;
  return UniqueFd(::accept4(listening.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
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
  watch_for_askers(false);
}

void ControlSocket::resume() {
  if (std::exchange(paused_, false)) watch_for_askers(true);
}

void ControlSocket::on_fd_ready(loop::FdWatch& watch, bool, bool) {
  for (int batch = 0; batch < 64 && !paused_; ++batch) {  // others must get their turn
    auto fd = accept_at(watch);
    if (!fd) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        const int error = errno;
        if (complaint_.due(loop_.now()))
          log::warning("control", {{"event", "paused"},
                                   {"why", std::strerror(error)},
                                   {"do", "raise the limit of open files (ulimit -n)"}});
        watch_for_askers(false);
        retry_.start(std::chrono::milliseconds{100});
      }
      return;
    }
    ucred credentials{};
    socklen_t length = sizeof credentials;
    if (getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) continue;
    const Asker asker{credentials.pid, credentials.uid};
    if (!may_ask(asker)) {
      if (!refusals_.due(loop_.now())) continue;
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
  if (!paused_) watch_for_askers(true);
}

}  // namespace culvert::agent
