// tunnel/mux/mux.h: many byte streams over the records of one session (PROTOCOL.md section 5).
//
// Does no I/O and reads no clock. Knows nothing of carriers, sealing, or what a stream's target
// means. The owner feeds it opened records, takes events until there are none, and lets it fill
// outgoing records.
//
// Data can be had without a copy: between borrow() and settle() what arrives stays where it was
// opened, and pieces() shows it there. An owner who writes it on at once (flow/) never queues it.
//
// Memory: a stream holds at most its window (64 KiB at first, or what earlier ones of this carrier
// needed; then bandwidth times round trip, all together within Limits::receive_budget) of received
// octets that the owner has not consumed, 256 KiB of unsent ones, unacknowledged ones up to the
// peer's window; these two of all streams together stay within a budget (send_budget.h).
//
// Carriers come and go: restart_output() forgets what was sent and not acknowledged, so that it is
// sent again. As every frame carries absolute offsets, the peer skips what it has already.
#pragma once
#include <array>
#include <memory>
#include <unordered_map>
#include <vector>

#include "tunnel/base/fifo.h"
#include "tunnel/base/strays.h"
#include "tunnel/mux/datagrams.h"
#include "tunnel/mux/departures.h"
#include "tunnel/mux/send_budget.h"
#include "tunnel/mux/snapshot.h"
#include "tunnel/mux/stream_table.h"
#include "tunnel/mux/traffic_mix.h"

namespace culvert::mux {

struct Limits {
  std::size_t streams = 65536;               // open at once, both sides together
  std::size_t unaccepted = 4096;             // opened by the peer, not accepted yet (S18)
  std::uint64_t receive_budget = 16u << 20;  // octets of window beyond 64 KiB each
  std::uint32_t max_window = 16u << 20;      // 1 Gbit/s at 100 ms
};

// Trivially copyable on purpose: what belongs to an event is asked for by the stream's id.
struct Event {
  enum class Kind : std::uint8_t {
    kOpened,    // by the peer: target(stream); answer with accept() or reset()
    kAccepted,  // a stream of ours reached its destination
    kReadable,  // readable(stream) is not empty, or at_end(stream); again if is_reset() since
    kWritable,  // room again after write() came short
    kReset,     // by the peer: `code`; the id is forgotten; last_reason() until the next receive()
    kDone,      // both directions ended and acknowledged; the id is forgotten
  };
  Kind kind;
  StreamId stream;
  ErrorCode code = ErrorCode::kNone;
  StreamOwner* owner = nullptr;  // of the stream, when the event is taken
};

class Mux {
 public:
  explicit Mux(Role role, Limits limits = {});

  // --- for the owner of streams
  Result<StreamId> open(Bytes target);             // data may be written at once
  void accept(StreamId stream);                    // the far end is connected
  std::size_t write(StreamId stream, Bytes data);  // takes what there is room for
  std::size_t room(StreamId stream) const;
  // Room for reading straight into the send queue: write there, then wrote(n). No other call on
  // this object in between. At most room() octets count.
  MutableBytes prepare_write(StreamId stream, std::size_t at_most);
  void wrote(StreamId stream, std::size_t count);
  void want_writable(StreamId stream);  // one kWritable when there is room
  void finish(StreamId stream);         // nothing more will be written
  void reset(StreamId stream, ErrorCode code, std::string_view reason = {});  // forgets the id
  // The same, but what was written, and as much of `rest` as may be held, goes before it, as long
  // as the peer takes some of it (mux_leave.cc).
  void reset_behind(StreamId stream, Bytes rest, ErrorCode code, std::string_view reason,
                    TimePoint now);
  Bytes target(StreamId stream) const;
  Bytes readable(StreamId stream);
  bool at_end(StreamId stream) const;  // the peer finished and everything was consumed
  // The peer reset it behind what is readable(); kReset comes when all of that was consumed.
  bool is_reset(StreamId stream) const { return find(stream).reset != ErrorCode::kNone; }
  // The same as up to kMostPieces pieces in order, perhaps not all; gives how many.
  static constexpr std::size_t kMostPieces = 64;
  std::size_t pieces(StreamId stream, std::array<Bytes, kMostPieces>& out) const;
  bool has_data(StreamId stream) const { return find(stream).receive.waiting() != 0; }
  void consumed(StreamId stream, std::size_t count);
  void end_taken(StreamId stream);  // the owner has acted on at_end()
  // Octets of either direction so far: the offset of the next one to be written, or consumed.
  std::uint64_t written(StreamId stream) const { return find(stream).send.written(); }
  std::uint64_t consumed_so_far(StreamId stream) const { return find(stream).receive.consumed(); }
  bool knows(StreamId stream) const { return streams_.find(stream) != nullptr; }
  bool accepted(StreamId stream) const { return find(stream).accepted; }
  bool finished(StreamId stream) const { return find(stream).send.finished; }
  bool end_was_taken(StreamId stream) const { return find(stream).receive.end_taken; }
  void set_owner(StreamId stream, StreamOwner* owner) { find(stream).owner = owner; }
  StreamOwner* owner(StreamId stream) const { return find(stream).owner; }
  std::vector<StreamId> stream_ids() const;  // ascending, the control stream included
  // Datagrams (datagrams.h) travel beside the data of a stream, which they neither open nor end:
  // those sent before it is accepted come behind its OPEN. Dropped where they would have to wait.
  void send_datagram(StreamId stream, Bytes datagram, TimePoint now);
  std::span<const ArrivedDatagram> datagrams() const;  // until datagrams_taken()
  void datagrams_taken();
  DatagramCounts datagram_counts() const;
  std::optional<Event> next_event();
  std::string_view last_reason() const { return last_reason_; }
  std::size_t stream_count() const { return streams_.size(); }  // the control stream included

