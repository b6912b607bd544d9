// tunnel/loop/local_address.h: where a socket is bound, or is connected from.
#pragma once
#include "tunnel/base/address.h"

namespace culvert::loop {

SocketAddress local_address(int fd);  // unspecified, port 0: not a socket of IP

}  // namespace culvert::loop
