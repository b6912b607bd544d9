/* Functions taken from the handle of a library, as ctypes, JNA and P/Invoke take them. */
#include <dlfcn.h>

#include "probe.h"

#if defined(__x86_64__)
static const char kVersion[] = "GLIBC_2.2.5";
#else
static const char kVersion[] = "GLIBC_2.17";
#endif

typedef int (*connect_function)(int, const struct sockaddr*, socklen_t);
typedef int (*getpeername_function)(int, struct sockaddr*, socklen_t*);
typedef int (*getaddrinfo_function)(const char*, const char*, const struct addrinfo*,
                                    struct addrinfo**);

/* `function`: where its address is put; ISO C has no cast for that. `version`: may be null. */
static void take(void* handle, const char* name, const char* version, void* function) {
  void* const found = version == NULL ? dlsym(handle, name) : dlvsym(handle, name, version);
  if (found == NULL) {
    printf("cannot go on: %s\n", dlerror());
    exit(2);
  }
  memcpy(function, &found, sizeof found);
}

static void use(void* handle, const char* version, const struct probe_target* target) {
  connect_function connect_it;
  getpeername_function peer_of;
  getaddrinfo_function find;
  take(handle, "connect", version, &connect_it);
  take(handle, "getpeername", version, &peer_of);
  take(handle, "getaddrinfo", version, &find);

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
    use(handle, NULL, &target);
    printf("what there is not: %s\n", dlsym(handle, "no_such_function") == NULL ? "null" : "found");
    printf("the error is told: %s\n", dlerror() != NULL ? "yes" : "no");
    printf("no error is left: %s\n", dlerror() == NULL ? "yes" : "no");
  }
  printf("by version, of libc\n");
  use(dlopen("libc.so.6", RTLD_NOW), kVersion, &target);
  printf("by version, of all\n");
  use(RTLD_DEFAULT, kVersion, &target);
  printf("a version that there is not: %s\n",
         dlvsym(RTLD_DEFAULT, "connect", "GLIBC_1.0") == NULL ? "null" : "found");
  printf("its error is told: %s\n", dlerror() != NULL ? "yes" : "no");
  return 0;
}
