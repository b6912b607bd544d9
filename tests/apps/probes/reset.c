/* The peer resets an established connection; so do we, behind octets that the other side does not
 * read. */
#include <fcntl.h>
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

static void behind_unread_octets(const struct probe_target* target) {
  const int reader = start_conversation(target, 'b');
  struct pollfd look = {reader, POLLRDHUP, 0};
  poll(&look, 1, 5000);
  printf("poll, nothing read:%s\n", event_names((unsigned short)look.revents));
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
  struct pollfd look = {poller, POLLIN | POLLRDHUP, 0};
  poll(&look, 1, 10000);
  printf("poll:%s\n", event_names((unsigned short)look.revents));
  printf("SO_ERROR: %s\n", error_name(socket_error(poller)));
  printf("then: %s\n", error_name(socket_error(poller)));
  behind_unread_octets(&target);
  return 0;
}
