#include "tunnel/flow/flow_snapshot.h"

#include "tunnel/flow/flow.h"
#include "tunnel/restart/state.h"

namespace culvert::flow {

void encode(const std::vector<FlowSnapshot>& flows, Writer& out) {
  restart::put_list(out, flows, [&](const FlowSnapshot& flow) {
    out.u32(static_cast<std::uint32_t>(flow.stream));
    out.u64(flow.socket);
  });
}

void decode(Reader& in, std::vector<FlowSnapshot>& into) {
  restart::take_list(in, into, [&] {
    const mux::StreamId stream{in.u32()};
    return FlowSnapshot{stream, in.u64()};
  });
}

std::vector<FlowSnapshot> take_snapshots(const FlowList& flows, const session::SessionLink& link,
                                         restart::Outgoing& out) {
  std::vector<FlowSnapshot> all;
  flows.for_each([&](const Flow& flow) {
    if (&flow.link() == &link) all.push_back({flow.stream(), out.add_connection(flow.fd())});
  });
  return all;
}

void go_on(const std::vector<FlowSnapshot>& from, const std::vector<mux::StreamId>& streams,
           restart::Inherited& sockets, loop::Loop& loop, session::SessionLink& link,
           FlowList& into, const std::function<bool(int socket)>& may_go_on) {
  std::set<mux::StreamId> lost(streams.begin(), streams.end());
  for (const auto& flow : from) {
    auto socket = sockets.take_connection(flow.socket);
    if (!socket || (may_go_on && !may_go_on(socket.get()))) continue;
    if (lost.erase(flow.stream) != 0) into.add(loop, link, flow.stream, std::move(socket));
  }
  for (const auto stream : lost)
    link.refuse(stream, ErrorCode::kReset, "the connection was lost in a restart");
}

}  // namespace culvert::flow
