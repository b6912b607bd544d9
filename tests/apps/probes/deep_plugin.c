/* Opened by deep_binding.c. */
#include <sys/ioctl.h>

#include "deep_plugin.h"

static const char* talk(int fd, int failure) {
  if (failure == 0 && write(fd, "e", 1) != 1) failure = errno;
  const char* const outcome = failure != 0 ? error_name(failure) : echo_result(fd);
  close(fd);
  return outcome;
}

static const char* outcome(const struct probe_target* target, const struct sockaddr_in* address) {
  (void)target;
  const int fd = make_socket(SOCK_NONBLOCK);
  int failure = connect_to(fd, address) == 0 ? 0 : errno;
  if (failure == EINPROGRESS) {
    struct pollfd wait = {fd, POLLOUT, 0};
    poll(&wait, 1, 10000);
    failure = socket_error(fd);
  }
  const int blocking = 0;
  ioctl(fd, FIONBIO, &blocking);
  return talk(fd, failure);
}

/* In a table of data, not called by name. */
static int (*const pointers[])(int, const struct sockaddr*, socklen_t) = {connect};

static const char* outcome_by_pointer(const struct probe_target* target,
                                      const struct sockaddr_in* address) {
  (void)target;
  const int fd = make_socket(0);
  int (*const volatile function)(int, const struct sockaddr*, socklen_t) = pointers[0];
  return talk(fd, function(fd, (const struct sockaddr*)address, sizeof *address) == 0 ? 0 : errno);
}

static const char* resolves(const char* host) {
  struct addrinfo* found = NULL;
  const int failure = getaddrinfo(host, "80", NULL, &found);
  if (failure != 0) return gai_strerror(failure);
  freeaddrinfo(found);
  return "ok";
}

/* The reason for deep binding: a plugin may have its own function of any name. */
int getpeername(int fd, struct sockaddr* address, socklen_t* length) {
  (void)fd, (void)address, (void)length;
  return 4711;
}

static int own_function(void) { return getpeername(0, NULL, NULL); }

const struct plugin plugin = {outcome, outcome_by_pointer, resolves, own_function};
