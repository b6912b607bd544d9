// service/far_end.h: whether a connected socket has left this machine, whatever its address looked
// like (an address added a moment ago, a route to loopback).
#pragma once
#include "service/guard.h"
#include "tunnel/base/unique_fd.h"

namespace culvert::service {

// kNotPermitted: both ends have one address, and the guard does not allow it. kReset: it is not
// connected any more.
Result<void> check_far_end(const Guard& guard, const UniqueFd& connected);

}  // namespace culvert::service
