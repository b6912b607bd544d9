#include "tunnel/session/link_snapshot.h"

namespace culvert::session {

std::vector<mux::StreamId> streams_with_owners(const LinkSnapshot& snapshot) {
  std::vector<mux::StreamId> out;
  const bool odd_is_ours = snapshot.streams.role == mux::Role::kInitiator;
  for (const auto& stream : snapshot.streams.streams) {
    const bool ours = (static_cast<std::uint32_t>(stream.id) % 2 == 1) == odd_is_ours;
    if (stream.id == mux::kControlStream || !(ours || stream.accepted)) continue;
    if (!(stream.finished && stream.end_taken)) out.push_back(stream.id);
  }
  return out;
}

void encode(const LinkSnapshot& snapshot, Writer& out) {
  out.bytes(snapshot.name);
  out.u8(snapshot.started ? 1 : 0);
  out.u8(snapshot.introduced ? 1 : 0);
  out.u32(static_cast<std::uint32_t>(snapshot.control_backlog.size()));
  out.bytes(snapshot.control_backlog);
  encode(snapshot.streams, out);
}

Result<LinkSnapshot> decode_link_snapshot(Reader& in, mux::Role role) {
  LinkSnapshot snapshot;
  snapshot.name = in.array<16>();
  snapshot.started = in.u8() != 0;
  snapshot.introduced = in.u8() != 0;
  const auto backlog = in.take(in.u32());
  snapshot.control_backlog.assign(backlog.begin(), backlog.end());
  auto streams = mux::decode_snapshot(in);
  if (!streams) return fail(streams.error());
  if (streams->role != role)
    return fail(ErrorCode::kBadInput, "the saved state is of the other side of a session");
  snapshot.streams = std::move(*streams);
  return snapshot;
}

}  // namespace culvert::session
