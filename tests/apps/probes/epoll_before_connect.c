/* Event loops (nginx, ASIO, MongoDB) register a socket with epoll, edge-triggered, BEFORE they
 * connect it without blocking. Three at once: one succeeds, one is slow, one is refused. */
#include "probe.h"

enum { kOk, kSlow, kRefused, kSockets };
static const char* const kNames[kSockets] = {"ok", "slow", "refused"};

struct socket_story {
  int fd;
  int done;
  char events[256];
};

static void note(struct socket_story* story, unsigned events, const char* error) {
  const size_t used = strlen(story->events);
  snprintf(story->events + used, sizeof story->events - used, " [%s ] %s", event_names(events),
           error);
}

static void drain_first_events(int epoll, const char* when) {
  struct epoll_event events[kSockets];
  const int n = epoll_wait(epoll, events, kSockets, 0);
  printf("%s: %d events%s\n", when, n, n > 0 ? event_names(events[0].events) : "");
}

int main(int argc, char** argv) {
  const struct probe_target target = probe_start(argc, argv);
  const struct sockaddr_in* addresses[kSockets] = {&target.echo, &target.slow, &target.refused};
  struct socket_story stories[kSockets] = {{0}};
  arm_slow_port(&target);

  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  for (int i = 0; i < kSockets; ++i) {
    stories[i].fd = make_socket(SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct epoll_event interest = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                   .data.u32 = (uint32_t)i};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, stories[i].fd, &interest) != 0) give_up("epoll_ctl");
  }
  drain_first_events(epoll, "before connect");

  const double start = now_seconds();
  for (int i = 0; i < kSockets; ++i)
    printf("connect %s: %s\n", kNames[i], result_name(connect_to(stories[i].fd, addresses[i])));

  double first = 0;
  const char* last = "nobody";
  for (int left = kSockets; left > 0;) {
    struct epoll_event events[kSockets];
    const int n = epoll_wait(epoll, events, kSockets, 10000);
    if (n <= 0) give_up("epoll_wait");
    if (first == 0) first = now_seconds() - start;
    for (int k = 0; k < n; ++k) {
      struct socket_story* story = &stories[events[k].data.u32];
      const int error = socket_error(story->fd);
      /* A reset wakes waiters twice, for the state and for the error (tcp_reset): two edges, if the
       * waiter runs on another CPU. Natively a refusal on loopback arrives inside connect(). */
      if (story->done && error == 0 && (events[k].events & EPOLLHUP)) continue;
      note(story, events[k].events, error_name(error));
      if (story->done) continue;
      story->done = 1;
      last = kNames[events[k].data.u32];
      --left;
    }
  }
  for (int i = 0; i < kSockets; ++i) printf("%s:%s\n", kNames[i], stories[i].events);
  printf("last: %s\n", last);
  printf("nobody waited for the slow one: %s\n", first < 0.5 ? "yes" : "no");

  struct epoll_event modified = {.events = EPOLLIN | EPOLLET, .data.u32 = kOk};
  printf("still registered: %s\n",
         result_name(epoll_ctl(epoll, EPOLL_CTL_MOD, stories[kOk].fd, &modified)));
  if (write(stories[kOk].fd, "e!", 2) != 2) give_up("write");
  struct epoll_event event = {0};
  if (epoll_wait(epoll, &event, 1, 5000) != 1) give_up("epoll_wait for the echo");
  char back = 0;
  printf("echo:%s %s\n", event_names(event.events),
         read(stories[kOk].fd, &back, 1) == 1 ? "one octet" : "nothing");
  return 0;
}
