// tunnel/flow/flow_snapshot.h: flows on their way from a process to its successor: each is a stream
// of a session and the socket it was joined to.
#pragma once
#include <functional>
#include <set>
#include <vector>

#include "tunnel/base/byte_codec.h"
#include "tunnel/flow/flow_list.h"
#include "tunnel/restart/sockets.h"

namespace culvert::flow {

struct FlowSnapshot {
  mux::StreamId stream{};
  std::uint64_t socket = 0;  // its cookie
};

void encode(const std::vector<FlowSnapshot>& flows, Writer& out);
void decode(Reader& in, std::vector<FlowSnapshot>& into);

// Those of this link.
std::vector<FlowSnapshot> take_snapshots(const FlowList& flows, const session::SessionLink& link,
                                         restart::Outgoing& out);

// Joins the sockets that have come to their streams again, and resets those of `streams` that have
// none, or whose socket may not go on.
void go_on(const std::vector<FlowSnapshot>& from, const std::vector<mux::StreamId>& streams,
           restart::Inherited& sockets, loop::Loop& loop, session::SessionLink& link,
           FlowList& into, const std::function<bool(int socket)>& may_go_on = {});

}  // namespace culvert::flow
