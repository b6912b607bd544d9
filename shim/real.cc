#include "shim/real.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/elf_image.h"

namespace culvert::shim {
namespace {

int raw_socket(int family, int type, int protocol) {
  return static_cast<int>(syscall(SYS_socket, family, type, protocol));
}

int raw_connect(int fd, const sockaddr* address, socklen_t length) {
  return static_cast<int>(syscall(SYS_connect, fd, address, length));
}

int raw_bind(int fd, const sockaddr* address, socklen_t length) {
  return static_cast<int>(syscall(SYS_bind, fd, address, length));
}

int raw_sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) {
  return static_cast<int>(syscall(SYS_sendmmsg, fd, messages, count, flags));
}

ssize_t raw_sendto(int fd, const void* data, size_t size, int flags, const sockaddr* to,
                   socklen_t length) {
  return syscall(SYS_sendto, fd, data, size, flags, to, length);
}

ssize_t raw_sendmsg(int fd, const msghdr* message, int flags) {
  return syscall(SYS_sendmsg, fd, message, flags);
}

ssize_t raw_recvfrom(int fd, void* data, size_t size, int flags, sockaddr* from,
                     socklen_t* length) {
  return syscall(SYS_recvfrom, fd, data, size, flags, from, length);
}

ssize_t raw_checked_recvfrom(int fd, void* data, size_t size, size_t room, int flags,
                             sockaddr* from, socklen_t* length) {
  if (size > room) abort();
  return raw_recvfrom(fd, data, size, flags, from, length);
}

ssize_t raw_recvmsg(int fd, msghdr* message, int flags) {
  return syscall(SYS_recvmsg, fd, message, flags);
}

int raw_recvmmsg(int fd, mmsghdr* messages, unsigned count, int flags, timespec* limit) {
  return static_cast<int>(syscall(SYS_recvmmsg, fd, messages, count, flags, limit));
}

int raw_listen(int fd, int backlog) { return static_cast<int>(syscall(SYS_listen, fd, backlog)); }

int raw_accept4(int fd, sockaddr* address, socklen_t* length, int flags) {
  return static_cast<int>(syscall(SYS_accept4, fd, address, length, flags));
}

int raw_accept(int fd, sockaddr* address, socklen_t* length) {
  return raw_accept4(fd, address, length, 0);
}

int raw_getsockopt(int fd, int level, int name, void* value, socklen_t* length) {
  return static_cast<int>(syscall(SYS_getsockopt, fd, level, name, value, length));
}

int raw_getpeername(int fd, sockaddr* address, socklen_t* length) {
  return static_cast<int>(syscall(SYS_getpeername, fd, address, length));
}
int raw_getsockname(int fd, sockaddr* address, socklen_t* length) {
  return static_cast<int>(syscall(SYS_getsockname, fd, address, length));
}

int raw_open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const unsigned mode = va_arg(arguments, unsigned);
  va_end(arguments);
  return static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}

int raw_openat(int directory, const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const unsigned mode = va_arg(arguments, unsigned);
  va_end(arguments);
  return static_cast<int>(syscall(SYS_openat, directory, path, flags, mode));
}

int raw_checked_openat(int directory, const char* path, int flags) {
  if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE) abort();
  return raw_openat(directory, path, flags, 0u);
}

int raw_checked_open(const char* path, int flags) {
  return raw_checked_openat(AT_FDCWD, path, flags);
}

int raw_execve(const char* path, char* const* argv, char* const* envp) {
  return static_cast<int>(syscall(SYS_execve, path, argv, envp));
}

int raw_execveat(int directory, const char* path, char* const* argv, char* const* envp, int flags) {
  return static_cast<int>(syscall(SYS_execveat, directory, path, argv, envp, flags));
}

// Of glibc 2.34 and later; of libdl before.
#if defined(__aarch64__)
constexpr const char* kVersions[] = {"GLIBC_2.34", "GLIBC_2.17"};
#else
constexpr const char* kVersions[] = {"GLIBC_2.34", "GLIBC_2.2.5"};
#endif

// In the object that comes behind this one in the order of loading, or, if none has it, in front.
template <typename Function>
void find_by_hand(Function& function, const char* name) {
  Dl_info found;
  void* own = nullptr;
  if (dladdr1(&real, &found, &own, RTLD_DL_LINKMAP) == 0) return;
  const auto* const here = static_cast<const link_map*>(own);
  const auto look = [&](const link_map* object) {
    const ElfImage image = read_image(object->l_addr, object->l_ld);
    const auto* const symbol = find_symbol(image, name);
    if (symbol != nullptr) function = reinterpret_cast<Function>(image.base + symbol->st_value);
    return symbol != nullptr;
  };
  for (const auto* object = here->l_next; object != nullptr; object = object->l_next)
    if (look(object)) return;
  for (const auto* object = here->l_prev; object != nullptr; object = object->l_prev)
    if (look(object)) return;
}

