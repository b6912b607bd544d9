#include "service/far_end.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace culvert::service {

Result<void> check_far_end(const Guard& guard, const UniqueFd& connected) {
  sockaddr_storage local{}, remote{};
  socklen_t local_size = sizeof local, remote_size = sizeof remote;
  if (::getsockname(connected.get(), reinterpret_cast<sockaddr*>(&local), &local_size) != 0 ||
      ::getpeername(connected.get(), reinterpret_cast<sockaddr*>(&remote), &remote_size) != 0)
    return fail(ErrorCode::kReset, std::strerror(errno));
  const auto end = SocketAddress::from(reinterpret_cast<sockaddr*>(&remote));
  if (SocketAddress::from(reinterpret_cast<sockaddr*>(&local)).ip != end.ip) return {};
  return guard.check_local_end(end);
}

}  // namespace culvert::service
