// service/bridges.h: carriers that cannot leave their loop (an exchange by HTTP lives on the
// connections of its requests, beside others'), for sessions on another one: a pair of sockets, and
// octets are copied between the carrier and its near end.
#pragma once
#include <deque>
#include <memory>
#include <unordered_map>

#include "tunnel/loop/circuit.h"
#include "tunnel/loop/remote.h"
#include "tunnel/loop/timer.h"

namespace culvert::service {

class Bridges final : private loop::Circuit::Listener, private loop::Timer::Listener {
 public:
  // For what was written last to get out, once the session has let go of its end.
  static constexpr Duration kLinger = std::chrono::seconds{3};

  // `mailbox`: of this loop.
  Bridges(loop::Loop& loop, loop::Mailbox& mailbox);
  ~Bridges();

  // What comes back can_move(), and is the carrier in every other respect. Null: the process has no
  // more descriptors; the carrier is gone.
  std::unique_ptr<loop::BytePipe> cross(std::unique_ptr<loop::BytePipe> carrier);
  std::size_t count() const { return circuits_.size(); }

 private:
  using Id = std::uint64_t;
  class FarEnd;
  void on_circuit_ended(loop::Circuit& circuit) override;
  void on_timer(loop::Timer& timer) override;
  void let_go(Id id);

  loop::Loop& loop_;
  loop::Remote<Bridges> self_;
  Id last_ = 0;
  std::unordered_map<Id, std::unique_ptr<loop::Circuit>> circuits_;
  std::unordered_map<const loop::Circuit*, Id> ids_;
  struct Leaving {
    Id id;
    TimePoint until;
  };
  std::deque<Leaving> leaving_;
  loop::Timer timer_;
};

}  // namespace culvert::service
