// agent/passed_descriptor.h: messages of unix sockets with one descriptor beside them (unix(7),
// SCM_RIGHTS). Never wait longer than the socket itself, never raise SIGPIPE.
#pragma once
#include <sys/types.h>

#include "tunnel/base/bytes.h"
#include "tunnel/base/unique_fd.h"

namespace culvert::agent {

// `passed`: -1: none. False: errno says why the message did not leave whole.
bool send_passing(int socket, Bytes data, int passed);

// As recvmsg(2). The first descriptor is kept, close-on-exec; any more the kernel closes.
ssize_t receive_passed(int socket, MutableBytes into, int flags, UniqueFd& passed);

}  // namespace culvert::agent
