// tunnel/carrier/opening_layer.h: a layer that is only a conversation: when it is over, what is
// below carries the octets as they are. CarrierDial then takes it away, so that it costs nothing.
//
// It carries no octets itself. In every carrier of ours the client speaks first, so whatever comes
// behind the last answer is nobody's, and is refused: a proxy must not be able to speak for the
// far side.
#pragma once
#include <optional>

#include "tunnel/base/byte_queue.h"
#include "tunnel/carrier/layer.h"

namespace culvert::carrier {

class OpeningLayer : public Layer {
 public:
  static constexpr std::size_t kMostWaiting = 64 * 1024;  // octets of an answer not complete yet

  bool established() const final { return established_; }
  bool is_only_an_opening() const final { return true; }
  bool wants_input() const final { return !failure_ && !established_; }
  Result<void> receive(Bytes wire) final;
  Result<void> receive_end() final;
  Bytes readable() const final { return {}; }
  void consumed(std::size_t) final {}
  bool peer_ended() const final { return false; }
  Result<std::size_t> write(Bytes) final;
  Result<void> end_writing() final;
  Bytes pending_output() const final { return output_.peek(); }
  void output_sent(std::size_t count) final { output_.pop(count); }
  bool output_ended() const final { return false; }

 protected:
  // Gives how much of `received` it has taken; what is left comes again, with more behind it. 0:
  // more is needed. May say(), and finish() when the last answer was the good one.
  virtual Result<std::size_t> converse(Bytes received) = 0;
  virtual Error on_end() = 0;  // below has ended in the middle: what that means here

  void say(Bytes message) { output_.append(message); }
  void finish() { established_ = true; }

 private:
  tl::unexpected<Error> stop(Error why);

  ByteQueue input_, output_;
  std::optional<Error> failure_;
  bool established_ = false;
};

// Foreign text for people: printable ASCII, cut after 100 octets.
std::string printable(std::string_view text);

}  // namespace culvert::carrier
