#include "agent/program_join.h"

#include <cerrno>
#include <cstring>
#include <optional>

#include "tunnel/loop/tcp_socket.h"

namespace culvert::agent {
namespace {

enum class Hearing { kNormal, kDeaf };

Result<UniqueFd> open_towards(const SocketAddress& program, const SocketAddress& from,
                              Hearing hearing) {
  const auto failed = [&](const char* what) {
    const int error = errno;
    return fail(from_errno(error), "cannot " + std::string(what) + " to join the connection to " +
                                       from.to_string() + ": " + std::strerror(error));
  };
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return failed("make a socket");
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);  // beside the hold listener
  const int farthest = 255;                                        // a TTL that answers do not have
  if (hearing == Hearing::kDeaf)
    setsockopt(fd.get(), IPPROTO_IP, IP_MINTTL, &farthest, sizeof farthest);
  else
    loop::tune_local_leg(fd.get());
  sockaddr_storage address{};
  auto length = from.fill(address);
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0) return failed("bind");
  length = program.fill(address);
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0 && errno != EINPROGRESS)
    return failed("connect");
  return fd;
}

}  // namespace

Result<UniqueFd> join_program(const SocketAddress& program, const SocketAddress& from) {
  return open_towards(program, from, Hearing::kNormal);
}

int join_outcome(const UniqueFd& ours, const SocketAddress& program) {
  sockaddr_storage address{};
  const auto length = program.fill(address);
  const int result = connect(ours.get(), reinterpret_cast<sockaddr*>(&address), length);
  return result == 0 || errno == EISCONN ? 0 : errno;
}

Result<UniqueFd> reset_program(const SocketAddress& program, const SocketAddress& from) {
  if (auto deaf = open_towards(program, from, Hearing::kDeaf); !deaf) return deaf;
  return open_towards(program, from, Hearing::kNormal);
}

}  // namespace culvert::agent
