// tunnel/portmap/mapping.h: the words of port mapping: a port of this machine, and where a gateway
// lets it be reached from outside.
#pragma once
#include <string>
#include <string_view>

#include "tunnel/base/address.h"
#include "tunnel/base/time.h"

namespace culvert::portmap {

enum class Protocol : std::uint8_t { kTcp = 6, kUdp = 17 };  // IANA's protocol numbers
std::string_view to_string(Protocol protocol);               // "tcp", "udp"

// In order of preference: the better of them tell of a restart, and need no XML.
enum class Method : std::uint8_t {
  kPcp,     // RFC 6887
  kNatPmp,  // RFC 6886
  kUpnp,    // UPnP Internet Gateway Device, WANIPConnection
};
inline constexpr std::size_t kMethods = 3;
std::string_view to_string(Method method);  // "PCP", "NAT-PMP", "UPnP"

inline constexpr std::uint16_t kServerPort = 5351;        // of PCP and NAT-PMP
inline constexpr std::uint16_t kAnnouncementPort = 5350;  // gateways multicast there, to 224.0.0.1
inline constexpr std::uint16_t kSsdpPort = 1900;
inline const IpAddress kSsdpGroup = IpAddress::v4(0xeffffffa);  // 239.255.255.250

// The way out of one network, and our own address in it. Of one family.
struct Network {
  IpAddress gateway, own;
  unsigned interface = 0;  // where a gateway with a link-local address is
  bool operator==(const Network&) const = default;
};

struct Port {  // of this machine
  Protocol protocol = Protocol::kTcp;
  std::uint16_t number = 0;
  bool operator==(const Port&) const = default;
};

struct Mapping {
  SocketAddress external;  // as the gateway says; nobody has tried it
  Method method = Method::kPcp;
  TimePoint expires_at;
  std::uint32_t generation = 0;  // made anew when the gateway was restarted: another number
  bool operator==(const Mapping&) const = default;
};

}  // namespace culvert::portmap
