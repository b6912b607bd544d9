#include "tunnel/portmap/mapping.h"

namespace culvert::portmap {

std::string_view to_string(Protocol protocol) { return protocol == Protocol::kTcp ? "tcp" : "udp"; }

std::string_view to_string(Method method) {
  switch (method) {
    case Method::kPcp: return "PCP";
    case Method::kNatPmp: return "NAT-PMP";
    case Method::kUpnp: break;
  }
  return "UPnP";
}

}  // namespace culvert::portmap
