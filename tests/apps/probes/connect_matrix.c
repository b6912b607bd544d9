/* Every way to wait for a connect x success and refusal, and what connect() says when it is called
 * again: while pending, after success, after failure with and without SO_ERROR read. */
#include <sys/select.h>

#include "probe.h"

enum waiting { kPoll, kSelect, kEpollLevel, kEpollEdge, kWaitings };
static const char* const kWaitingNames[kWaitings] = {"poll", "select", "epoll", "epoll edge"};

static void wait_by_select(int fd) {
  fd_set readable, writable, special;
  FD_ZERO(&readable);
  FD_SET(fd, &readable);
  writable = special = readable;
  struct timeval patience = {10, 0};
  const int n = select(fd + 1, &readable, &writable, &special, &patience);
  printf(" %d:%s%s%s", n, FD_ISSET(fd, &readable) ? " R" : "", FD_ISSET(fd, &writable) ? " W" : "",
         FD_ISSET(fd, &special) ? " X" : "");
}

static void wait_for(int fd, enum waiting waiting) {
  const unsigned wanted = EPOLLIN | EPOLLOUT | EPOLLRDHUP;
  if (waiting == kSelect) {
    wait_by_select(fd);
  } else if (waiting == kPoll) {
    struct pollfd look = {fd, (short)wanted, 0};
    const int n = poll(&look, 1, 10000);
    printf(" %d:%s", n, event_names((unsigned short)look.revents));
  } else {
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = wanted | (waiting == kEpollEdge ? EPOLLET : 0u)};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    const int n = epoll_wait(epoll, &event, 1, 10000);
    printf(" %d:%s", n, event_names(event.events));
    close(epoll);
  }
}

static void nonblocking(const struct sockaddr_in* address, enum waiting waiting, const char* name) {
  const int fd = make_socket(SOCK_NONBLOCK);
  printf("%s, %s: connect %s;", name, kWaitingNames[waiting], result_name(connect_to(fd, address)));
  wait_for(fd, waiting);
  printf("; SO_ERROR %s", error_name(socket_error(fd)));
  printf("; then %s", error_name(socket_error(fd)));
  printf("; connect again %s", result_name(connect_to(fd, address)));
  printf("; and again %s\n", result_name(connect_to(fd, address)));
  close(fd);
}

static void blocking(const struct sockaddr_in* address, const char* name) {
  const int fd = make_socket(0);
  errno = ENOTBLK; /* a call that succeeds must leave it alone */
  const int result = connect_to(fd, address);
  printf("%s, blocking: connect %d %s", name, result, error_name(errno));
  printf("; SO_ERROR %s", error_name(socket_error(fd)));
  printf("; connect again %s\n", result_name(connect_to(fd, address)));
  close(fd);
}

/* Programs that never read SO_ERROR call connect() once more for the result. */
static void result_by_connect(const struct sockaddr_in* address, const char* name) {
  const int fd = make_socket(SOCK_NONBLOCK);
  connect_to(fd, address);
  struct pollfd look = {fd, POLLOUT, 0};
  poll(&look, 1, 10000);
  printf("%s, result by connect: %s", name, result_name(connect_to(fd, address)));
  printf("; SO_ERROR %s\n", error_name(socket_error(fd)));
  close(fd);
}

static void reuse_after_failure(const struct probe_target* target) {
  const int fd = make_socket(0);
  printf("one socket: %s", result_name(connect_to(fd, &target->refused)));
  printf(", then %s", result_name(connect_to(fd, &target->refused)));
  printf(", then %s", result_name(connect_to(fd, &target->echo)));
  printf(", echo %s\n", write(fd, "e", 1) == 1 ? echo_result(fd) : "broken");
  close(fd);
}

/* An address that is too short changes nothing, on whatever it is tried. */
static void short_address(const struct probe_target* target) {
  const int fd = make_socket(0);
  printf("connected: %s", result_name(connect_to(fd, &target->echo)));
  const struct sockaddr* address = (const struct sockaddr*)&target->echo;
  printf(", one octet %s", result_name(connect(fd, address, 1)));
  printf(", none %s", result_name(connect(fd, address, 0)));
  printf(", echo %s\n", write(fd, "e", 1) == 1 ? echo_result(fd) : "broken");
  close(fd);
}

static void while_pending(const struct probe_target* target) {
  arm_slow_port(target);
  const int fd = make_socket(SOCK_NONBLOCK), copy = dup(fd);
  printf("slow: connect %s", result_name(connect_to(fd, &target->slow)));
  printf("; again %s", result_name(connect_to(fd, &target->slow)));
  char octet = 0;
  printf("; read %s", result_name(read(fd, &octet, 1)));
  printf("; write %s", result_name(write(fd, &octet, 1)));
  struct sockaddr_in peer;
  socklen_t length = sizeof peer;
  printf("; getpeername %s", result_name(getpeername(fd, (struct sockaddr*)&peer, &length)));
  printf("; SO_ERROR %s;", error_name(socket_error(fd)));
  struct pollfd now = {fd, POLLIN | POLLOUT, 0};
  printf(" events now %d;", poll(&now, 1, 0));
  wait_for(copy, kPoll);
  printf("; connect %s", result_name(connect_to(copy, &target->slow)));
  printf("; SO_ERROR %s\n", error_name(socket_error(fd)));
  close(fd);
  close(copy);
}

static void options_survive(const struct probe_target* target) {
  const int fd = make_socket(0), on = 1, size = 100000;
  int before = 0, after = 0, keepalive = 0;
  socklen_t length = sizeof before;
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &before, &length);
  const int result = connect_to(fd, &target->echo);
  getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &after, &length);
  getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &keepalive, &length);
  printf("options: connect %s; receive buffer %s; keepalive %s\n", result_name(result),
         before == after ? "kept" : "changed", keepalive ? "kept" : "lost");
  close(fd);
}

int main(int argc, char** argv) {
  const struct probe_target target = probe_start(argc, argv);
  for (int w = 0; w < kWaitings; ++w) {
    nonblocking(&target.echo, (enum waiting)w, "ok");
    nonblocking(&target.refused, (enum waiting)w, "refused");
  }
  blocking(&target.echo, "ok");
  blocking(&target.refused, "refused");
  result_by_connect(&target.echo, "ok");
  result_by_connect(&target.refused, "refused");
  reuse_after_failure(&target);
  short_address(&target);
  while_pending(&target);
  options_survive(&target);
  return 0;
}
