/* tests/apps/probes/probe.h: what the probes share.
 *
 * A probe does to its sockets what some real program does, and prints what it saw: names of events
 * and of errors, never numbers of descriptors, addresses or times. It is run natively and through
 * Culvert, and the two transcripts must be equal, line by line.
 *
 *   PROBE HOST ECHO SLOW REFUSED     (ports, as probe-peer prints them)
 */
#ifndef CULVERT_TESTS_PROBE_H
#define CULVERT_TESTS_PROBE_H

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct probe_target {
  const char* host;
  struct sockaddr_in echo, slow, refused;
};

static inline const char* error_name(int error) {
  return error == 0 ? "ok" : strerrorname_np(error);
}

/* The result of a call that gives -1 and errno. */
static inline const char* result_name(long result) { return error_name(result < 0 ? errno : 0); }

static inline void give_up(const char* what) {
  printf("cannot go on: %s: %s\n", what, error_name(errno));
  exit(2);
}

static inline struct sockaddr_in resolve(const char* host, const char* port) {
  const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
  struct addrinfo* found = NULL;
  const int failure = getaddrinfo(host, port, &hints, &found);
  if (failure != 0) {
    printf("cannot go on: %s does not resolve: %s\n", host, gai_strerror(failure));
    exit(2);
  }
  struct sockaddr_in address;
  memcpy(&address, found->ai_addr, sizeof address);
  freeaddrinfo(found);
  return address;
}

static inline struct probe_target probe_start(int argc, char** argv) {
  if (argc < 5) {
    fprintf(stderr, "usage: %s HOST ECHO_PORT SLOW_PORT REFUSED_PORT\n", argv[0]);
    exit(2);
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  alarm(60); /* a probe that hangs has failed */
  const struct probe_target target = {argv[1], resolve(argv[1], argv[2]), resolve(argv[1], argv[3]),
                                      resolve(argv[1], argv[4])};
  return target;
}

static inline int make_socket(int flags) {
  const int fd = socket(AF_INET, SOCK_STREAM | flags, 0);
  if (fd < 0) give_up("socket");
  return fd;
}

static inline int connect_to(int fd, const struct sockaddr_in* address) {
  return connect(fd, (const struct sockaddr*)address, sizeof *address);
}

static inline int socket_error(int fd) {
  int error = -1;
  socklen_t length = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
  return error;
}

static inline double now_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static inline int read_all(int fd, char* text, size_t size) {
  size_t got = 0;
  while (got < size) {
    const ssize_t n = read(fd, text + got, size - got);
    if (n < 0) return -1;
    if (n == 0) break;
    got += (size_t)n;
  }
  return (int)got;
}

/* A blocking connection on which the peer has read `command` (see peer.c). */
static inline int start_conversation(const struct probe_target* target, char command) {
  const int fd = make_socket(SOCK_CLOEXEC);
  if (connect_to(fd, &target->echo) != 0) give_up("connect to the echo port");
  if (write(fd, &command, 1) != 1) give_up("write of the command");
  return fd;
}

/* From now the slow port lets one connection in, after about a second. */
static inline void arm_slow_port(const struct probe_target* target) {
  const int fd = start_conversation(target, 's');
  char answer[6];
  if (read_all(fd, answer, sizeof answer) != 6) give_up("arming the slow port");
  close(fd);
}

static inline const char* echo_result(int fd) {
  static const char kText[] = "Here and there";
  char back[sizeof kText] = "";
  if (write(fd, kText, sizeof kText) != (ssize_t)sizeof kText) return error_name(errno);
  const int got = read_all(fd, back, sizeof back);
  if (got < 0) return error_name(errno);
  return got == (int)sizeof back && memcmp(back, kText, sizeof kText) == 0 ? "equal" : "different";
}

/* The events of poll() and of epoll have the same values on Linux. */
static inline const char* event_names(unsigned events) {
  static _Thread_local char text[128];
  text[0] = '\0';
  if (events & EPOLLIN) strcat(text, " IN");
  if (events & EPOLLOUT) strcat(text, " OUT");
  if (events & EPOLLRDHUP) strcat(text, " RDHUP");
  if (events & EPOLLERR) strcat(text, " ERR");
  if (events & EPOLLHUP) strcat(text, " HUP");
  return text[0] == '\0' ? " none" : text;
}

#endif
