// shim/keep_errno.h: errno is part of what a hook returns: a call that succeeds leaves the
// program's errno alone, whatever happened inside.
#pragma once
#include <errno.h>

namespace culvert::shim {

class KeepErrno {
 public:
  KeepErrno() : saved_(errno) {}
  KeepErrno(const KeepErrno&) = delete;
  KeepErrno& operator=(const KeepErrno&) = delete;
  ~KeepErrno() { errno = saved_; }

  // For `return keep.failed(error)` of a hook that fails.
  int failed(int error) {
    saved_ = error;
    return -1;
  }
  // For a real call's result: its errno stands if it failed.
  template <typename Number>
  Number result(Number value) {
    if (value < 0) saved_ = errno;
    return value;
  }

 private:
  int saved_;
};

}  // namespace culvert::shim
