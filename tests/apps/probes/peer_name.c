/* getpeername() gives the address and port that the program asked for, also in odd buffers. */
#include "probe.h"

static const char* compare(const struct sockaddr_in* a, const struct sockaddr_in* b) {
  if (a->sin_family != b->sin_family || a->sin_addr.s_addr != b->sin_addr.s_addr)
    return "another address";
  return a->sin_port == b->sin_port ? "as asked for" : "another port";
}

int main(int argc, char** argv) {
  const struct probe_target target = probe_start(argc, argv);
  const int fd = make_socket(0);
  struct sockaddr_in peer = {0};
  socklen_t length = sizeof peer;
  printf("unconnected: %s\n", result_name(getpeername(fd, (struct sockaddr*)&peer, &length)));
  printf("connect: %s\n", result_name(connect_to(fd, &target.echo)));
  length = sizeof peer;
  printf("connected: %s", result_name(getpeername(fd, (struct sockaddr*)&peer, &length)));
  printf(", %s, length %u\n", compare(&peer, &target.echo), length);

  struct sockaddr_storage roomy = {0};
  length = sizeof roomy;
  getpeername(fd, (struct sockaddr*)&roomy, &length);
  memcpy(&peer, &roomy, sizeof peer);
  printf("roomy buffer: %s, length %u\n", compare(&peer, &target.echo), length);

  char small[4] = "....";
  length = 2;
  printf("2 octets: %s", result_name(getpeername(fd, (struct sockaddr*)(void*)small, &length)));
  printf(", length %u, behind it '%.2s'\n", length, small + 2);
  printf("null length: %s\n", result_name(getpeername(fd, (struct sockaddr*)&peer, NULL)));
  length = sizeof peer;
  printf("null buffer: %s\n", result_name(getpeername(fd, NULL, &length)));
  const int copy = dup(fd);
  length = sizeof peer;
  memset(&peer, 0, sizeof peer);
  printf("dup: %s", result_name(getpeername(copy, (struct sockaddr*)&peer, &length)));
  printf(", %s\n", compare(&peer, &target.echo));
  return 0;
}
