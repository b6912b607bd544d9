#include "agent/fresh_mapping.h"

#include <algorithm>

namespace culvert::agent {
namespace {

std::vector<stun::Survey::Question> question_to(const std::optional<SocketAddress>& server) {
  if (!server) return {};
  return {{0, *server}};
}

}  // namespace

FreshMapping::FreshMapping(const OwnEndpoint& self, UdpPlace& udp, const loop::UdpSocket& socket,
                           const std::optional<SocketAddress>& server, Listener& listener)
    : self_(self),
      udp_(udp),
      socket_(socket),
      listener_(listener),
      survey_(question_to(server), self.random),
      timer_(self.loop, *this) {
  udp_.add_ear(*this);
  timer_.start(Duration::zero());
}

FreshMapping::~FreshMapping() { udp_.remove_ear(*this); }

bool FreshMapping::on_stun(const loop::UdpSocket& socket, const SocketAddress& from,
                           Bytes message) {
  if (&socket != &socket_ || !survey_.receive(message, from)) return false;
  timer_.start(Duration::zero());
  return true;
}

void FreshMapping::on_timer(loop::Timer&) {
  while (const auto one = survey_.next(self_.loop.now()))
    send_packets(socket_.fd(), survey_.questions()[one->question].server, {one->message});
  if (const auto due = survey_.next_deadline())
    return timer_.start(std::max(*due - self_.loop.now(), Duration::zero()));
  listener_.on_fresh_mapping(survey_.mapped().empty() ? std::nullopt : survey_.mapped().front());
}

}  // namespace culvert::agent
