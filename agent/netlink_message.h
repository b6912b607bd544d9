// agent/netlink_message.h: cuts netlink datagrams into messages (the kernel's NLMSG_ macros, as
// bounds-checked values). Does no I/O.
#pragma once
#include <linux/netlink.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "tunnel/base/bytes.h"

namespace culvert::agent {

struct NetlinkMessage {
  nlmsghdr header{};
  Bytes payload;  // borrowed

  template <class T>
  std::optional<T> load() const {
    if (payload.size() < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, payload.data(), sizeof value);
    return value;
  }
};

// Takes one message off the front of `left`; nullopt when there is no whole one any more.
inline std::optional<NetlinkMessage> take_netlink_message(Bytes& left) {
  NetlinkMessage message;
  if (left.size() < sizeof message.header) return std::nullopt;
  std::memcpy(&message.header, left.data(), sizeof message.header);
  const std::size_t size = message.header.nlmsg_len;
  if (size < sizeof message.header || size > left.size()) return std::nullopt;
  message.payload = left.subspan(NLMSG_HDRLEN, size - std::min<std::size_t>(size, NLMSG_HDRLEN));
  left = left.subspan(std::min<std::size_t>(NLMSG_ALIGN(size), left.size()));
  return message;
}

}  // namespace culvert::agent
