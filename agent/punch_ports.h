// agent/punch_ports.h: further ports at which connections of peers are taken. Barriers remember a
// connection that has died between the same two ports, as long as five days, and let no SYN from
// outside in for it; between others they begin anew.
#pragma once
#include <cstdint>

#include "tunnel/base/time.h"

namespace culvert::agent {

class PunchPorts {
 public:
  // One that was not open at that time yet; 0: there is none. Closed when others are asked for.
  virtual std::uint16_t port_since(TimePoint when) = 0;
  // 443, for a few seconds; 0: it is taken, must not be bound, or was asked for just now.
  virtual std::uint16_t web_port() = 0;

 protected:
  ~PunchPorts() = default;
};

}  // namespace culvert::agent
