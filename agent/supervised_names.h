// agent/supervised_names.h: a supervised program (agent/supervision.h) has its own resolver and the
// machine's resolv.conf: what it sends to a name server of that goes to the agent's instead, and
// the answers show the server it has asked. May be used by several threads.
#pragma once
#include <sys/socket.h>

#include <optional>

#include "agent/socket_map.h"
#include "tunnel/base/address.h"

namespace culvert::agent {

struct ProgramAddress {  // as a program wrote it, or is to read it
  sockaddr_storage storage{};
  socklen_t length = 0;
  SocketAddress value() const;  // a v4-mapped one is IPv4
  bool is_internet() const;
};

// In the form that a socket of that family takes.
ProgramAddress as_family(const SocketAddress& address, int family);

class SupervisedNames {
 public:
  explicit SupervisedNames(std::optional<SocketAddress> agents) : agents_(agents) {}
  // Whether `to` is the agent's name server, or one that this machine's programs ask.
  bool is_name_server(const SocketAddress& to) const;
  const std::optional<SocketAddress>& agents() const { return agents_; }

  // By SO_COOKIE: whom the socket has asked.
  void remember(std::uint64_t socket, const ProgramAddress& asked) {
    asked_.remember(socket, asked);
  }
  bool none_asked() const { return asked_.empty(); }
  std::optional<ProgramAddress> asked_by(std::uint64_t socket) const { return asked_.find(socket); }

 private:
  std::optional<SocketAddress> agents_;
  SocketMap<ProgramAddress> asked_;
};

}  // namespace culvert::agent
