// shim/hook_fopen.cc: streams of /etc/resolv.conf (hook_open.cc): fopen(), and freopen(), which
// leaves the stream and the number of its descriptor to the program, and exchanges what they stand
// for.
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/export.h"
#include "shim/keep_errno.h"
#include "shim/real.h"
#include "shim/resolver_view.h"

namespace culvert::shim {
namespace {

int open_view(const char* path, const char* mode) {
  const bool reads = mode != nullptr && mode[0] == 'r' && strchr(mode, '+') == nullptr;
  if (!reads || !is_resolver_file(path, O_RDONLY)) return -1;
  const KeepErrno keep;
  return open_resolver_view(strchr(mode, 'e') != nullptr ? O_CLOEXEC : 0);
}

FILE* open_stream(const char* path, const char* mode) {
  if (real.fopen == nullptr) find_real_functions();
  const int view = open_view(path, mode);
  FILE* stream = view < 0 ? nullptr : fdopen(view, "r");
  if (stream != nullptr) return stream;
  if (view >= 0) close(view);
  return real.fopen(path, mode);
}

// It is opened by its name in /proc: where that is hidden, the stream must not be closed in vain.
FILE* reopen_stream(const char* path, const char* mode, FILE* stream) {
  if (real.freopen == nullptr) find_real_functions();
  const int view = open_view(path, mode);
  if (view < 0) return real.freopen(path, mode, stream);
  char name[32];
  snprintf(name, sizeof name, "/proc/self/fd/%d", view);
  const bool is_there = syscall(SYS_faccessat, AT_FDCWD, name, R_OK) == 0;
  FILE* const reopened = real.freopen(is_there ? name : path, mode, stream);
  const KeepErrno keep;
  close(view);
  return reopened;
}

}  // namespace
}  // namespace culvert::shim

using culvert::shim::open_stream;
using culvert::shim::reopen_stream;

CULVERT_INTERPOSE FILE* fopen(const char* path, const char* mode) {
  return open_stream(path, mode);
}

CULVERT_INTERPOSE FILE* fopen64(const char* path, const char* mode) {
  return open_stream(path, mode);
}

CULVERT_INTERPOSE FILE* _IO_fopen(const char* path, const char* mode) {
  return open_stream(path, mode);
}

CULVERT_INTERPOSE FILE* freopen(const char* path, const char* mode, FILE* stream) {
  return reopen_stream(path, mode, stream);
}

CULVERT_INTERPOSE FILE* freopen64(const char* path, const char* mode, FILE* stream) {
  return reopen_stream(path, mode, stream);
}
