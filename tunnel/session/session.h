// tunnel/session/session.h: sealed records over any carrier, with the stream multiplex inside
// (PROTOCOL.md sections 4 and 5).
//
// Does no I/O and reads no clock. Knows nothing of carriers and handshakes: it is given two keys.
#pragma once
#include <optional>

#include "tunnel/base/byte_queue.h"
#include "tunnel/base/time.h"
#include "tunnel/crypto/aead.h"
#include "tunnel/mux/mux.h"
#include "tunnel/session/handshake.h"
#include "tunnel/session/record.h"

namespace culvert::session {

class Session {
 public:
  explicit Session(mux::Role role, mux::Limits limits = {});

  mux::Mux& streams() { return mux_; }
  const mux::Mux& streams() const { return mux_; }

  // Frames for the first handshake message; later ones go into records.
  ByteVector take_early_frames();
  Result<void> receive_early_frames(Bytes frames, TimePoint now);

  void start(const DirectionKeys& keys, crypto::AeadAlgorithm algorithm, TimePoint now);
  bool started() const { return sealer_.has_value(); }

  // Reading: the owner lends one large buffer to all its sessions. First restore_partial() puts a
  // cut-off record of the last time at its front, then the owner reads behind it and gives the
  // whole to receive(), which opens records in place.
  std::size_t restore_partial(MutableBytes buffer);
  Result<void> receive(MutableBytes wire, TimePoint now);

  // Writing: fill_output() seals what the streams have, up to a shallow bound (256 KiB).
  void fill_output(TimePoint now);
  Bytes pending_output() const { return output_.peek(); }
  void output_sent(std::size_t count);
  bool has_output() const { return !output_.empty() || (started() && mux_.has_output()); }

  // Time: acknowledgements that wait for company (25 ms), keepalive, a peer that answers no ping.
  std::optional<TimePoint> next_deadline() const;
  Result<void> tick(TimePoint now);  // an error: the peer is dead (kTimedOut)

  Duration round_trip() const { return round_trip_; }
  std::uint64_t octets_sent() const { return octets_sent_; }
  std::uint64_t octets_received() const { return octets_received_; }

 private:
  void on_pong(TimePoint now);

  mux::Mux mux_;
  std::optional<RecordSealer> sealer_;
  std::optional<RecordOpener> opener_;
  ByteQueue output_;
  ByteVector partial_;
  std::uint64_t octets_sent_ = 0, octets_received_ = 0;
  Duration round_trip_{std::chrono::milliseconds{1}};
  TimePoint last_received_{};
  std::optional<TimePoint> ping_sent_, acknowledge_at_;
  std::uint64_t ping_value_ = 0;
  TimePoint last_measured_{};
};

}  // namespace culvert::session