template <typename Function>
void find(Function& function, const char* name) {
  if (void* found = real.dlsym(RTLD_NEXT, name)) function = reinterpret_cast<Function>(found);
}

}  // namespace

constinit Real real = {
    .socket = raw_socket,
    .connect = raw_connect,
    .bind = raw_bind,
    .sendto = raw_sendto,
    .sendmsg = raw_sendmsg,
    .sendmmsg = raw_sendmmsg,
    .recvfrom = raw_recvfrom,
    .checked_recvfrom = raw_checked_recvfrom,
    .recvmsg = raw_recvmsg,
    .recvmmsg = raw_recvmmsg,
    .listen = raw_listen,
    .accept = raw_accept,
    .accept4 = raw_accept4,
    .getsockopt = raw_getsockopt,
    .getpeername = raw_getpeername,
    .getsockname = raw_getsockname,
    .open = raw_open,
    .openat = raw_openat,
    .checked_open = raw_checked_open,
    .checked_openat = raw_checked_openat,
    .fopen = nullptr,
    .freopen = nullptr,
    .execve = raw_execve,
    .execvpe = nullptr,
    .fexecve = nullptr,
    .execveat = raw_execveat,
    .posix_spawn = nullptr,
    .posix_spawnp = nullptr,
    .system = nullptr,
    .popen = nullptr,
    .dlopen = nullptr,
    .dlsym = nullptr,
    .dlvsym = nullptr,
    .getaddrinfo = nullptr,
    .resolver_init = nullptr,
    .resolver_ninit = nullptr,
    .resolver_query = nullptr,
    .resolver_search = nullptr,
    .resolver_querydomain = nullptr,
    .resolver_send = nullptr,
    .resolver_nquery = nullptr,
    .resolver_nsearch = nullptr,
    .resolver_nquerydomain = nullptr,
    .resolver_nsend = nullptr,
};

// dlsym() and dlvsym() are ours (of no version), wherever we ask for them: so one of the two is
// looked up by hand, and gives the other. Where libc was itself preloaded, before us, nothing comes
// next.
void find_real_dlsym() {
  find_by_hand(real.dlvsym, "dlvsym");
  void* const places[] = {RTLD_NEXT, RTLD_DEFAULT};
  for (void* where : places) {
    for (const char* version : kVersions) {
      real.dlsym = reinterpret_cast<decltype(real.dlsym)>(real.dlvsym(where, "dlsym", version));
      if (real.dlsym != nullptr) return;
    }
  }
}

void find_real_functions() {
  if (real.dlsym == nullptr) find_real_dlsym();
  find(real.socket, "socket");
  find(real.connect, "connect");
  find(real.bind, "bind");
  find(real.sendto, "sendto");
  find(real.sendmsg, "sendmsg");
  find(real.sendmmsg, "sendmmsg");
  find(real.recvfrom, "recvfrom");
  find(real.checked_recvfrom, "__recvfrom_chk");
  find(real.recvmsg, "recvmsg");
  find(real.recvmmsg, "recvmmsg");
  find(real.listen, "listen");
  find(real.accept, "accept");
  find(real.accept4, "accept4");
  find(real.getsockopt, "getsockopt");
  find(real.getpeername, "getpeername");
  find(real.getsockname, "getsockname");
  find(real.open, "open64");
  find(real.openat, "openat64");
  find(real.checked_open, "__open64_2");
  find(real.checked_openat, "__openat64_2");
  find(real.fopen, "fopen64");
  find(real.freopen, "freopen64");
  find(real.execve, "execve");
  find(real.execvpe, "execvpe");
  find(real.fexecve, "fexecve");
  find(real.execveat, "execveat");
  find(real.posix_spawn, "posix_spawn");
  find(real.posix_spawnp, "posix_spawnp");
  find(real.system, "system");
  find(real.popen, "popen");
  find(real.dlopen, "dlopen");
  find(real.getaddrinfo, "getaddrinfo");
  find(real.resolver_init, "__res_init");
  find(real.resolver_ninit, "__res_ninit");
  find(real.resolver_query, "res_query");
  find(real.resolver_search, "res_search");
  find(real.resolver_querydomain, "res_querydomain");
  find(real.resolver_send, "res_send");
  find(real.resolver_nquery, "res_nquery");
  find(real.resolver_nsearch, "res_nsearch");
  find(real.resolver_nquerydomain, "res_nquerydomain");
  find(real.resolver_nsend, "res_nsend");
}

}  // namespace culvert::shim
