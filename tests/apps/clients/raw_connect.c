/* Connects by raw system calls, in a static program: no library sees it, none can be loaded.
 * usage: raw_connect NAME PORT...   Asks for the name by getaddrinfo of whatever libc it has. */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static void talk(const struct sockaddr* to, socklen_t length) {
  const int fd = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
  if (syscall(SYS_connect, fd, to, length) != 0) {
    perror("connect");
  } else {
    struct sockaddr_storage peer;
    socklen_t size = sizeof peer;
    char answer[6] = "";
    syscall(SYS_getpeername, fd, &peer, &size);
    printf("peer %s\n", memcmp(&peer, to, length) == 0 ? "as asked for" : "another");
    if (syscall(SYS_write, fd, "hello", 5) != 5 || read(fd, answer, 5) <= 0) perror("echo");
    printf("echo %s\n", answer);
  }
  fflush(stdout);
  close(fd);
}

int main(int argc, char** argv) {
  struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found;
  for (int i = 2; i < argc; ++i) {
    const int error = getaddrinfo(argv[1], argv[i], &hints, &found);
    printf("%s: %s\n", argv[i], error == 0 ? "found" : "no such name");
    fflush(stdout);
    if (error != 0) continue;
    talk(found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
  }
  return 0;
}
