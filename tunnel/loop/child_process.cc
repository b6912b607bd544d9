#include "tunnel/loop/child_process.h"

#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <csignal>
#include <cstring>

#include <array>
#include <cerrno>

namespace culvert::loop {
namespace {

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> out;
  out.reserve(words.size() + 1);
  for (const auto& word : words) out.push_back(const_cast<char*>(word.c_str()));
  out.push_back(nullptr);
  return out;
}

// Signals as a fresh program expects them: ours are blocked or ignored in part.
int spawn(pid_t& pid, int socket, const std::vector<std::string>& words,
          const std::vector<std::string>& environment) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_adddup2(&files, socket, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&files, socket, STDOUT_FILENO);
  sigset_t none, changed;
  sigemptyset(&none);
  sigemptyset(&changed);
  sigaddset(&changed, SIGPIPE);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &changed);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  const int error = posix_spawn(&pid, words.front().c_str(), &files, &attributes,
                                pointers(words).data(), pointers(environment).data());
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  return error;
}

}  // namespace

Result<void> ChildProcess::start(Loop& loop, const std::vector<std::string>& words,
                                 const std::vector<std::string>& environment, Listener& listener,
                                 std::optional<ChildProcess>& child) {
  std::array<int, 2> ends{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return fail(ErrorCode::kIo, "cannot make a socket pair: " + std::string(std::strerror(errno)));
  UniqueFd ours(ends[0]);
  const UniqueFd theirs(ends[1]);
  pid_t pid = 0;
  if (const int error = spawn(pid, theirs.get(), words, environment); error != 0)
    return fail(ErrorCode::kIo, "cannot start '" + words.front() + "': " + std::strerror(error));
  child.emplace(loop, pid, std::move(ours), listener);
  return {};
}

ChildProcess::ChildProcess(Loop& loop, pid_t pid, UniqueFd socket, Listener& listener)
    : listener_(listener), pid_(pid), socket_(std::move(socket)) {
  watch_.emplace(loop, socket_.get(), static_cast<FdWatch::Listener&>(*this));
  watch_->start(/*readable=*/true, /*writable=*/false);
}

ChildProcess::~ChildProcess() {
  watch_.reset();
  ::kill(pid_, SIGKILL);  // not reaped yet, so this is still it
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void ChildProcess::write(Bytes input) {
  (void)::send(socket_.get(), input.data(), input.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

void ChildProcess::on_fd_ready(FdWatch&, bool, bool) {
  std::array<std::byte, 16 * 1024> buffer;
  const auto size = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (size > 0)
    return listener_.on_child_output(*this, Bytes{buffer}.first(static_cast<std::size_t>(size)));
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  watch_->stop();
  listener_.on_child_ended(*this);
}

}  // namespace culvert::loop
