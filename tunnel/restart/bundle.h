// tunnel/restart/bundle.h: many descriptors inside one: the queue of a unix socket, into which they
// were sent (SCM_RIGHTS). When the last holder of the bundle closes it, the kernel closes them.
//
// The reason: systemd 252 compares every descriptor it is to keep with all that it has for the
// unit. Measured: 500 take 0.13 s, 1000 0.5 s, so 16,000 would stop process 1 for two minutes. A
// queue takes some 40,000 of them.
#pragma once
#include <span>

#include "tunnel/base/result.h"
#include "tunnel/restart/sockets.h"

namespace culvert::restart {

// Takes off the front of `sockets` what one bundle has room for. Never a bundle or another unix
// socket: the kernel's collector of unreachable ones need not know of ours.
Result<UniqueFd> pack(std::span<const int>& sockets);
bool is_bundle(int fd);
void unpack(UniqueFd bundle, Inherited& into);

}  // namespace culvert::restart