  // --- for the session that carries it
  Result<void> receive(Bytes record, TimePoint now);  // an error: the peer broke the protocol
  // From here on records handed to receive() stay as they are until settle(), which queues what has
  // not been consumed.
  void borrow() { borrowing_ = true; }
  void settle();
  bool has_output() const;
  // Appends whole frames, at most `capacity` octets; returns how many. `out` has that much room.
  // Large payloads are left where they are, until the next call, if the caller takes strays.
  std::size_t fill(std::byte* out, std::size_t capacity, Strays* strays = nullptr);
  bool turn_over() const { return turn_over_; }  // of one of many, with the last fill()
  void ping(std::uint64_t value) { ping_due_ = value; }
  // Of streams that leave: when lose_patience() is due.
  std::optional<TimePoint> patience_ends() const;
  void lose_patience(TimePoint now);
  // Before fill(): drops late datagrams; `hold`: the carrier is crowded, let them wait here.
  void pace_datagrams(TimePoint now, bool hold);
  void restart_datagrams(TimePoint now);     // those that waited for this carrier are not late
  std::optional<std::uint64_t> take_pong();  // the last answer to a ping
  // Another carrier, or none: everything the peer has not acknowledged is due again, with the
  // state of every stream (WINDOW) and every end it may not have heard of.
  void restart_output();
  // Whether fill() wrote something that a live peer answers (data, OPEN, PING) since the last call.
  bool take_wants_answer() { return std::exchange(wants_answer_, false); }
  // Whether receive() took a frame other than PING and PONG since the last call.
  bool take_heard_more() { return std::exchange(heard_more_, false); }
  bool ping_wanted() const { return departures_.crowded(); }  // its pong frees memory
  // Of a few octets; bulk takes up to `bulk` times as long.
  void set_round_trip(Duration measured, int bulk = 1) {
    round_trip_ = measured;
    bulk_round_trips_ = bulk;
  }
  // Whether small exchanges and bulk pass side by side at the moment: then queues should be short.
  bool mixed() const { return mix_.mixed(now_); }
  bool bulk() const { return mix_.bulk(now_); }  // passes at the moment
  bool acknowledgement_due() const { return !lazy_windows_.empty(); }
  void acknowledge_now();  // turns lazy acknowledgements into output

  // --- the interactive lane: a second carrier, beside the first, for the data of dialogues alone
  // (mux_lane.cc). Where it ends, what is not acknowledged goes by the first.
  bool wants_lane() const;
  void open_lane();  // in place of one that is there
  void close_lane();
  bool has_lane_output() const;
  std::size_t fill_lane(std::byte* out, std::size_t capacity);
  Result<void> receive_from_lane(Bytes record, TimePoint now);
  void ping_lane(std::uint64_t value) { lane_->ping_due = value; }
  std::optional<std::uint64_t> take_lane_pong() { return std::exchange(lane_->pong, {}); }
  bool take_lane_wants_answer() { return std::exchange(lane_->wants_answer, false); }

  // --- for the next process (mux_restore.cc)
  Snapshot snapshot() const;
  // Into a mux of the same role that has done nothing yet. Raises again what the owner may not have
  // been told: kOpened of what is not accepted, kAccepted, kReadable, kReset, kWritable.
  void restore(const Snapshot& from);

