#include "tunnel/restart/bundle.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace culvert::restart {
namespace {

constexpr std::size_t kMostInMessage = 253;  // SCM_MAX_FD of the kernel

struct Message {
  Message() {
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
  }
  char octet = 0;
  iovec part{&octet, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMostInMessage * sizeof(int))> control{};
  msghdr header{};
};

int option(int fd, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  return ::getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

bool send_some(int to, std::span<const int> sockets) {
  Message message;
  const auto octets = sockets.size() * sizeof(int);
  message.header.msg_controllen = CMSG_SPACE(octets);
  auto* const rights = CMSG_FIRSTHDR(&message.header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(octets);
  std::memcpy(CMSG_DATA(rights), sockets.data(), octets);
  return ::sendmsg(to, &message.header, MSG_DONTWAIT | MSG_NOSIGNAL) == 1;
}

}  // namespace

Result<UniqueFd> pack(std::span<const int>& sockets) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
    return fail(ErrorCode::kIo, std::string("cannot make a socket pair: ") + std::strerror(errno));
  const UniqueFd in(pair[0]);
  UniqueFd out(pair[1]);
  const auto before = sockets.size();
  while (!sockets.empty()) {
    const auto some = sockets.first(std::min(sockets.size(), kMostInMessage));
    if (!send_some(in.get(), some)) break;  // the queue is full, or a limit of the user is reached
    sockets = sockets.subspan(some.size());
  }
  if (sockets.size() == before)
    return fail(ErrorCode::kIo, std::string("cannot pack sockets: ") + std::strerror(errno));
  return out;
}

bool is_bundle(int fd) {
  return option(fd, SO_DOMAIN) == AF_UNIX && option(fd, SO_TYPE) == SOCK_SEQPACKET &&
         option(fd, SO_ACCEPTCONN) == 0;
}

void unpack(UniqueFd bundle, Inherited& into) {
  while (true) {
    Message message;
    if (::recvmsg(bundle.get(), &message.header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) <= 0) return;
    for (auto* part = CMSG_FIRSTHDR(&message.header); part != nullptr;
         part = CMSG_NXTHDR(&message.header, part)) {
      if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
      const auto count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (std::size_t i = 0; i < count; ++i) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof fd);
        into.add(UniqueFd(fd));
      }
    }
  }
}

}  // namespace culvert::restart
