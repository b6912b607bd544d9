// tests/chaos/peer.h: one end of one stream, the same at both ends: sends its octets in bursts with
// pauses, ends its direction, and checks every octet that it receives.
#pragma once
#include <poll.h>

#include <cstdint>
#include <string>

#include "tests/chaos/plan.h"
#include "tunnel/base/unique_fd.h"

namespace culvert::chaos {

constexpr std::int64_t kMillisecond = 1'000'000;
std::int64_t now_ns();

struct Totals {
  std::uint64_t opened = 0, finished = 0, lost = 0, wrong = 0, sent = 0, received = 0;
  std::string first_loss;
};

class Peer {
 public:
  enum class State { kConnecting, kRunning, kFinished, kLost };

  // The client's end, whose connect() is under way.
  Peer(UniqueFd connecting, const Plan& plan);
  // The server's; it reads the plan first.
  explicit Peer(UniqueFd accepted);

  // What to wait for, and until when at most.
  pollfd interest(std::int64_t now) const;
  std::int64_t wakes_at() const;
  void step(std::int64_t now, short events, Totals& totals);

  State state() const { return state_; }
  int connect_error() const { return connect_error_; }  // never opened: state() is kLost
  const Plan& plan() const { return plan_; }

 private:
  struct Half {
    Way way;
    std::uint64_t seed = 0, done = 0;
    std::int64_t pause_until = 0;
    bool ended = false;
  };

  void start();
  void connected(short events, Totals& totals);
  void read_plan();
  void send(std::int64_t now, Totals& totals);
  void receive(std::int64_t now, Totals& totals);
  void lose(const std::string& why, Totals& totals);
  bool hurries(std::int64_t now) const { return now >= plan_.hurry_at; }

  UniqueFd fd_;
  Plan plan_;
  std::size_t plan_octets_ = 0;  // sent or received of it
  bool client_;
  Half out_, in_;
  std::uint64_t burst_ = 0;  // left to send before the next pause
  bool blocked_ = false;
  Dice dice_{0};
  State state_;
  int connect_error_ = 0;
};

}  // namespace culvert::chaos
