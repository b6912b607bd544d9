// shim/socket_facts.h: what the kernel knows about a program's socket. The shim keeps no table of
// sockets: such tables go wrong with dup, fork, exec and SCM_RIGHTS.
#pragma once
#include <netinet/tcp.h>
#include <stdint.h>

#include "shim/wire.h"

namespace culvert::shim {

bool is_tcp(int fd, int family);  // AF_INET or AF_INET6
bool is_tcp(int fd);              // either
bool is_udp(int fd);              // of either family
bool is_connected(int fd);        // or was it, of TCP
int tcp_state(int fd);            // TCP_CLOSE, TCP_SYN_SENT ... ; -1 if it cannot be told
uint64_t socket_cookie(int fd);   // 0 if it has none
unsigned poll_events(int fd);     // POLLERR, POLLHUP, POLLRDHUP
// Clears it, as getsockopt(SO_ERROR) does. Not through the program's interposed getsockopt.
int take_pending_error(int fd);

// Dissolves its connection, or what is left of one (AF_UNSPEC). Keeps errno.
void leave_peer(int fd);

// Whether the socket can connect to an IPv4 address. One of IPv6 alone (IPV6_V6ONLY) becomes one of
// both, which is possible until it is bound; one bound to an IPv6 address cannot.
bool may_reach_pool(int fd);

// Whether a listener takes connections by IPv6 alone.
bool is_v6_alone(int fd);

// Puts the socket's local address into the question; a v4-mapped one as AF_INET.
bool put_local_address(int fd, culvert_question_packet& question);

}  // namespace culvert::shim
