// shim/hook_open.cc: opening /etc/resolv.conf to read it, by the functions that resolvers use
// (c-ares and bind: fopen; python, java: open). Every other path costs a comparison.
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shim/export.h"
#include "shim/keep_errno.h"
#include "shim/real.h"
#include "shim/resolver_view.h"

namespace culvert::shim {
namespace {

int open_view() {
  const KeepErrno keep;
  return open_resolver_view(O_CLOEXEC);
}

FILE* open_stream(const char* path, const char* mode) {
  if (real.fopen == nullptr) find_real_functions();
  const bool reads = mode != nullptr && mode[0] == 'r' && strchr(mode, '+') == nullptr;
  if (!reads || !is_resolver_file(path, O_RDONLY)) return real.fopen(path, mode);
  const int fd = open_view();
  FILE* stream = fd < 0 ? nullptr : fdopen(fd, "r");
  if (stream != nullptr) return stream;
  if (fd >= 0) close(fd);
  return real.fopen(path, mode);
}

int open_file(const char* path, int flags, mode_t mode) {
  if (is_resolver_file(path, flags)) {
    const KeepErrno keep;
    const int fd = open_resolver_view(flags);
    if (fd >= 0) return fd;
  }
  return real.open(path, flags, mode);
}

// As libc does: the third argument is there only if a file may be made.
mode_t mode_of(int flags, va_list arguments) {
  const bool made = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
  return made ? va_arg(arguments, mode_t) : 0;
}

}  // namespace
}  // namespace culvert::shim

using culvert::shim::mode_of;
using culvert::shim::open_file;
using culvert::shim::open_stream;

CULVERT_INTERPOSE FILE* fopen(const char* path, const char* mode) {
  return open_stream(path, mode);
}

CULVERT_INTERPOSE FILE* fopen64(const char* path, const char* mode) {
  return open_stream(path, mode);
}

CULVERT_INTERPOSE int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_file(path, flags, mode);
}

CULVERT_INTERPOSE int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_file(path, flags | O_LARGEFILE, mode);
}
