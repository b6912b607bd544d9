// shim/own_address.h: where connects to virtual addresses come from: this machine's own virtual
// address. getsockname() then shows what the far end sees as its caller and can call back: FTP's
// PORT, a telephone's Contact and SDP name the address that their own socket has.
//
// Knows CULVERT_OWN alone; without it everything comes from 127.0.0.1, as the kernel chooses.
#pragma once
#include <sys/socket.h>

namespace culvert::shim {

// A socket bound to a device (SO_BINDTODEVICE) reaches no address of 127.0.0.0/8, whatever network
// the far end is in: it is set free, as far as the program may do that itself (CAP_NET_RAW).
void leave_device(int fd);

// Binds a socket that has neither address nor port yet; a port is chosen by connect(). Does nothing
// to one that the program has bound itself.
void take_own_address(int fd);
bool has_own_address(int fd);

// Of what getsockname() has just written: 127.0.0.1 of a socket that its program had bound to every
// address, and that is connected to a virtual one, becomes this machine's own.
void show_own_address(int fd, sockaddr* address, socklen_t length);

// connect() to what is no virtual address. Where the kernel says EINVAL: a socket that had first
// been connected to a virtual one cannot leave this machine from there (loopback is no source for
// other interfaces), so it has to leave that address first. EINVAL of an address that is too short,
// or of a TCP socket that is in use, is what it is: nothing is touched.
int connect_elsewhere(int fd, const sockaddr* address, socklen_t length);

}  // namespace culvert::shim
