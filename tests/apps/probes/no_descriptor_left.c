/* connect() needs no descriptor: it works in a program that has as many as it may. Whether it may
 * raise its limit, or not: services are often given one limit, soft and hard. */
#include <sys/resource.h>
#include <sys/wait.h>

#include "probe.h"

static void connect_at_limit(struct probe_target target, int may_raise_it) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) give_up("getrlimit");
  limit.rlim_cur = 64;
  if (!may_raise_it) limit.rlim_max = 64;
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
}

int main(int argc, char** argv) {
  const struct probe_target target = probe_start(argc, argv);
  for (int may_raise_it = 1; may_raise_it >= 0; --may_raise_it) {
    fflush(stdout);
    const pid_t child = fork();
    if (child < 0) give_up("fork");
    if (child != 0) {
      int status;
      while (waitpid(child, &status, 0) < 0) continue;
      printf("ended: %d\n", status);
      continue;
    }
    printf("the limit may be raised: %d\n", may_raise_it);
    connect_at_limit(target, may_raise_it);
    exit(0);
  }
  return 0;
}
