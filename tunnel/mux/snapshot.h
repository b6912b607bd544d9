// tunnel/mux/snapshot.h: all that a Mux knows, as values and as bytes, so that another process can
// go on with its streams. What was sent and not acknowledged counts as unsent: a snapshot is always
// followed by another carrier.
//
// The bytes are for the next start of the same program on the same machine, not for the wire. They
// are checked all the same: restore() may trust every value that decode_snapshot() has let through.
#pragma once
#include <string>
#include <vector>

#include "tunnel/base/byte_codec.h"
#include "tunnel/mux/stream.h"

namespace culvert::mux {

enum class Role : std::uint8_t { kInitiator, kResponder };

struct StreamSnapshot {
  StreamId id{};
  ByteVector target;
  bool open_left = false, known_to_peer = false, accepted = false;
  bool acceptance_untold = false;      // opened here: kAccepted is still to be taken
  ErrorCode reset = ErrorCode::kNone;  // by the peer; its owner has not taken kReset
  // sending, as in SendHalf
  std::uint64_t acknowledged = 0, highest = 0, send_limit = 0;
  bool finished = false, end_acknowledged = false, owner_waits = false;
  ByteVector log;
  // receiving, as in ReceiveHalf
  std::uint64_t received = 0, receive_limit = 0;
  std::uint32_t window = kInitialWindow;
  bool ended = false, end_taken = false;
  ByteVector queue;
};

struct DepartureSnapshot {  // as in Departures
  StreamId stream{};
  ErrorCode code = ErrorCode::kNone;
  std::uint64_t received = 0;
  std::string reason;
};

struct Snapshot {
  Role role = Role::kInitiator;
  std::uint32_t next_local = 0, last_remote = 0;
  std::string last_reason;
  std::vector<StreamSnapshot> streams;  // ascending, the control stream first
  std::vector<DepartureSnapshot> departures;
};

void encode(const Snapshot& snapshot, Writer& out);
Result<Snapshot> decode_snapshot(Reader& in);  // kBadInput

}  // namespace culvert::mux
