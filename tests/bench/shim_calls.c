/* tests/bench/shim_calls.c: one kind of call, many times, for tests/bench/shim_cost.
 *
 *   shim-calls datagram COUNT            connect() of a UDP socket to 127.0.0.1: ns of CPU time
 * each (median of 20) shim-calls local COUNT               TCP connect() to a listener of its own,
 * and close: us, median shim-calls connect HOST PORT COUNT   the same to HOST, resolved once
 *   shim-calls lookup NAME COUNT         getaddrinfo(): us, median
 *   shim-calls calls COUNT               write, read, poll, epoll_wait, close: for callgrind
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double read_us(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static double now_us(void) { return read_us(CLOCK_MONOTONIC); }
static double cpu_us(void) { return read_us(CLOCK_PROCESS_CPUTIME_ID); }

static int compare(const void* a, const void* b) {
  const double x = *(const double*)a, y = *(const double*)b;
  return (x > y) - (x < y);
}

static double median(double* values, int count) {
  qsort(values, (size_t)count, sizeof *values, compare);
  return values[count / 2];
}

static struct sockaddr_in loopback(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

static void give_up(const char* what) {
  perror(what);
  exit(1);
}

static void time_datagrams(int count) {
  enum { kRounds = 20 };
  double rounds[kRounds];
  const struct sockaddr_in to = loopback(9);
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  for (int round = 0; round < kRounds; ++round) {
    const double start = cpu_us();
    for (int i = 0; i < count; ++i)
      if (connect(fd, (const struct sockaddr*)&to, sizeof to) != 0) give_up("connect");
    rounds[round] = (cpu_us() - start) * 1000 / count;
  }
  printf("%.1f\n", median(rounds, kRounds));
}

static void time_connects(const struct sockaddr_in* to, int listener, int count) {
  double* times = calloc((size_t)count, sizeof *times);
  for (int i = 0; i < count; ++i) {
    const double start = now_us();
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (const struct sockaddr*)to, sizeof *to) != 0) give_up("connect");
    times[i] = now_us() - start;
    close(fd);
    if (listener >= 0) close(accept(listener, NULL, NULL));
  }
  printf("%.1f\n", median(times, count));
}

static void time_local(int count) {
  struct sockaddr_in at = loopback(0);
  socklen_t length = sizeof at;
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(listener, (struct sockaddr*)&at, sizeof at) != 0 || listen(listener, 128) != 0 ||
      getsockname(listener, (struct sockaddr*)&at, &length) != 0)
    give_up("listen");
  time_connects(&at, listener, count);
}

static struct addrinfo* look_up(const char* name, const char* port) {
  const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
  struct addrinfo* found = NULL;
  const int failure = getaddrinfo(name, port, &hints, &found);
  if (failure != 0) {
    fprintf(stderr, "%s: %s\n", name, gai_strerror(failure));
    exit(1);
  }
  return found;
}

static void time_lookups(const char* name, int count) {
  double* times = calloc((size_t)count, sizeof *times);
  for (int i = 0; i < count; ++i) {
    const double start = now_us();
    freeaddrinfo(look_up(name, "80"));
    times[i] = now_us() - start;
  }
  printf("%.1f\n", median(times, count));
}

/* Its own function, so that callgrind can count it and what it calls, and nothing else. */
__attribute__((noinline)) void make_calls(const int* pair, int epoll, int count) {
  char octet = 'x';
  struct pollfd look = {pair[1], POLLIN, 0};
  struct epoll_event event;
  for (int i = 0; i < count; ++i) {
    if (write(pair[0], &octet, 1) != 1 || poll(&look, 1, -1) != 1) abort();
    if (epoll_wait(epoll, &event, 1, -1) != 1 || read(pair[1], &octet, 1) != 1) abort();
    close(dup(pair[0]));
  }
}

static void count_calls(int count) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) give_up("socketpair");
  const int epoll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data = {.fd = pair[1]}};
  epoll_ctl(epoll, EPOLL_CTL_ADD, pair[1], &event);
  make_calls(pair, epoll, 1); /* binds the symbols */
  make_calls(pair, epoll, count);
}

int main(int argc, char** argv) {
  const char* mode = argc > 2 ? argv[1] : "";
  const int count = atoi(argv[argc - 1]);
  if (strcmp(mode, "datagram") == 0) {
    time_datagrams(count);
  } else if (strcmp(mode, "local") == 0) {
    time_local(count);
  } else if (strcmp(mode, "connect") == 0 && argc == 5) {
    struct addrinfo* to = look_up(argv[2], argv[3]);
    time_connects((const struct sockaddr_in*)to->ai_addr, -1, count);
  } else if (strcmp(mode, "lookup") == 0) {
    time_lookups(argv[2], count);
  } else if (strcmp(mode, "calls") == 0) {
    count_calls(count);
  } else {
    fprintf(stderr, "see the head of shim_calls.c\n");
    return 2;
  }
  return 0;
}
