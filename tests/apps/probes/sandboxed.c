/* A UDP client in a sandbox that kills for calls which its author has not thought of, as chronyd
 * has one: among them geteuid() and the option that lets bind() leave the port open.
 *
 *   PROBE HOST ECHO SLOW REFUSED     (ECHO alone is used) */
#include "probe.h"

#include <seccomp.h>

static void enter_sandbox(void) {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  if (filter == NULL ||
      seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(geteuid), 0) != 0 ||
      seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(setsockopt), 2,
                       SCMP_A1(SCMP_CMP_EQ, IPPROTO_IP, 0),
                       SCMP_A2(SCMP_CMP_EQ, IP_BIND_ADDRESS_NO_PORT, 0)) != 0 ||
      seccomp_load(filter) != 0)
    give_up("sandbox");
  seccomp_release(filter);
}

static void ask(const struct sockaddr_in* to, int connected) {
  const struct timeval patience = {10, 0};
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  char text[64] = "";
  if (fd < 0) give_up("socket");
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (connected) {
    printf("connect: %s\n", result_name(connect_to(fd, to)));
    printf("send: %s\n", result_name(send(fd, "hello", 5, 0)));
  } else {
    printf("sendto: %s\n",
           result_name(sendto(fd, "hello", 5, 0, (const struct sockaddr*)to, sizeof *to)));
  }
  printf("received %zd: %s\n", recv(fd, text, sizeof text - 1, 0), text);
  close(fd);
}

int main(int argc, char** argv) {
  const struct probe_target target = probe_start(argc, argv);
  enter_sandbox();
  ask(&target.echo, 1);
  ask(&target.echo, 0);
  return 0;
}
