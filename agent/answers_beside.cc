#include "agent/answers_beside.h"

#include "agent/inbound_datagrams.h"
#include "tunnel/base/log.h"
#include "tunnel/loop/local_address.h"

namespace culvert::agent {

AnswersBeside::AnswersBeside(loop::Loop& loop, session::SessionLink& link, Asked asked,
                             UniqueFd socket, flow::DatagramFlows& flows, Judge& judge)
    : link_(link),
      asked_(asked),
      flows_(flows),
      judge_(judge),
      socket_(loop, std::move(socket), static_cast<loop::UdpSocket::Listener&>(*this)),
      local_(loop::local_address(socket_.fd())) {}

void AnswersBeside::on_received(loop::UdpSocket&, const SocketAddress& from, Bytes data,
                                std::size_t segment) {
  const auto stream = stream_for(from);
  if (!stream) return;
  loop::for_each_datagram(data, segment, [&](Bytes one) { link_.send_datagram(*stream, one); });
}

// Later ones reach a socket of their own (flows_); here come those that were sent before that one
// was there.
std::optional<mux::StreamId> AnswersBeside::stream_for(const SocketAddress& from) {
  if (const auto found = begun_.find(from);
      found != begun_.end() && link_.streams().knows(found->second))
    return found->second;
  std::erase_if(begun_, [&](const auto& entry) { return !link_.streams().knows(entry.second); });
  if (begun_.size() >= kMost || !judge_.may_answer(from, local_, asked_.at)) return std::nullopt;
  if (from.port == asked_.port) return asked_.stream;  // the same to the caller
  return open_stream(from);
}

std::optional<mux::StreamId> AnswersBeside::open_stream(const SocketAddress& from) {
  auto socket = open_inbound_beside(local_, from);
  if (!socket) {
    log::warning(
        "datagrams",
        {{"event", "not-answered"}, {"from", from.to_string()}, {"why", socket.error().detail}});
    return std::nullopt;
  }
  const control::Target target{control::Target::Kind::kBesideUdp, "", from.port,
                               static_cast<std::uint32_t>(asked_.stream)};
  const auto stream = link_.streams().open(control::encode(target));
  if (!stream) return std::nullopt;
  flows_.add(link_, *stream, std::move(*socket));
  begun_[from] = *stream;
  return *stream;
}

}  // namespace culvert::agent
