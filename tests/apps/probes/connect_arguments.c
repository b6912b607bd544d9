/* Arguments that are wrong, and families other than AF_INET: the kernel's own errors, no crash. */
#include <fcntl.h>
#include <sys/mman.h>

#include "probe.h"

static void attempt(const char* name, int fd, const void* address, socklen_t length) {
  printf("%s: %s\n", name, result_name(connect(fd, (const struct sockaddr*)address, length)));
}

static struct sockaddr_in6 mapped(const struct sockaddr_in* v4) {
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = v4->sin_port};
  v6.sin6_addr.s6_addr[10] = v6.sin6_addr.s6_addr[11] = 0xff;
  memcpy(v6.sin6_addr.s6_addr + 12, &v4->sin_addr, 4);
  return v6;
}

static void over_v6(const struct probe_target* target) {
  const int fd = socket(AF_INET6, SOCK_STREAM, 0);
  const struct sockaddr_in6 echo = mapped(&target->echo);
  attempt("v4-mapped", fd, &echo, sizeof echo);
  struct sockaddr_in6 peer;
  socklen_t length = sizeof peer;
  printf("its getpeername: %s", result_name(getpeername(fd, (struct sockaddr*)&peer, &length)));
  printf(", %s\n",
         memcmp(&peer.sin6_addr, &echo.sin6_addr, 16) == 0 && peer.sin6_port == echo.sin6_port
             ? "as asked for"
             : "another");
  printf("its echo: %s\n", write(fd, "e", 1) == 1 ? echo_result(fd) : "broken");
  close(fd);

  const int refused_fd = socket(AF_INET6, SOCK_STREAM, 0), on = 1;
  const struct sockaddr_in6 refused = mapped(&target->refused);
  attempt("v4-mapped, refused", refused_fd, &refused, sizeof refused);
  close(refused_fd);

  const int only_fd = socket(AF_INET6, SOCK_STREAM, 0);
  setsockopt(only_fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  attempt("v4-mapped on a socket for IPv6 only", only_fd, &echo, sizeof echo);
  attempt("AF_INET on an AF_INET6 socket", only_fd, &target->echo, sizeof target->echo);
  close(only_fd);
}

static void disconnect(const struct probe_target* target) {
  const int fd = make_socket(0);
  const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
  attempt("disconnect: connect", fd, &target->echo, sizeof target->echo);
  attempt("disconnect: AF_UNSPEC", fd, &nowhere, sizeof nowhere);
  attempt("disconnect: connect anew", fd, &target->echo, sizeof target->echo);
  close(fd);
}

int main(int argc, char** argv) {
  const struct probe_target target = probe_start(argc, argv);
  const struct sockaddr_in* echo = &target.echo;
  const int fd = make_socket(0);
  void* unmapped = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  attempt("null address", fd, NULL, sizeof *echo);
  attempt("unmapped address", fd, unmapped, sizeof *echo);
  attempt("address 1", fd, (const void*)1, sizeof *echo);
  attempt("length 3", fd, echo, 3);
  attempt("length 15", fd, echo, 15);
  attempt("length 1000", fd, echo, 1000);
  attempt("length -1", fd, echo, (socklen_t)-1);
  attempt("AF_INET6 on an AF_INET socket", fd, &(struct sockaddr_in6){.sin6_family = AF_INET6},
          sizeof(struct sockaddr_in6));
  attempt("descriptor -1", -1, echo, sizeof *echo);
  const int file = open("/dev/null", O_RDWR | O_CLOEXEC);
  attempt("not a socket", file, echo, sizeof *echo);
  struct sockaddr_storage roomy = {0};
  memcpy(&roomy, echo, sizeof *echo);
  attempt("length of sockaddr_storage", fd, &roomy, sizeof roomy);
  attempt("again", fd, echo, sizeof *echo);
  close(fd);

  const int listening = make_socket(0);
  printf("listen: %s\n", result_name(listen(listening, 1)));
  attempt("a listener", listening, echo, sizeof *echo);
  close(listening);

  const int multipath = socket(AF_INET, SOCK_STREAM, 262 /* IPPROTO_MPTCP */);
  attempt("multipath TCP", multipath, echo, sizeof *echo);
  printf("its echo: %s\n", write(multipath, "e", 1) == 1 ? echo_result(multipath) : "broken");
  printf("listen -1: %s\n", result_name(listen(-1, 1)));
  printf("SO_ERROR of -1: %s\n", error_name(socket_error(-1)));
  printf("SO_ERROR to nowhere: %s\n",
         result_name(getsockopt(multipath, SOL_SOCKET, SO_ERROR, NULL, NULL)));
  over_v6(&target);
  disconnect(&target);
  return 0;
}
