// tunnel/exchange/client.h: one exchange at the client: an ordered byte pipe made of ordinary HTTP
// requests, over connections ("lanes") that the owner dials. Sans-IO: no sockets, no clock.
//
// It begins with what passes everywhere: complete POSTs up, two parked GETs down. As soon as the
// service has answered, it finds out for each direction whether octets pass before a request or an
// answer ends, and if so uses one that is written bit by bit; what stalls later is given up without
// loss, and complete requests go on. Measured: such a stream saves one round trip of two on seven
// of nine middleboxes, and the others pass nothing of one before its end.
//
// At most 448 KiB of one request are unacknowledged: squid 5.7 drops a connection of which it holds
// more than 576 KiB (measured).
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "tunnel/base/random.h"
#include "tunnel/exchange/capabilities.h"
#include "tunnel/exchange/client_lane.h"
#include "tunnel/exchange/lane_login.h"
#include "tunnel/exchange/punctuality.h"
#include "tunnel/exchange/receiver.h"
#include "tunnel/exchange/sender.h"

namespace culvert::exchange {

class Client {
 public:
  static constexpr std::size_t kMaxLanes = 24, kMaxPosts = 20, kMaxPolls = 8, kMaxUpStreams = 8;
  // Five flights of a connection that begins with ten segments: 31 times 14480 octets.
  static constexpr std::size_t kPostSize = 432 * 1024, kUnacknowledged = 448 * 1024;
  static constexpr std::size_t kPollSize = 1024 * 1024;

  struct Options {
    std::string authority;       // "host:port" of the service, for Host
    bool through_proxy = false;  // absolute-form targets
    crypto::PublicKey service;
    Capabilities known;                  // of an earlier exchange on this way; default: nothing
    std::shared_ptr<LaneLogin> login{};  // to the proxy; null: a 407 is an error
  };
  // kAuthentication: the service's key is none.
  static Result<std::unique_ptr<Client>> make(Options options, Random& random, TimePoint now);

  // The pipe. After failure() nothing more comes or goes.
  std::size_t room() const { return failure_ ? 0 : sender_.room(); }
  std::size_t write(Bytes data) { return sender_.write(data); }  // then pump()
  void end_writing() { sender_.end(); }
  Bytes readable() const { return receiver_.readable(); }
  void consumed(std::size_t count) { receiver_.consumed(count); }
  bool peer_ended() const { return receiver_.ended(); }
  const std::optional<Error>& failure() const { return failure_; }
  // The last octets, and that the exchange is over, into whatever lane takes them at once.
  void take_leave(TimePoint now, ErrorCode why);

  // Lanes.
  std::size_t lanes_to_dial() const;  // now; call dialling() for each
  void dialling();
  void dialled(LaneId id, TimePoint now);
  void dial_failed(const Error& why, TimePoint now);
  void receive(LaneId lane, Bytes octets, TimePoint now);
  void lane_ended(LaneId lane, const std::string& why, TimePoint now);
  Bytes pending_output(LaneId lane);
  void output_sent(LaneId lane, std::size_t count, TimePoint now);
  std::vector<LaneId> take_closed();  // close these connections

  void pump(TimePoint now);  // after any of the above
  std::optional<TimePoint> next_deadline() const;
  void tick(TimePoint now);

  const Capabilities& learned() const { return known_; }
  std::string describe() const;

 private:
  struct Lost {
    std::uint64_t number;
    std::uint64_t told_in = 0;  // first request that says so; 0: none yet
  };
  Client(Options options, const crypto::KeyPair& self, ExchangeKeys keys, Random& random,
         TimePoint now);

  // client.cc
  ClientLane* find(LaneId id);
  ClientLane* idle_lane();
  ClientLane* idle_lane_or_want();
  std::size_t count(RequestKind kind) const;
  std::uint64_t begin(ClientLane& lane, RequestKind kind, TimePoint now, std::uint64_t length,
                      ByteQueue* body, bool trusted);
  Stand stand();
  void put(Flight& flight, const Piece& piece, ByteQueue& out, TimePoint now);
  bool must_tell() const;
  bool gathers(TimePoint now);
  void post(ClientLane& lane, TimePoint now);
  void pump_posts(TimePoint now);
  void pump_polls(TimePoint now);
  void close_idle(TimePoint now);
  bool active(TimePoint now) const { return now - active_at_ < kActive; }

