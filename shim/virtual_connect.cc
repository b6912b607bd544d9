#include "shim/virtual_connect.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/own_address.h"
#include "shim/own_table.h"
#include "shim/prepared_connect.h"
#include "shim/real.h"
#include "shim/socket_facts.h"

namespace culvert::shim {
namespace {

int failed(int error) {
  errno = error;
  return -1;
}

int with_true_error(int fd, int result) {
  return result < 0 ? failed(true_error(fd, errno)) : result;
}

// What the kernel says of a socket in TCP_CLOSE that is to be connected: EINVAL if it would start a
// new connection, else the outcome of an earlier one (ECONNREFUSED ..., EISCONN), as it would give
// it to the program. An address cut short has no other effect.
int ask_kernel(int fd, const VirtualPeer& peer) {
  constexpr socklen_t kTooShort = 8;
  return syscall(SYS_connect, fd, &peer.address, kTooShort) == 0 ? EISCONN : errno;
}

// Where the agent failed a connect by shutting a dup of the socket down, the kernel no longer
// remembers that it was connecting (Linux, inet_shutdown()), and would start anew where natively
// connect() gives the result of the connect that failed. The agent shuts down twice: after the
// first (disconnected, POLLERR) it has to be asked, because a program that dissolved its connection
// with AF_UNSPEC has POLLERR too; after the second both directions have ended.
bool was_shut_down_by_agent(int fd) {
  const unsigned events = poll_events(fd);
  if ((events & POLLRDHUP) != 0) return true;
  return (events & POLLERR) != 0 && error_known_to_agent(fd) != 0;
}

int fetch_failure(int fd) {
  const int error = take_pending_error(fd);
  leave_peer(fd);
  return error != 0 ? error : ECONNABORTED;
}

// 0 if the socket may be connected; else the errno of connect().
int outcome_of_earlier(int fd, const VirtualPeer& peer) {
  const int kernel_says = ask_kernel(fd, peer);
  if (kernel_says != EINVAL) return true_error(fd, kernel_says);
  return was_shut_down_by_agent(fd) ? true_error(fd, fetch_failure(fd)) : 0;
}

// The socket's O_NONBLOCK is the program's own flag on its own file description; for the instant
// of the start of a blocking connect it is ours.
class WithoutBlocking {
 public:
  explicit WithoutBlocking(int fd) : fd_(fd), flags_(syscall(SYS_fcntl, fd, F_GETFL)) {
    if (was_blocking()) syscall(SYS_fcntl, fd_, F_SETFL, flags_ | O_NONBLOCK);
  }
  WithoutBlocking(const WithoutBlocking&) = delete;
  WithoutBlocking& operator=(const WithoutBlocking&) = delete;
  ~WithoutBlocking() {
    if (was_blocking()) syscall(SYS_fcntl, fd_, F_SETFL, flags_);
  }
  bool was_blocking() const { return (flags_ & O_NONBLOCK) == 0; }

 private:
  int fd_;
  long flags_;
};

struct Started {
  int error;  // of the real connect; EINPROGRESS: on its way
  bool wait;  // the program's socket is a blocking one
};

Started start(int fd, PreparedConnect& prepared) {
  const WithoutBlocking scope(fd);
  const VirtualPeer& peer = prepared.peer();
  const long result = syscall(SYS_connect, fd, &peer.address, peer.length);
  return {result == 0 ? 0 : errno, scope.was_blocking()};
}

// The kernel waits itself: SO_SNDTIMEO, signals and SA_RESTART are native. A time-out of a second
// connect() is EALREADY where that of a first one is EINPROGRESS.
int wait_for_completion(int fd, const VirtualPeer& peer) {
  const int result = real.connect(fd, &peer.address.any, peer.length);
  if (result < 0 && errno == EALREADY) return failed(EINPROGRESS);
  return with_true_error(fd, result);
}

}  // namespace

bool is_virtual_connect(int fd, const VirtualPeer& peer) { return is_tcp(fd, peer.family()); }

namespace {

struct Begun {
  PreparedConnect::Verdict verdict;
  int error;  // of the real connect; or, of kFailed, for the program
  bool wait = false;
  bool lacks_descriptor = false;
  VirtualPeer held_at = {};
};

// Ends with the link closed: from then on the program may be cancelled or killed.
Begun begin(int fd, const VirtualPeer& peer) {
  PreparedConnect prepared(fd, peer);
  Started started;
  for (bool recalled = prepared.recall();; recalled = false) {
    const auto verdict = recalled ? PreparedConnect::Verdict::kConnect : prepared.prepare();
    if (verdict != PreparedConnect::Verdict::kConnect)
      return {.verdict = verdict,
              .error = prepared.error(),
              .lacks_descriptor = prepared.lacks_descriptor()};
    leave_device(fd);
    if (!peer.ordinary) take_own_address(fd);
    started = start(fd, prepared);
    if (!recalled || started.error == 0 || tcp_state(fd) != TCP_CLOSE) break;
    fetch_failure(fd);  // nobody holds it any more: the kernel has refused already
    prepared.forget();
  }
  prepared.announce(started.error);
  return {.verdict = PreparedConnect::Verdict::kConnect,
          .error = started.error,
          .wait = started.wait,
          .held_at = prepared.peer()};
}

}  // namespace

int connect_virtual(int fd, const sockaddr* address, socklen_t length, const VirtualPeer& peer) {
  if (tcp_state(fd) != TCP_CLOSE) return with_true_error(fd, real.connect(fd, address, length));
  const int earlier = outcome_of_earlier(fd, peer);
  if (earlier != 0) return failed(earlier);

  Begun begun = begin(fd, peer);
  if (begun.lacks_descriptor) with_own_table(fd, [&] { begun = begin(fd, peer); });
  if (begun.verdict == PreparedConnect::Verdict::kNotOurs) return real.connect(fd, address, length);
  if (begun.verdict == PreparedConnect::Verdict::kFailed) return failed(begun.error);
  if (begun.error == 0) return 0;
  if (begun.error == EINPROGRESS && begun.wait) return wait_for_completion(fd, begun.held_at);
  return failed(true_error(fd, begun.error));
}

}  // namespace culvert::shim
