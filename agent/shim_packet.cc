#include "agent/shim_packet.h"

#include <sys/socket.h>

#include <cerrno>

namespace culvert::agent {

ReceivedPacket receive_packet(int socket) {
  ReceivedPacket packet;
  const auto look = [&] {
    return recv(socket, packet.data.data(), packet.data.size(), MSG_DONTWAIT);
  };
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