  // client_streams.cc
  void pump_down_stream(TimePoint now);
  void begin_down_stream(ClientLane& lane, TimePoint now);
  void pump_up_streams(TimePoint now);
  void begin_up_stream(ClientLane& lane, TimePoint now);
  void fill_up_stream(ClientLane& lane, TimePoint now);
  void finish_up_stream(ClientLane& lane, TimePoint now);
  void keep_up_stream(ClientLane& lane, TimePoint now);
  void pad_up_stream(Flight& flight, ByteQueue& out, TimePoint silent_since, TimePoint now);
  void take_mark(const Mark& mark, TimePoint now);
  void up_passes(Passes passes, TimePoint now);
  bool has_room(ClientLane& lane) const;
  Duration probe_limit() const;
  void down_streams(bool yes, TimePoint now);
  void up_streams(bool yes, TimePoint now);
  void stalled(std::uint64_t request, TimePoint now);
  void down_stalled(ClientLane& lane, TimePoint now);

  // client_few_lanes.cc
  bool few() const;
  std::size_t open_lanes() const;
  std::optional<TimePoint> dial_deadline() const;
  void lane_refused(TimePoint now);
  void limit_lanes(std::size_t most, TimePoint now);
  void watch_dials(TimePoint now);
  bool dial_ended_beside();
  Duration poll_patience(TimePoint now) const;
  void pump_few(TimePoint now);

  // client_login.cc
  void knock(ClientLane& lane, TimePoint now);
  void knock_if_due(ClientLane& lane, TimePoint now);
  std::size_t lanes_that_log_in() const;
  bool login_is_tried() const;
  bool refused_by_login(ClientLane& lane, TimePoint now);
  bool pass_over_page(ClientLane& lane, TimePoint now);

  // client_answers.cc
  void take_answer(ClientLane& lane, TimePoint now);
  bool take_head(ClientLane& lane, TimePoint now);
  bool take_content(ClientLane& lane, TimePoint now);
  void take_piece(ClientLane& lane, Bytes text, TimePoint now);
  void grow_polls(const Flight& flight);
  void completed(ClientLane& lane, TimePoint now);
  void lose(ClientLane& lane, const Error& why, TimePoint now);
  void spoken(Flight& flight, TimePoint now);
  void failed_once(const Error& why, TimePoint now);
  void fail_with(Error why);
  void refused_size(const Flight& flight);

  static constexpr Duration kActive = std::chrono::seconds{15};
  static constexpr Duration kPatience = std::chrono::seconds{20};     // of a parked GET
  static constexpr Duration kFindOutAnew = std::chrono::seconds{60};  // whether streams pass

  Options options_;
  crypto::KeyPair self_;  // ephemeral; names the exchange
  ExchangeKeys keys_;
  Capabilities known_;
  Sender sender_;
  Receiver receiver_;
  std::vector<std::unique_ptr<ClientLane>> lanes_;
  std::size_t dialling_ = 0, silent_dials_ = 0, dials_beside_ = 0, wanted_ = 0;
  std::size_t most_lanes_ = kMaxLanes;  // that the network lets us have at a time
  int refusals_ = 0;                    // of further ones, in a row
  Duration lane_pause_{};
  TimePoint more_lanes_at_{}, dialling_since_{}, pumped_at_{};
  bool dial_came_ = false;    // of those begun together
  bool posted_last_ = false;  // on the only lane
  std::uint64_t next_number_ = 1;
  std::vector<Lost> lost_;
  std::uint64_t proven_ = 0;  // newest down stream that passed
  std::size_t polls_wanted_ = 2;
  // Shrink while requests of this size die, and grow back.
  std::size_t post_size_ = kPostSize, largest_post_ = kPostSize, poll_size_ = kPollSize;
  std::uint64_t up_length_;  // Content-Length of the next up stream
  std::uint64_t received_told_ = 0, credit_told_ = 0;
  std::optional<TimePoint> tell_at_, gathers_until_;
  bool tell_now_ = false;
  bool established_ = false;  // the service has answered
  bool login_due_ = false;    // the proxy has asked who it is, and accepted nobody since
  TimePoint active_at_, retry_at_{}, failing_since_{};
  TimePoint down_again_at_{}, up_again_at_{};   // when to find out anew
  bool down_works_ = false, up_works_ = false;  // seen in this exchange
  int down_stalls_ = 0, up_stalls_ = 0;
  Punctuality punctuality_;              // of streams downwards
  Passes up_passes_ = Passes::kUnknown;  // of those upwards, as the service found
  int failures_ = 0;                     // in a row
  std::optional<Duration> answer_time_;
  std::optional<Error> failure_;
};

}  // namespace culvert::exchange
