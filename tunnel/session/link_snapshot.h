// tunnel/session/link_snapshot.h: what a SessionLink hands to the next process. No carrier and no
// key of one: the session is resumed over a fresh carrier, as after any loss.
#pragma once
#include "tunnel/control/hello.h"
#include "tunnel/mux/snapshot.h"

namespace culvert::session {

struct LinkSnapshot {
  control::SessionName name{};  // initiator: the session's
  bool started = true;          // a carrier was attached once
  bool introduced = false;      // initiator, not started: a hello may have arrived
  ByteVector control_backlog;   // messages that the control stream had no room for
  mux::Snapshot streams;
};

// The streams that somebody has to go on with, or to reset: accepted or opened here, and not ended
// both ways (what is not acknowledged of those still arrives).
std::vector<mux::StreamId> streams_with_owners(const LinkSnapshot& snapshot);

void encode(const LinkSnapshot& snapshot, Writer& out);
Result<LinkSnapshot> decode_link_snapshot(Reader& in, mux::Role role);

}  // namespace culvert::session
