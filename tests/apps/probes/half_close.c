/* Each side may end its direction and go on with the other. */
#include <signal.h>

#include "probe.h"

static void client_first(const struct probe_target* target) {
  const int fd = start_conversation(target, 'c');
  char data[10000];
  memset(data, 'x', sizeof data);
  for (int i = 0; i < 100; ++i)
    if (write(fd, data, sizeof data) != (ssize_t)sizeof data) give_up("write");
  printf("client shuts down: %s\n", result_name(shutdown(fd, SHUT_WR)));
  signal(SIGPIPE, SIG_IGN);
  printf("its write then: %s\n", result_name(write(fd, data, 1)));
  char answer[32] = "";
  read_all(fd, answer, sizeof answer - 1);
  printf("the peer counted: %s\n", answer);
  close(fd);
}

static void server_first(const struct probe_target* target) {
  const int fd = start_conversation(target, 'f');
  char text[8] = "";
  printf("server says: %d octets,", read_all(fd, text, sizeof text - 1));
  printf(" '%s', then the end: %s\n", text, read(fd, text, 1) == 0 ? "yes" : "no");
  struct pollfd look = {fd, POLLIN | POLLOUT | POLLRDHUP, 0};
  poll(&look, 1, 0);
  printf("events:%s\n", event_names((unsigned short)look.revents));
  printf("client goes on writing: %s\n", result_name(write(fd, "more", 4)));
  printf("no error: %s\n", error_name(socket_error(fd)));
  close(fd);
}

int main(int argc, char** argv) {
  const struct probe_target target = probe_start(argc, argv);
  client_first(&target);
  server_first(&target);
  return 0;
}
