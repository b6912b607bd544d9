/* Connects to HOST PORT, asks for "/" by HTTP and prints the peer's
 * address and the answer, or the number of the error. Knows nothing of Culvert; built statically.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
  struct addrinfo* found;
  const int failed = getaddrinfo(argv[1], argv[2], &hints, &found);
  if (failed) return printf("no address: %s\n", gai_strerror(failed)), 1;
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fd, found->ai_addr, found->ai_addrlen) != 0) return printf("errno %d\n", errno), 1;
  struct sockaddr_in peer;
  socklen_t length = sizeof peer;
  getpeername(fd, (struct sockaddr*)&peer, &length);
  printf("peer %s:%d\n", inet_ntoa(peer.sin_addr), ntohs(peer.sin_port));
  static const char kAsk[] = "GET / HTTP/1.0\r\n\r\n";
  if (write(fd, kAsk, sizeof kAsk - 1) < 0) return 1;
  char answer[4096];
  for (ssize_t n; (n = read(fd, answer, sizeof answer)) > 0;) fwrite(answer, 1, (size_t)n, stdout);
  return 0;
}
