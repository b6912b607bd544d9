// shim/hook_errors.cc: getsockopt(SO_ERROR), how a program learns why its non-blocking connect
// failed. An agent without CAP_NET_RAW can only make the kernel say ECONNRESET, and none can make
// it say ETIMEDOUT: the true errno is asked for, and only when the kernel has an error to tell.
#include <string.h>
#include <sys/socket.h>

#include "shim/export.h"
#include "shim/keep_errno.h"
#include "shim/prepared_connect.h"
#include "shim/real.h"
#include "shim/settings.h"
#include "shim/socket_facts.h"

namespace culvert::shim {
namespace {

void put_true_error(int fd, void* value) {
  const KeepErrno keep;
  int error;
  memcpy(&error, value, sizeof error);
  if (error == 0 || !is_tcp(fd)) return;
  error = true_error(fd, error);
  memcpy(value, &error, sizeof error);
}

}  // namespace
}  // namespace culvert::shim

CULVERT_INTERPOSE int getsockopt(int fd, int level, int name, void* value,
                                 socklen_t* length) noexcept {
  using namespace culvert::shim;
  const int result = real.getsockopt(fd, level, name, value, length);
  const bool is_error = level == SOL_SOCKET && name == SO_ERROR;
  // The kernel has just written both, so they can be read.
  if (is_error && result == 0 && settings.active && *length == sizeof(int))
    put_true_error(fd, value);
  return result;
}
