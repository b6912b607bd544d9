/* The peer resets an established connection; so do we, behind octets that the other side does not
 * read. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>

#include "probe.h"

/* Until nothing more goes, for a third of a second. */
static void write_all_it_takes(int fd) {
  static const char data[65536];
  struct pollfd room = {fd, POLLOUT, 0};
  fcntl(fd, F_SETFL, O_NONBLOCK);
  while (poll(&room, 1, 333) == 1 && write(fd, data, sizeof data) > 0) {
  }
}

/* A poll() just then sees the error alone: the kernel sets that a moment before the rest of it. */
static unsigned short poll_reset(int fd, short events, int patience_ms) {
  struct pollfd look = {fd, events, 0};
  for (int i = 0; i < 1000 && poll(&look, 1, patience_ms) == 1 && look.revents == POLLERR; ++i)
    sched_yield();
  return (unsigned short)look.revents;
}

static void behind_unread_octets(const struct probe_target* target) {
  const int reader = start_conversation(target, 'b');
  printf("poll, nothing read:%s\n", event_names(poll_reset(reader, POLLRDHUP, 5000)));
  static char data[65536];
  ssize_t got = read(reader, data, sizeof data);
  printf("what had come can be read: %s\n", got > 0 ? "yes" : result_name(got));
  while (got > 0) got = read(reader, data, sizeof data);
  printf("then: %s\n", result_name(got));

  const int writer = start_conversation(target, 'w');
  write_all_it_takes(writer);
  const struct linger at_once = {1, 0};
  setsockopt(writer, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close(writer);
  char text[32] = "";
  const int asker = start_conversation(target, 'q');
  printf("the other side, which reads nothing, has seen: ");
  printf("%s\n", read_all(asker, text, sizeof text - 1) > 0 ? text : "no answer");
}

int main(int argc, char** argv) {
  const struct probe_target target = probe_start(argc, argv);
  signal(SIGPIPE, SIG_IGN);
  char octet = 'x';
  const int reader = start_conversation(&target, 'r');
  printf("read: %s\n", result_name(read(reader, &octet, 1)));
  printf("read again: %s\n", read(reader, &octet, 1) == 0 ? "end" : error_name(errno));
  printf("write: %s\n", result_name(write(reader, &octet, 1)));

  const int poller = start_conversation(&target, 'r');
  printf("poll:%s\n", event_names(poll_reset(poller, POLLIN | POLLRDHUP, 10000)));
  printf("SO_ERROR: %s\n", error_name(socket_error(poller)));
  printf("then: %s\n", error_name(socket_error(poller)));
  behind_unread_octets(&target);
  return 0;
}
