#include "agent/route_request.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "tunnel/base/unique_fd.h"

namespace culvert::agent {

void RouteRequest::add(const void* from, std::size_t size) {
  const auto* octets = static_cast<const std::byte*>(from);
  bytes_.insert(bytes_.end(), octets, octets + size);
  bytes_.resize(NLMSG_ALIGN(bytes_.size()));
}

void RouteRequest::attribute(std::uint16_t type, std::uint32_t value) {
  const rtattr head{RTA_LENGTH(sizeof value), type};
  add(&head, sizeof head);
  add(&value, sizeof value);
}

int RouteRequest::send() {
  header_.nlmsg_len = static_cast<std::uint32_t>(bytes_.size());
  std::memcpy(bytes_.data(), &header_, sizeof header_);
  const UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  struct {
    nlmsghdr header;
    nlmsgerr error;
  } answer{};
  if (!fd || ::send(fd.get(), bytes_.data(), bytes_.size(), 0) < 0) return errno;
  if (::recv(fd.get(), &answer, sizeof answer, 0) < 0) return errno;
  return answer.header.nlmsg_type == NLMSG_ERROR ? -answer.error.error : EPROTO;
}

}  // namespace culvert::agent
