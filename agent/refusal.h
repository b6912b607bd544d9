// agent/refusal.h: answers a program's SYN as the far end's network would: with a RST (RFC 9293
// section 3.10.7.1) or an ICMP "unreachable" (RFC 1122 section 3.2.2.1), forged from the virtual
// address. The program's kernel then reports the true errno by itself. Needs CAP_NET_RAW.
#pragma once
#include <cstdint>

#include "agent/ip_packet.h"
#include "tunnel/base/address.h"
#include "tunnel/base/bytes.h"
#include "tunnel/base/unique_fd.h"

namespace culvert::agent {

struct HeldSyn {
  SocketAddress program, held;
  std::uint32_t sequence = 0;
};

ByteVector make_reset(const HeldSyn& syn);
ByteVector make_unreachable(const HeldSyn& syn, IcmpUnreachable code);

class Refusal {
 public:
  static Result<Refusal> open(std::uint32_t mark = 0);  // SO_MARK of what is sent
  bool send(const IpAddress& program, Bytes packet);

 private:
  UniqueFd fd_;
};

}  // namespace culvert::agent
