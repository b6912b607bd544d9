// agent/route_request.h: one rtnetlink request (rtnetlink(7)) and the kernel's answer to it.
#pragma once
#include <linux/rtnetlink.h>

#include <cstdint>

#include "tunnel/base/bytes.h"

namespace culvert::agent {

class RouteRequest {
 public:
  template <class Body>
  RouteRequest(std::uint16_t type, const Body& body, std::uint16_t flags = NLM_F_CREATE) {
    header_.nlmsg_type = type;
    header_.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
    add(&header_, sizeof header_);
    add(&body, sizeof body);
  }
  void attribute(std::uint16_t type, std::uint32_t value);
  int send();  // 0 or an errno

 private:
  void add(const void* from, std::size_t size);
  nlmsghdr header_{};
  ByteVector bytes_;
};

}  // namespace culvert::agent