 private:
  // What a stream needs only until it is accepted, or only while it carries bulk.
  struct Rare {
    ByteVector target;                // what the opener asked for; dropped when it has been seen
    std::uint64_t measured_from = 0;  // window tuning: consumed octets at ...
    TimePoint measured_at{};          // ... this time
  };
  struct HashId {
    std::size_t operator()(StreamId id) const { return static_cast<std::size_t>(id); }
  };
  struct Lane {
    Fifo<StreamId> due;  // that have something to send on it
    std::optional<std::uint64_t> ping_due, pong_due, pong;
    bool wants_answer = false;
  };
  Stream& find(StreamId stream) const;
  void forget(StreamId stream);
  bool opened_by_us(StreamId stream) const;
  bool was_opened(StreamId stream) const;
  void schedule(Stream& stream);               // the owner has something new to send
  void reschedule(Stream& stream);             // the peer gave credit to what waited
  std::size_t active_streams(Stream& stream);  // consumed from in the last 100 ms, this one too
  void window_due(Stream& stream, bool lazy);
  void announce_readable(Stream& stream);
  void give_in_advance(Stream& stream);
  void tune_window(Stream& stream);
  // Beside a dialogue queues are short, and bulk takes its time.
  Duration round_trip_of_bulk() const {
    return mixed() ? round_trip_ : round_trip_ * bulk_round_trips_;
  }
  void keep(Stream& stream, Bytes payload);
  void settle(Stream& stream);
  std::size_t consume_borrowed(ReceiveHalf& half, std::size_t count);
  void maybe_done(Stream& stream);
  void report_reset(Stream& stream);
  void put_reset(StreamId stream, ErrorCode code, std::string_view reason);
  void see_off();
  Duration patience() const;
  void restart_output(Stream& stream);
  void restore(const StreamSnapshot& from);
  void raise_again(const StreamSnapshot& from);
  void acknowledged(SendHalf& half, std::uint64_t received);

  Result<void> on_frame(const Open& frame);
  Result<void> on_frame(const Data& frame);
  Result<void> on_frame(const Window& frame);
  Result<void> on_frame(const Reset& frame);
  Result<void> on_frame(const Ping& frame);
  Result<void> on_frame(const Pong& frame);
  Result<void> on_frame(const Datagram& frame);
  bool datagrams_due() const;
  std::size_t fill_datagrams(std::byte* out, std::size_t capacity);

  std::size_t fill_control(std::byte* out, std::size_t capacity);
  std::size_t fill_windows(std::byte* out, std::size_t capacity);
  std::size_t fill_data(std::byte* out, std::size_t capacity);
  std::size_t fill_stream(Stream& stream, std::byte* out, std::size_t capacity);
  bool choose_lane(Stream& stream);
  void leave_lane(Stream& stream);
  void put_payload(std::byte* out, Bytes payload);
  void tell_room(Stream& stream);

  Role role_;
  Limits limits_;
  StreamTable streams_;
  std::unordered_map<StreamId, Rare, HashId> rare_;
  std::uint32_t next_local_, last_remote_ = 0;
  std::size_t unaccepted_ = 0;
  std::uint64_t granted_ = 0;         // windows beyond the initial ones, all streams
  std::uint64_t carried_ = 0;         // by one stream in a round trip of this carrier, of late
  std::uint64_t activity_epoch_ = 0;  // TrafficMix::epoch()
  std::size_t active_now_ = 0, active_before_ = 0;
  Fifo<Event> events_;
  Departures departures_;
  struct Leaving {
    StreamId stream;
    ErrorCode code;
    std::string reason;
    std::uint64_t progress;  // by `since`
    TimePoint since;
  };
  std::vector<Leaving> leaving_;
  bool departing_ = false;  // one of them has sent its last octet
  SendBudget budget_;
  std::optional<std::uint64_t> ping_due_, pong_due_;  // the newest only: a flood costs nothing
  Fifo<StreamId> windows_, lazy_windows_;
  Fifo<StreamId> fresh_, busy_;  // newly active streams go first: an echo beside a bulk
  std::size_t turn_used_ = 0;    // by the first of busy_
  bool turn_over_ = false;
  std::unique_ptr<Lane> lane_;  // null: none
  bool by_lane_ = false;        // during receive_from_lane()
  TimePoint dialogue_at_{-Duration{std::chrono::hours{1}}};
  std::optional<std::uint64_t> pong_;
  struct Borrowed {
    StreamId stream;
    Bytes data;
    std::uint32_t next;  // of the same stream; kNoPiece: the last
    std::uint32_t last;  // of the same stream; right in the first alone
  };
  std::vector<Borrowed> borrowed_;
  bool borrowing_ = false;
  struct Filling {
    const std::byte* begin = nullptr;
    Strays* strays = nullptr;
  } filling_;  // during fill()
  bool wants_answer_ = false, heard_more_ = false, hold_datagrams_ = false;
  TrafficMix mix_;
  std::unique_ptr<Datagrams> datagrams_;  // null: there never was one
  std::string last_reason_;
  TimePoint now_{};
  Duration round_trip_{std::chrono::milliseconds{1}};
  int bulk_round_trips_ = 1;
};

}  // namespace culvert::mux
