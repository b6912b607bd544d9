/* sendto() and sendmsg() with MSG_FASTOPEN connect and send in one call. */
#include <fcntl.h>

#include "probe.h"

static ssize_t send_first(int fd, const struct sockaddr_in* address, int by_message, int flags) {
  char text[] = "eHere and there";
  if (!by_message)
    return sendto(fd, text, sizeof text, flags | MSG_FASTOPEN, (const struct sockaddr*)address,
                  sizeof *address);
  struct iovec parts[2] = {{text, 1}, {text + 1, sizeof text - 1}};
  const struct msghdr message = {.msg_name = (void*)(uintptr_t)address,
                                 .msg_namelen = sizeof *address,
                                 .msg_iov = parts,
                                 .msg_iovlen = 2};
  return sendmsg(fd, &message, flags | MSG_FASTOPEN);
}

static void attempt(const char* name, const struct sockaddr_in* address, int by_message) {
  const int fd = make_socket(0);
  const ssize_t sent = send_first(fd, address, by_message, 0);
  printf("%s: %zd %s", name, sent, result_name(sent));
  char back[15] = "";
  if (sent > 0) printf(", back: %d octets '%.14s'", read_all(fd, back, sizeof back), back);
  printf(", SO_ERROR %s\n", error_name(socket_error(fd)));
  close(fd);
}

static void nonblocking(const char* name, const struct sockaddr_in* address, int by_message) {
  const int fd = make_socket(by_message ? SOCK_NONBLOCK : 0);
  const ssize_t sent = send_first(fd, address, by_message, by_message ? 0 : MSG_DONTWAIT);
  printf("%s, not waiting: %zd %s;", name, sent, result_name(sent));
  struct pollfd look = {fd, POLLOUT, 0};
  poll(&look, 1, 10000);
  printf("%s; SO_ERROR %s; O_NONBLOCK %s\n", event_names((unsigned short)look.revents),
         error_name(socket_error(fd)), fcntl(fd, F_GETFL) & O_NONBLOCK ? "set" : "clear");
  close(fd);
}

int main(int argc, char** argv) {
  const struct probe_target target = probe_start(argc, argv);
  for (int by_message = 0; by_message < 2; ++by_message) {
    const char* name = by_message ? "sendmsg" : "sendto";
    attempt(name, &target.echo, by_message);
    attempt(name, &target.refused, by_message);
    nonblocking(name, &target.echo, by_message);
    nonblocking(name, &target.refused, by_message);
  }
  const int fd = make_socket(0);
  printf("bad message: %s\n", result_name(sendmsg(fd, NULL, MSG_FASTOPEN)));
  printf("no address: %s\n", result_name(sendto(fd, "x", 1, MSG_FASTOPEN, NULL, 0)));
  return 0;
}
