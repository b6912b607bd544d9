/* Programs that call the kernel by syscall() for lack of a function in the libc they were written
 * for, or by habit: sockets, and a call of six arguments that has nothing to do with them. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "probe.h"

static void connect_and_talk(const char* how, const struct sockaddr_in* to, int flags) {
  const int fd = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM | flags, 0);
  printf("%s: %s\n", how, result_name(syscall(SYS_connect, fd, to, sizeof *to)));
  struct pollfd look = {fd, POLLOUT, 0};
  if (flags != 0) poll(&look, 1, 10000);
  int error = 0;
  socklen_t size = sizeof error;
  syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_ERROR, &error, &size);
  printf("its error: %s\n", error_name(error));
  struct sockaddr_in peer;
  size = sizeof peer;
  const long got = syscall(SYS_getpeername, fd, &peer, &size);
  printf("its peer: %s\n", got != 0                              ? error_name(errno)
                           : memcmp(&peer, to, sizeof peer) == 0 ? "as asked for"
                                                                 : "another");
  if (got == 0 && flags == 0) {
    char answer[4] = "";
    const struct iovec text = {"eabc", 4};
    const struct msghdr message = {.msg_iov = (struct iovec*)&text, .msg_iovlen = 1};
    printf("sent: %ld\n", syscall(SYS_sendmsg, fd, &message, 0));
    printf("received: %ld\n", syscall(SYS_recvfrom, fd, answer, 3, MSG_WAITALL, NULL, NULL));
    printf("which is: %s\n", answer);
  }
  close(fd);
}

static void listen_and_accept(void) {
  const int listener = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof at;
  printf("bind: %s\n", result_name(syscall(SYS_bind, listener, &at, sizeof at)));
  printf("listen: %s\n", result_name(syscall(SYS_listen, listener, 1)));
  printf("getsockname: %s\n", result_name(syscall(SYS_getsockname, listener, &at, &size)));
  const int caller = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
  printf("connect: %s\n", result_name(syscall(SYS_connect, caller, &at, size)));
  const long accepted = syscall(SYS_accept4, listener, NULL, NULL, SOCK_CLOEXEC);
  printf("accept4: %s\n", result_name(accepted));
}

static void show_six_arguments(void) {
  const long page = sysconf(_SC_PAGESIZE);
  const int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  char expected[64];
  if (pread(file, expected, sizeof expected, page) != sizeof expected) give_up("pread");
  const void* mapped =
      (const void*)syscall(SYS_mmap, NULL, (size_t)page, PROT_READ, MAP_PRIVATE, file, page);
  printf("mmap: %s\n",
         memcmp(mapped, expected, sizeof expected) == 0 ? "that part of the file" : "another");
}

int main(int argc, char** argv) {
  const struct probe_target target = probe_start(argc, argv);
  connect_and_talk("connect", &target.echo, 0);
  connect_and_talk("without waiting", &target.echo, SOCK_NONBLOCK);
  connect_and_talk("refused", &target.refused, 0);
  connect_and_talk("refused without waiting", &target.refused, SOCK_NONBLOCK);
  listen_and_accept();
  show_six_arguments();
  errno = 0;
  printf("no socket: %s\n",
         result_name(syscall(SYS_connect, -1, &target.echo, sizeof target.echo)));
  printf("no address: %s\n", result_name(syscall(SYS_connect, 0, NULL, 16)));
  printf("no such call: %s\n", result_name(syscall(1L << 20)));
  printf("a negative one: %s\n", result_name(syscall(-1)));
  return 0;
}
