/* Functions taken from the handle of a library, as ctypes, JNA and P/Invoke take them. */
#include <dlfcn.h>

#include "probe.h"

typedef int (*connect_function)(int, const struct sockaddr*, socklen_t);
typedef int (*getpeername_function)(int, struct sockaddr*, socklen_t*);
typedef int (*getaddrinfo_function)(const char*, const char*, const struct addrinfo*,
                                    struct addrinfo**);

/* `function`: where its address is put; ISO C has no cast for that. */
static void take(void* handle, const char* name, void* function) {
  void* const found = dlsym(handle, name);
  if (found == NULL) {
    printf("cannot go on: %s\n", dlerror());
    exit(2);
  }
  memcpy(function, &found, sizeof found);
}

static void use(void* handle, const struct probe_target* target) {
  connect_function connect_it;
  getpeername_function peer_of;
  getaddrinfo_function find;
  take(handle, "connect", &connect_it);
  take(handle, "getpeername", &peer_of);
  take(handle, "getaddrinfo", &find);

  struct addrinfo* found = NULL;
  printf("the name: %s\n", gai_strerror(find(target->host, "80", NULL, &found)));
  if (found != NULL) freeaddrinfo(found);
  const int refused = make_socket(0);
  printf("refused: %s\n", result_name(connect_it(refused, (const struct sockaddr*)&target->refused,
                                                 sizeof target->refused)));
  close(refused);
  const int fd = make_socket(0);
  printf("connect: %s\n",
         result_name(connect_it(fd, (const struct sockaddr*)&target->echo, sizeof target->echo)));
  struct sockaddr_in peer;
  socklen_t length = sizeof peer;
  const int failed = peer_of(fd, (struct sockaddr*)&peer, &length);
  printf("its port is the peer's: %s\n",
         failed == 0 && peer.sin_port == target->echo.sin_port ? "yes" : "no");
  if (write(fd, "e", 1) == 1) printf("echo: %s\n", echo_result(fd));
  close(fd);
}

int main(int argc, char** argv) {
  const struct probe_target target = probe_start(argc, argv);
  static const char* const libraries[] = {"libc.so.6", "libresolv.so.2", NULL};
  for (int i = 0; i < 3; ++i) {
    printf("of %s\n", libraries[i] == NULL ? "the program" : libraries[i]);
    void* const handle = dlopen(libraries[i], RTLD_NOW);
    if (handle == NULL) give_up(dlerror());
    use(handle, &target);
    printf("what there is not: %s\n", dlsym(handle, "no_such_function") == NULL ? "null" : "found");
    printf("the error is told: %s\n", dlerror() != NULL ? "yes" : "no");
    printf("no error is left: %s\n", dlerror() == NULL ? "yes" : "no");
  }
  return 0;
}
