// tunnel/loop/circuits.h: joined circuits, spread over loops with threads of their own: what is
// spliced takes no time from whatever else the owner's loop does, and uses cores that it leaves
// idle. Knows nothing of who is joined.
//
// A circuit goes to the thread that has the fewest, and stays there. One with a leg that cannot
// move (an exchange by HTTP) stays on the owner's loop.
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

  // `threads`: besides the one of `loop`; none: that one alone.
  Circuits(Loop& loop, const LoopThreads& threads, Listener& listener);
  ~Circuits();  // while none of them runs

  Id join(Circuit::Leg a, Circuit::Leg b);
  void abort(Id circuit);  // both sides see a reset; on_circuit_ended() follows
  void clear();            // all end, and nobody is told

 private:
  class Host;
  struct Thread {
    LoopThread* thread;
    std::unique_ptr<Host> host;
    std::size_t circuits = 0;
  };
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
  std::vector<Thread> threads_;  // as many as there are
};

}  // namespace culvert::loop
