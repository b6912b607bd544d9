/* tests/apps/probes/peer.c: the far end of all probes.
 *
 *   probe-peer ADDRESS [ECHO_PORT SLOW_PORT REFUSED_PORT]     (0 or none: the kernel chooses)
 *
 * Prints "ready ECHO SLOW REFUSED" and serves until it is killed or its standard input ends.
 *
 * The echo port: the first octet of a connection is a command:
 *   e  echo until the end, then close      r  reset the connection
 *   c  count the octets until the end, then write the number in decimal and close
 *   f  write "bye", shut down, then echo nothing but read until the end
 *   s  arm the slow port: write "armed\n"
 *   b  write until nothing more is taken for a third of a second, then reset the connection
 *   w  read nothing, and wait for the connection to be reset; "q" asks what the last one has seen
 *   q  write "reset" or "nothing" within six seconds, and close
 * The slow port: its accept queue is full, so that SYNs are ignored, until it is armed; then the
 * second SYN, a second after the first, is accepted, and the connection echoes.
 * The refused port: bound, and not listened on.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in slow_address;
static int slow_listener, slow_filler;
static pthread_mutex_t slow_mutex = PTHREAD_MUTEX_INITIALIZER;

static void die(const char* what) {
  perror(what);
  exit(1);
}

static int bind_to(const char* address, const char* port, struct sockaddr_in* bound) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
  struct sockaddr_in wanted = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
  if (inet_pton(AF_INET, address, &wanted.sin_addr) != 1) die(address);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, (struct sockaddr*)&wanted, sizeof wanted) != 0) die("bind");
  socklen_t length = sizeof *bound;
  getsockname(fd, (struct sockaddr*)bound, &length);
  return fd;
}

static void fill_slow_port(void) {
  struct sockaddr_in here = slow_address;
  if (here.sin_addr.s_addr == INADDR_ANY) here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  slow_filler = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(slow_filler, (struct sockaddr*)&here, sizeof here) != 0) die("fill the slow port");
}

static void echo(int fd) {
  char data[65536];
  for (ssize_t n; (n = read(fd, data, sizeof data)) > 0;)
    for (ssize_t sent = 0; sent < n;) {
      const ssize_t m = write(fd, data + sent, (size_t)(n - sent));
      if (m <= 0) return;
      sent += m;
    }
}

static long count(int fd) {
  char data[65536];
  long total = 0;
  for (ssize_t n; (n = read(fd, data, sizeof data)) > 0;) total += n;
  return total;
}

static void* open_slow_port(void* unused) {
  pthread_mutex_lock(&slow_mutex);
  usleep(600 * 1000); /* between the first SYN and its repetition */
  close(slow_filler);
  close(accept(slow_listener, NULL, NULL));
  struct pollfd waiting = {slow_listener, POLLIN, 0};
  const int fd = poll(&waiting, 1, 4000) == 1 ? accept(slow_listener, NULL, NULL) : -1;
  fill_slow_port();
  pthread_mutex_unlock(&slow_mutex);
  if (fd >= 0) {
    echo(fd);
    close(fd);
  }
  return unused;
}

static int seen[2]; /* a pipe from "w" to "q" */

static void write_all_it_takes(int fd) {
  static const char data[65536];
  const struct timeval third = {0, 333333};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &third, sizeof third);
  while (write(fd, data, sizeof data) > 0) {
  }
}

static void wait_for_reset(int fd) {
  struct pollfd look = {fd, 0, 0}; /* errors alone */
  const char news = poll(&look, 1, 5000) == 1 && (look.revents & POLLERR) != 0 ? 'y' : 'n';
  if (write(seen[1], &news, 1) != 1) perror("write");
}

static const char* what_was_seen(void) {
  struct pollfd look = {seen[0], POLLIN, 0};
  char news = 'n';
  if (poll(&look, 1, 6000) == 1 && read(seen[0], &news, 1) != 1) perror("read");
  return news == 'y' ? "reset" : "nothing";
}

static void start(void* (*function)(void*), void* argument) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, function, argument) != 0) die("pthread_create");
  pthread_detach(thread);
}

static void* serve(void* argument) {
  const int fd = *(int*)argument;
  free(argument);
  char command = 0, text[32];
  const struct linger at_once = {1, 0};
  if (read(fd, &command, 1) != 1) command = 0;
  switch (command) {
    case 'e': echo(fd); break;
    case 'b': write_all_it_takes(fd); /* fall through */
    case 'r': setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once); break;
    case 'w': wait_for_reset(fd); break;
    case 'q':
      strcpy(text, what_was_seen());
      if (write(fd, text, strlen(text)) < 0) perror("write");
      break;
    case 'c':
      snprintf(text, sizeof text, "%ld", count(fd));
      if (write(fd, text, strlen(text)) < 0) perror("write");
      break;
    case 'f':
      if (write(fd, "bye", 3) < 0) perror("write");
      shutdown(fd, SHUT_WR);
      count(fd);
      break;
    case 's':
      start(open_slow_port, NULL);
      if (write(fd, "armed\n", 6) < 0) perror("write");
      break;
    default: break;
  }
  close(fd);
  return NULL;
}

static void* accept_all(void* argument) {
  for (;;) {
    int* fd = malloc(sizeof *fd);
    if (fd == NULL) die("malloc");
    *fd = accept(*(int*)argument, NULL, NULL);
    if (*fd >= 0)
      start(serve, fd);
    else
      free(fd);
  }
  return NULL;
}

int main(int argc, char** argv) {
  if (argc != 2 && argc != 5) {
    fprintf(stderr, "usage: %s ADDRESS [ECHO_PORT SLOW_PORT REFUSED_PORT]\n", argv[0]);
    return 2;
  }
  const char* ports[] = {argc == 5 ? argv[2] : "0", argc == 5 ? argv[3] : "0",
                         argc == 5 ? argv[4] : "0"};
  signal(SIGPIPE, SIG_IGN);
  if (pipe(seen) != 0) die("pipe");
  struct sockaddr_in echo_address, refused_address;
  int echo_listener = bind_to(argv[1], ports[0], &echo_address);
  slow_listener = bind_to(argv[1], ports[1], &slow_address);
  bind_to(argv[1], ports[2], &refused_address);
  if (listen(echo_listener, 128) != 0 || listen(slow_listener, 0) != 0) die("listen");
  fill_slow_port();
  start(accept_all, &echo_listener);
  printf("ready %d %d %d\n", ntohs(echo_address.sin_port), ntohs(slow_address.sin_port),
         ntohs(refused_address.sin_port));
  fflush(stdout);
  char data[64];
  while (read(0, data, sizeof data) > 0) {
  }
  return 0;
}
