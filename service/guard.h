// service/guard.h: which addresses the service may connect to on behalf of others (S1-S3, S5).
//
// Sans-IO. Judges addresses, never names: whoever resolves asks about every single address that
// is then handed to connect(), each time (a name that answers differently the second time gains
// nothing). By default only globally routable unicast is permitted; the administrator opens more
// with forwarding.allow, and closes more with forwarding.deny, which always wins. The service's
// own front door is never reachable through itself.
#pragma once
#include <set>
#include <string>
#include <vector>

#include "tunnel/base/address.h"

namespace culvert::service {

// Whose wish a destination is: an endpoint's, or the administrator's, who has written that very
// host into the configuration, so that nothing need be opened for everybody.
enum class NamedBy : std::uint8_t { kEndpoint, kAdministrator };

class Guard {
 public:
  Guard(std::vector<IpPrefix> allow, std::vector<IpPrefix> deny);

  // This machine's addresses and the front door's ports, as they are now.
  void set_own(std::set<IpAddress> addresses, std::set<std::uint16_t> front_door_ports);

  // The address to hand to connect(): mapped and tunnelled forms come back as the IPv4 address
  // they reach, so that nothing else can be reached than what was judged. kNotPermitted: why not.
  Result<SocketAddress> check(const SocketAddress& wanted,
                              NamedBy named_by = NamedBy::kEndpoint) const;

  // For a connection that turned out to end on this machine although no own address was asked for.
  Result<void> check_local_end(const SocketAddress& connected) const;

  // This machine itself: loopback, or an address of an interface.
  bool is_own(const IpAddress& address) const;

 private:
  Result<void> check_meaning(const SocketAddress& meant, NamedBy named_by) const;

  std::vector<IpPrefix> allow_, deny_;
  std::set<IpAddress> own_;
  std::set<std::uint16_t> front_door_ports_;
};

}  // namespace culvert::service
