#include "agent/shim_packet.h"

#include <pthread.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>

#include "agent/passed_descriptor.h"

namespace culvert::agent {
namespace {

// close() of a file waits for whoever serves it (FUSE): that would be an asker who stops the loop.
void close_beside(UniqueFd file) {
  const auto close_it = [](void* fd) -> void* {
    ::close(static_cast<int>(reinterpret_cast<std::intptr_t>(fd)));
    return nullptr;
  };
  const int fd = file.release();
  pthread_t closer{};
  if (pthread_create(&closer, nullptr, close_it, reinterpret_cast<void*>(std::intptr_t{fd})) == 0)
    pthread_detach(closer);
}

std::uint64_t cookie_of(UniqueFd shown) {
  std::uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  if (getsockopt(shown.get(), SOL_SOCKET, SO_COOKIE, &cookie, &length) == 0) return cookie;
  close_beside(std::move(shown));
  return 0;
}

ssize_t receive(int socket, ReceivedPacket& packet) {
  UniqueFd shown;
  const auto size = receive_passed(socket, packet.data, MSG_DONTWAIT, shown);
  if (shown) packet.shown = cookie_of(std::move(shown));
  return size;
}

}  // namespace

ReceivedPacket receive_packet(int socket) {
  ReceivedPacket packet;
  const auto look = [&] { return receive(socket, packet); };
  auto size = look();
  // Linux looks for a message, and then whether the other end has hung up (unix_dgram_recvmsg()):
  // one that came in between, with the end behind it, is there at a second look (one in 100,000
  // connects hung without it).
  if (size == 0) size = look();
  if (size < 0)
    packet.nothing_yet = errno == EAGAIN || errno == EINTR;
  else
    packet.size = static_cast<std::size_t>(size);
  return packet;
}

bool send_answer(int socket, const culvert_answer_packet& answer) {
  return send(socket, &answer, sizeof answer, MSG_NOSIGNAL | MSG_DONTWAIT) ==
         static_cast<ssize_t>(sizeof answer);
}

}  // namespace culvert::agent
