/* The peer resets an established connection. */
#include <signal.h>

#include "probe.h"

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
  return 0;
}
