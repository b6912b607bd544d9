// shim/hook_open.cc: opening /etc/resolv.conf to read it: the view of it. By all the names that
// libc has for this: programs compiled with _FORTIFY_SOURCE call __open_2() and its like where the
// compiler does not know the flags, others libc's own name for it. Every other path costs a
// comparison.
#include <fcntl.h>
#include <stdarg.h>

#include "shim/export.h"
#include "shim/keep_errno.h"
#include "shim/real.h"
#include "shim/resolver_view.h"

namespace culvert::shim {
namespace {

// -1: it is not that file, or has no view here.
int open_view(const char* path, int flags) {
  if (!is_resolver_file(path, flags)) return -1;
  const KeepErrno keep;
  return open_resolver_view(flags);
}

int open_file(const char* path, int flags, mode_t mode) {
  const int view = open_view(path, flags);
  return view >= 0 ? view : real.open(path, flags, mode);
}

int open_file_at(int directory, const char* path, int flags, mode_t mode) {
  const int view = open_view(path, flags);
  return view >= 0 ? view : real.openat(directory, path, flags, mode);
}

// The real ones end the program where the flags want a mode.
int open_checked_file(const char* path, int flags) {
  const int view = open_view(path, flags);
  return view >= 0 ? view : real.checked_open(path, flags);
}

int open_checked_file_at(int directory, const char* path, int flags) {
  const int view = open_view(path, flags);
  return view >= 0 ? view : real.checked_openat(directory, path, flags);
}

// As libc does: the last argument is there only if a file may be made.
mode_t mode_of(int flags, va_list arguments) {
  const bool made = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
  return made ? va_arg(arguments, mode_t) : 0;
}

}  // namespace
}  // namespace culvert::shim

using namespace culvert::shim;

#define CULVERT_WITH_MODE(call)                  \
  va_list arguments;                             \
  va_start(arguments, flags);                    \
  const mode_t mode = mode_of(flags, arguments); \
  va_end(arguments);                             \
  return call

CULVERT_INTERPOSE int open(const char* path, int flags, ...) {
  CULVERT_WITH_MODE(open_file(path, flags, mode));
}

CULVERT_INTERPOSE int open64(const char* path, int flags, ...) {
  CULVERT_WITH_MODE(open_file(path, flags | O_LARGEFILE, mode));
}

CULVERT_INTERPOSE int __open(const char* path, int flags, ...) {
  CULVERT_WITH_MODE(open_file(path, flags, mode));
}

CULVERT_INTERPOSE int __open64(const char* path, int flags, ...) {
  CULVERT_WITH_MODE(open_file(path, flags | O_LARGEFILE, mode));
}

CULVERT_INTERPOSE int openat(int directory, const char* path, int flags, ...) {
  CULVERT_WITH_MODE(open_file_at(directory, path, flags, mode));
}

CULVERT_INTERPOSE int openat64(int directory, const char* path, int flags, ...) {
  CULVERT_WITH_MODE(open_file_at(directory, path, flags | O_LARGEFILE, mode));
}

CULVERT_INTERPOSE int __open_2(const char* path, int flags) {
  return open_checked_file(path, flags);
}

CULVERT_INTERPOSE int __open64_2(const char* path, int flags) {
  return open_checked_file(path, flags | O_LARGEFILE);
}

CULVERT_INTERPOSE int __openat_2(int directory, const char* path, int flags) {
  return open_checked_file_at(directory, path, flags);
}

CULVERT_INTERPOSE int __openat64_2(int directory, const char* path, int flags) {
  return open_checked_file_at(directory, path, flags | O_LARGEFILE);
}
