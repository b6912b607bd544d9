#include "agent/shim_packet.h"

#include <sys/socket.h>

#include <cerrno>

namespace culvert::agent {

ReceivedPacket receive_packet(int socket) {
  ReceivedPacket packet;
  const auto size = recv(socket, packet.data.data(), packet.data.size(), MSG_DONTWAIT);
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
