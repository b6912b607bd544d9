// tunnel/exchange/client_lane.h: one HTTP connection of a client to its middlebox or to the
// service: writes requests, takes answers apart. Decides nothing. Sans-IO.
#pragma once
#include <memory>
#include <optional>

#include "tunnel/base/byte_queue.h"
#include "tunnel/base/time.h"
#include "tunnel/exchange/http_body.h"
#include "tunnel/exchange/lane_login.h"
#include "tunnel/exchange/message.h"
#include "tunnel/exchange/seal.h"

namespace culvert::exchange {

// One request in flight.
struct Flight {
  std::uint64_t number = 0;  // 0: of no meaning to the service, which may not even have seen it
  RequestKind kind = RequestKind::kPoll;
  TimePoint sent_at{};
  TimePoint until{};            // no answer, or no sign of life, by then: it is lost
  bool whole = false;           // the request is completely written
  bool ended_in_order = false;  // End has come
  bool spoke = false;           // a piece of the answer has come
  std::uint64_t octets = 0;     // of the answer's payload

  // kPostStream
  std::optional<BodySealer> sealer;
  std::uint64_t left = 0;     // octets of the announced body still to be written
  std::uint64_t carried = 0;  // octets of the carrier among those that are written
  bool proven = false;        // octets of it arrived before its end
  TimePoint said_at{};        // last piece
  int marks = 0;              // that it has carried after a pause
  int burst_marks = 0;        // ... behind what was padded
};

class ClientLane {
 public:
  explicit ClientLane(LaneId id, TimePoint now) : id_(id), idle_since_(now) {}

  LaneId id() const { return id_; }
  bool idle() const { return !flight_ && !closed_; }
  bool closed() const { return closed_; }
  void close() { closed_ = true; }
  TimePoint idle_since() const { return idle_since_; }
  std::uint64_t served() const { return served_; }  // answers

  void begin(Flight flight, Bytes head_and_body);
  Flight* flight() { return flight_ ? &*flight_ : nullptr; }
  ByteQueue& output() { return output_; }
  void finish(TimePoint now);  // the answer is complete, the connection may be used again
  bool reusable() const { return keep_alive_; }

  // Octets of the connection; what they mean is told one event at a time.
  enum class Event : std::uint8_t {
    kNothing,   // more octets are needed
    kHead,      // head() is new
    kContent,   // content() is new
    kComplete,  // the answer is complete
  };
  void receive(Bytes octets) { input_.append(octets); }
  Result<Event> next();
  // The connection ended. True: the answer is complete thereby.
  bool receive_end() { return head_.has_value() && body_.end(); }
  const ResponseHead& head() const { return *head_; }
  ByteQueue& content() { return content_; }  // of a 200, not yet opened
  std::optional<BodyOpener>& opener() { return opener_; }

 private:
  LaneId id_;
  bool closed_ = false, keep_alive_ = true;
  TimePoint idle_since_;
  std::uint64_t served_ = 0;
  std::optional<Flight> flight_;
  ByteQueue output_, input_, content_;
  std::optional<ResponseHead> head_;
  BodyReader body_;
  std::optional<BodyOpener> opener_;
};

}  // namespace culvert::exchange
