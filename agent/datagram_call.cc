#include "agent/datagram_call.h"

#include "agent/answers_beside.h"
#include "agent/inbound_datagrams.h"
#include "tunnel/loop/local_address.h"

namespace culvert::agent {

Result<void> serve_datagrams(const DatagramServers& servers, const DatagramCall& call,
                             flow::DatagramFlows& flows) {
  const auto& [link, stream, target, from] = call;
  const auto to = servers.publisher.target(target.port);
  if (!to)
    return fail(ErrorCode::kRefused,
                "UDP port " + std::to_string(target.port) + " is not published");
  if (to->passed) {
    auto sender = servers.senders.open({from, target.caller_port}, to->bound);
    if (!sender) return fail(sender.error());
    flows.add(link, stream, std::move(sender->socket), {}, std::move(sender->entry));
    link.accept(stream);
    return {};
  }
  if (servers.ports.serve({from, target.caller_port}, *to, link, stream)) return {};
  // By what follows, another program's socket would be reached once this one has let the port go.
  if (to->cookie != 0)
    return fail(ErrorCode::kRefused, "the socket with UDP port " + std::to_string(target.port) +
                                         " is gone, or hears somebody else alone");
  auto sockets = open_inbound_datagrams(from, to->stand_in ? to->stand_in->at : to->bound);
  if (!sockets) return fail(sockets.error());
  std::unique_ptr<AnswersBeside> beside;
  if (sockets->others)
    beside = std::make_unique<AnswersBeside>(
        servers.loop, link,
        AnswersBeside::Asked{stream, target.port, loop::peer_address(sockets->asked.get())},
        std::move(sockets->others), flows, servers.ports);
  flows.add(link, stream, std::move(sockets->asked), {}, std::move(beside));
  link.accept(stream);
  return {};
}

}  // namespace culvert::agent
