// tunnel/session/session.h: sealed records over any carrier, with the stream multiplex inside
// (PROTOCOL.md sections 4 and 5).
//
// Does no I/O and reads no clock. Knows nothing of carriers and handshakes: it is given two keys
// for each carrier, one carrier after the other. Keys and record numbers are never used on a second
// one.
#pragma once
#include <optional>

#include "tunnel/base/byte_queue.h"
#include "tunnel/base/time.h"
#include "tunnel/crypto/aead.h"
#include "tunnel/mux/mux.h"
#include "tunnel/session/handshake.h"
#include "tunnel/session/interactive_lane.h"
#include "tunnel/session/liveness.h"
#include "tunnel/session/record_reader.h"

namespace culvert::session {

class Session {
 public:
  explicit Session(mux::Role role, mux::Limits limits = {});

  mux::Mux& streams() { return mux_; }
  const mux::Mux& streams() const { return mux_; }
  // Of an earlier process, into a session that has done nothing yet.
  void restore(const mux::Snapshot& streams, bool started);

  // A fresh carrier begins with a handshake whose first message carries frames: what a live session
  // has to say first (where every stream stands), then what was not acknowledged. May be called for
  // several carriers that race; only attach() makes one of them the session's.
  ByteVector make_flight();

  using Carrier = CarrierKeys;
  // Everything unacknowledged is due again. The initiator sends nothing before the responder's
  // first record, which says what has arrived: so nothing is sent twice that need not be.
  Result<void> attach(const Carrier& carrier, TimePoint now);
  void detach();  // what was sealed for the carrier is worthless
  bool attached() const { return sealer_.has_value(); }
  bool started() const { return started_; }  // was attached once

  // The interactive lane: a second carrier beside the first, with keys of its own. It may end, and
  // another may begin, whenever it likes; nothing is lost.
  Result<void> attach_lane(const Carrier& carrier, TimePoint now);
  void detach_lane();
  InteractiveLane* lane() { return lane_.get(); }                    // null: none
  Result<void> receive_from_lane(MutableBytes wire, TimePoint now);  // errors as of receive()
  // Dialogues pass beside bulk on a carrier that one beside it would help.
  bool wants_lane(TimePoint now) const { return bulk_round_trips_ == 1 && wish_.wanted(now); }
  bool lane_is_idle(TimePoint now) const { return wish_.idle(now); }

  // Reading, while attached, as record_reader.h has it. kAuthentication: a record did not open,
  // which is the carrier's fault; all other errors are the peer's.
  std::size_t restore_partial(MutableBytes buffer) { return reader_->restore_partial(buffer); }
  Result<void> receive(MutableBytes wire, TimePoint now);

  // Writing: fill_output() seals what the streams have, up to a shallow bound (256 KiB).
  void fill_output(TimePoint now);
  Bytes pending_output() const { return output_.peek(); }
  void output_sent(std::size_t count);
  bool has_output() const { return !output_.empty() || (may_speak() && mux_.has_output()); }

  // Nothing is under way: whatever can be made again at the next octet is given up now. An idle
  // session is mostly its two expanded keys.
  bool idle() const { return liveness_.idle() && output_.empty(); }
  void rest();

  // Time: acknowledgements that wait for company (25 ms), and what liveness.h says.
  std::optional<TimePoint> next_deadline() const;
  Result<void> tick(TimePoint now);  // kTimedOut: the carrier is dead
  bool suspects_loss() const { return liveness_.suspects_loss(); }
  void suspect(TimePoint now) { liveness_.suspect(now); }  // the network has changed

  Duration round_trip() const { return liveness_.round_trip(); }
  std::uint64_t octets_sent() const { return octets_sent_ + (lane_ ? lane_->octets_sent() : 0); }
  std::uint64_t octets_received() const {
    return octets_received_ + (reader_ ? reader_->octets() : 0) +
           (lane_ ? lane_->octets_received() : 0);
  }

 private:
  void tell_round_trip();
  void put_off_acknowledgements(TimePoint now);
  bool may_speak() const { return attached() && !awaiting_peer_; }

  mux::Role role_;
  mux::Mux mux_;
  Liveness liveness_;
  std::optional<RecordSealer> sealer_;
  std::optional<RecordReader> reader_;
  ByteQueue output_;
  std::uint64_t octets_sent_ = 0;
  std::uint64_t octets_received_ = 0;  // on carriers that are gone
  std::optional<TimePoint> acknowledge_at_;
  std::unique_ptr<InteractiveLane> lane_;
  LaneWish wish_;
  int bulk_round_trips_ = 1;
  bool started_ = false;
  bool awaiting_peer_ = false;  // initiator: for the responder's first record on this carrier
};

}  // namespace culvert::session
