// tunnel/loop/circuits.h: joined circuits, spread over loops with threads of their own: what is
// spliced takes no time from whatever else the owner's loop does, and uses cores that it leaves
// idle. Knows nothing of who is joined.
//
// A circuit goes to the thread that has the fewest, and stays there. One with a leg that is no bare
// socket stays on the owner's loop, where the layers above that socket live (TLS, HTTP).
#pragma once
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "tunnel/loop/circuit.h"
#include "tunnel/loop/loop_thread.h"

namespace culvert::loop {

class Circuits {
 public:
  using Id = std::uint64_t;
  struct Outcome {
    std::uint64_t octets = 0, spliced = 0;  // of these
  };
  class Listener {
   public:
    // On the owner's loop. Not inside join() or abort().
    virtual void on_circuit_ended(Id circuit, const Outcome& outcome) = 0;

   protected:
    ~Listener() = default;
  };

  static constexpr std::size_t kMostThreads = 16;
  static std::size_t default_threads();  // one for each core, and none where there is but one

  // `threads`: besides the one of `loop`; 0: that one alone.
  Circuits(Loop& loop, std::size_t threads, Listener& listener);
  ~Circuits();

  Id join(Circuit::Leg a, Circuit::Leg b);
  void abort(Id circuit);  // both sides see a reset; on_circuit_ended() follows
  void clear();            // all end, and nobody is told

 private:
  class Host;
  struct Thread;
  struct Place {
    Host* host;
    Thread* thread;  // null: the owner's loop
  };
  void ended(Id circuit, const Outcome& outcome);
  Thread* least_busy();

  Mailbox mailbox_;
  Listener& listener_;
  Id last_ = 0;
  std::unordered_map<Id, Place> places_;
  std::unique_ptr<Host> here_;
  std::vector<std::unique_ptr<Thread>> threads_;
};

}  // namespace culvert::loop
