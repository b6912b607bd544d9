// shim/real.h: the functions that the shim stands in front of.
//
// Until the constructor has run these are raw system calls: libraries initialised before us may
// call in, some of them from inside malloc or the loader, where dlsym() would deadlock (jemalloc
// and tcmalloc did, in other shims). The exec family, fopen() and its kin, dlopen(), dlsym()
// and the resolver have no such need and may be null until then.
#pragma once
#include <netdb.h>
#include <resolv.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/types.h>

namespace culvert::shim {

struct Real {
  int (*socket)(int, int, int);
  int (*connect)(int, const sockaddr*, socklen_t);
  int (*bind)(int, const sockaddr*, socklen_t);
  ssize_t (*sendto)(int, const void*, size_t, int, const sockaddr*, socklen_t);
  ssize_t (*sendmsg)(int, const msghdr*, int);
  int (*sendmmsg)(int, mmsghdr*, unsigned, int);
  ssize_t (*recvfrom)(int, void*, size_t, int, sockaddr*, socklen_t*);
  ssize_t (*checked_recvfrom)(int, void*, size_t, size_t, int, sockaddr*, socklen_t*);
  ssize_t (*recvmsg)(int, msghdr*, int);
  int (*recvmmsg)(int, mmsghdr*, unsigned, int, timespec*);
  int (*listen)(int, int);
  int (*accept)(int, sockaddr*, socklen_t*);
  int (*accept4)(int, sockaddr*, socklen_t*, int);
  int (*getsockopt)(int, int, int, void*, socklen_t*);
  int (*getpeername)(int, sockaddr*, socklen_t*);
  int (*getsockname)(int, sockaddr*, socklen_t*);
  int (*open)(const char*, int, ...);
  int (*openat)(int, const char*, int, ...);
  int (*checked_open)(const char*, int);
  int (*checked_openat)(int, const char*, int);
  FILE* (*fopen)(const char*, const char*);
  FILE* (*freopen)(const char*, const char*, FILE*);
  int (*execve)(const char*, char* const*, char* const*);
  int (*execvpe)(const char*, char* const*, char* const*);
  int (*fexecve)(int, char* const*, char* const*);
  int (*execveat)(int, const char*, char* const*, char* const*, int);
  int (*posix_spawn)(pid_t*, const char*, const posix_spawn_file_actions_t*,
                     const posix_spawnattr_t*, char* const*, char* const*);
  int (*posix_spawnp)(pid_t*, const char*, const posix_spawn_file_actions_t*,
                      const posix_spawnattr_t*, char* const*, char* const*);
  int (*system)(const char*);
  FILE* (*popen)(const char*, const char*);
  void* (*dlopen)(const char*, int);
  void* (*dlsym)(void*, const char*);
  void* (*dlvsym)(void*, const char*, const char*);
  int (*getaddrinfo)(const char*, const char*, const addrinfo*, addrinfo**);
  int (*resolver_init)();
  int (*resolver_ninit)(res_state);
  int (*resolver_query)(const char*, int, int, unsigned char*, int);
  int (*resolver_search)(const char*, int, int, unsigned char*, int);
  int (*resolver_querydomain)(const char*, const char*, int, int, unsigned char*, int);
  int (*resolver_send)(const unsigned char*, int, unsigned char*, int);
  int (*resolver_nquery)(res_state, const char*, int, int, unsigned char*, int);
  int (*resolver_nsearch)(res_state, const char*, int, int, unsigned char*, int);
  int (*resolver_nquerydomain)(res_state, const char*, const char*, int, int, unsigned char*, int);
  int (*resolver_nsend)(res_state, const unsigned char*, int, unsigned char*, int);
};

extern Real real;  // NOLINT(bugprone-dynamic-static-initializers): it is constinit

// Uses dlsym(), which may allocate: for the constructor, and for an exec before it.
void find_real_functions();
void find_real_dlsym();  // and dlvsym(), alone: for who asks before the constructor

}  // namespace culvert::shim
