// agent/enclosure_network.h: what the network namespace of an enclosed program looks like: a
// loopback interface on which every address is at home, and rules that swallow the SYNs and catch
// the datagrams which the program sends to anybody outside of its namespace. So a connect() stays
// in SYN_SENT, whatever its destination, until the porter has carried it out.
#pragma once
#include <optional>
#include <string>

#include "tunnel/base/address.h"

namespace culvert::agent {

inline constexpr std::uint32_t kPorterMark = 0x43756c76;       // of the porter's own packets
inline constexpr std::uint16_t kDatagramPort = 1;              // where caught datagrams go, on ...
inline constexpr std::uint32_t kDatagramAddress = 0x7f000001;  // ... 127.0.0.1

struct EnclosureNetwork {
  IpPrefix pool;          // nothing inside listens there, whatever is bound to 0.0.0.0
  IpAddress own_address;  // the program's, towards everybody but 127.0.0.0/8
  std::optional<IpAddress> own_virtual;  // its own towards the pool; none: 127.0.0.1
};

// The address that this machine would call others from; one that nobody has (RFC 7600) without a
// default route. Sends nothing.
IpAddress usual_own_address();

// In the calling thread's namespace, which must be fresh. Needs CAP_NET_ADMIN there, and
// libnftables, which is loaded only now. The error says what is missing.
Result<void> set_up_enclosure_network(const EnclosureNetwork& network);
std::string enclosure_rules(const EnclosureNetwork& network);  // in the language of nft(8)

}  // namespace culvert::agent
