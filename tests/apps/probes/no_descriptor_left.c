/* connect() needs no descriptor: it works in a program that has as many as it may. */
#include <sys/resource.h>

#include "probe.h"

int main(int argc, char** argv) {
  const struct probe_target target = probe_start(argc, argv);
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) give_up("getrlimit");
  limit.rlim_cur = 64;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) give_up("setrlimit");

  const int waits = make_socket(0), refused = make_socket(0), polls = make_socket(SOCK_NONBLOCK);
  while (dup(0) >= 0) continue;
  printf("one more: %s\n", error_name(errno));

  printf("connect: %s\n", result_name(connect_to(waits, &target.echo)));
  printf("echo: %s\n", write(waits, "e", 1) == 1 ? echo_result(waits) : "broken");
  printf("refused: %s\n", result_name(connect_to(refused, &target.refused)));
  printf("without waiting: %s\n", result_name(connect_to(polls, &target.echo)));
  struct pollfd look = {polls, POLLOUT, 0};
  poll(&look, 1, 10000);
  printf("then:%s, %s\n", event_names((unsigned short)look.revents),
         error_name(socket_error(polls)));

  const rlim_t was = limit.rlim_cur;
  printf("the limit is: %s\n",
         getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == was ? "as before" : "another");
  printf("one more: %s\n", result_name(dup(0)));
  return 0;
}
