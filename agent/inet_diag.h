// agent/inet_diag.h: what the kernel knows about the TCP and UDP sockets of this network namespace.
// Needs no privilege. Each call asks and gets its answer at once (netlink answers in the caller's
// context, about 5 us for one socket).
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "agent/protocol.h"
#include "tunnel/base/address.h"
#include "tunnel/base/unique_fd.h"

namespace culvert::agent {

struct DiagSocket {
  std::uint64_t cookie = 0;  // SO_COOKIE: never reused while the machine is up
  SocketAddress local, remote;
  bool v6 = false;         // an AF_INET6 socket (its addresses may be IPv4 all the same)
  bool v6_only = false;    // IPV6_V6ONLY; told of listeners only
  std::uint8_t state = 0;  // TCP_SYN_SENT, TCP_LISTEN ...
  uid_t uid = 0;
  std::uint64_t inode = 0;
};

class InetDiag {
 public:
  InetDiag();
  // The socket with these addresses and this cookie; nothing if there is no such socket.
  std::optional<DiagSocket> find(const SocketAddress& local, const SocketAddress& remote,
                                 std::uint64_t cookie);
  // Whatever socket has these addresses; of UDP, which one a datagram from `remote` to `local`
  // would reach.
  std::optional<DiagSocket> find_any(Protocol protocol, const SocketAddress& local,
                                     const SocketAddress& remote);
  // The one with this address and cookie that listens; of UDP, that anybody may send to. Nothing:
  // there is none, or another one with this address is found in its place.
  std::optional<DiagSocket> find_listener(Protocol protocol, const SocketAddress& local,
                                          std::uint64_t cookie);
  // Those that listen; of UDP all. Of all users, both families.
  Result<std::vector<DiagSocket>> listeners(Protocol protocol = Protocol::kTcp);

 private:
  bool ask(const void* request, std::size_t size);
  template <class Accept>
  std::optional<DiagSocket> look_up(int protocol, const SocketAddress& local,
                                    const SocketAddress& remote, std::uint64_t cookie,
                                    Accept accept);
  Result<void> dump(std::uint8_t family, Protocol protocol, std::vector<DiagSocket>& into);
  UniqueFd fd_;
  std::uint32_t sequence_ = 0;
};

}  // namespace culvert::agent
