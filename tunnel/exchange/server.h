// tunnel/exchange/server.h: one exchange at the service: an ordered byte pipe made of the requests
// of one client. Sans-IO: no sockets, no clock. Knows neither who the client is nor what the octets
// are; admit() is called when the session above has found out.
//
// Bounds: before admit() 64 KiB received and 256 KiB to be sent; afterwards 8 MiB each way. At most
// kMaxCalls requests are served at once. Every parked request is answered within 25 s, as many
// middleboxes do not notice that a client has left (60 such blocked Apache for all, measured).
#pragma once
#include <bitset>
#include <vector>

#include "tunnel/base/random.h"
#include "tunnel/exchange/call.h"
#include "tunnel/exchange/punctuality.h"
#include "tunnel/exchange/receiver.h"
#include "tunnel/exchange/sender.h"

namespace culvert::exchange {

class Server final {
 public:
  static constexpr std::size_t kMaxCalls = 32;
  static constexpr std::chrono::seconds kLongestPatience{25}, kStreamLife{55}, kAbandoned{40};
  // 1 KB is held back by ICAP previews, 16 KB by Apache (measured).
  static constexpr std::size_t kPreamble = 16 * 1024;

  Server(ExchangeKeys keys, TimePoint now) : keys_(std::move(keys)), left_at_(now) {}
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  const ExchangeKeys& keys() const { return keys_; }
  void admit() { receiver_.widen(), admitted_ = true; }
  bool admitted() const { return admitted_; }

  // The pipe. After failure() nothing more comes or goes.
  std::size_t room() const { return failure_ ? 0 : sender_.room(); }
  std::size_t write(Bytes data) { return sender_.write(data); }  // then pump()
  void end_writing() { sender_.end(); }
  Bytes readable() const { return receiver_.readable(); }
  void consumed(std::size_t count) { receiver_.consumed(count); }
  bool peer_ended() const { return receiver_.ended(); }
  const std::optional<Error>& failure() const { return failure_; }
  bool all_acknowledged() const { return sender_.all_acknowledged(); }
  void abort(ErrorCode code);  // every request is told so from now on

  // The requests.
  void on_begin(Call& call, TimePoint now);
  void on_body(Call& call, TimePoint now);
  void on_body_end(Call& call, TimePoint now);
  void leave(Call& call);
  std::size_t call_count() const { return calls_.size(); }

  void pump(TimePoint now);  // after any of the above: spreads over the requests what is due
  std::optional<TimePoint> next_deadline() const;
  void tick(TimePoint now);
  std::string describe() const;

 private:
  struct Guest {
    Call* call;
    TimePoint until{};    // a poll is answered, a stream ended
    TimePoint said_at{};  // a stream's last piece
    Duration patience{};
    bool proven = false;  // a stream that is known to pass
    bool hinted = false;  // an unproven stream has said something a second time
    int marks = 0;        // that a stream has carried after a pause
    int burst_marks = 0;  // ... behind what was padded
  };
  bool is_new(std::uint64_t number);
  void take_request(const Request& request, TimePoint now);
  void take_piece(Call& call, Bytes text, TimePoint now);
  void take_stand(std::uint64_t received, std::uint64_t credit, TimePoint now);
  void prove(std::uint64_t stream, TimePoint now);
  void begin_stream(Guest& guest, TimePoint now);
  Guest* best_stream();
  Guest* oldest_poll();
  Stand stand();
  bool must_tell(TimePoint now) const;
  void say(Guest& stream, TimePoint now);  // what was put on it
  void mark(Call& call, Mark::Kind kind, TimePoint now);
  void put_due(Call& call, std::size_t most, TimePoint now);
  void answer(Guest& guest, std::size_t most, TimePoint now);  // the whole answer; forgets it
  void drop(Call& call);
  void fail_with(Error why);

  ExchangeKeys keys_;
  Sender sender_;
  Receiver receiver_;
  std::vector<Guest> calls_;  // unfinished, oldest first
  std::vector<Call*> done_;   // their answers are being written
  std::uint64_t newest_ = 0;
  std::bitset<1024> known_;  // numbers up to newest_
  std::uint64_t seen_ = 0, seen_told_ = 0;
  std::uint64_t received_told_ = 0, credit_told_ = Receiver::kFirstWindow;
  std::optional<TimePoint> tell_at_;
  bool tell_late_ = false;                 // as soon as a request can carry it
  Punctuality punctuality_;                // of streams upwards
  Passes passes_told_ = Passes::kUnknown;  // of those
  Passes down_passes_ = Passes::kUnknown;  // of those downwards, as the client found
  TimePoint left_at_;                      // of the last sign of the client
  std::optional<Error> failure_;
  ErrorCode gone_ = ErrorCode::kNone;
  bool admitted_ = false;
};

}  // namespace culvert::exchange
