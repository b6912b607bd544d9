// service/relay.h: brings the two legs of a circuit together: rings at the endpoint called, waits
// for its leg, answers both, joins them. The caller's greeting is answered only when the other leg
// is there, so a caller learns the truth: refused, unreachable, timed out.
#pragma once
#include <map>
#include <unordered_map>

#include "service/config.h"
#include "service/directory.h"
#include "service/login.h"
#include "service/visitor.h"
#include "tunnel/loop/circuits.h"

namespace culvert::service {

class Relay final : private loop::Circuits::Listener, private loop::Timer::Listener {
 public:
  // `mailbox`: of this loop; `threads`: for circuits, see there.
  Relay(loop::Loop& loop, loop::Mailbox& mailbox, const loop::LoopThreads& threads,
        const Limits& limits, const Directory& directory, Random& random);
  ~Relay();

  // Both answer the visitor, now or later. The visitor has logged in.
  void call(Visitor& visitor, const Principal& caller, const std::string& callee);
  void answer(Visitor& visitor, const Principal& callee, const control::CircuitTicket& ticket);

  void on_answered(Visitor& visitor);  // visitors of others are ignored, here and below
  void on_visitor_gone(Visitor& visitor);
  void drop(const std::string& endpoint);  // all circuits that it takes part in
  void drop_all();

  std::size_t circuit_count() const { return joined_.size(); }

 private:
  using Ticket = control::CircuitTicket;
  struct Leg {
    Visitor* visitor = nullptr;            // until its greeting is answered
    std::unique_ptr<loop::BytePipe> pipe;  // from then on
    ByteVector received;
  };
  struct Meeting {
    std::string caller, callee;
    Leg call, answer;
    std::optional<TimePoint> until;  // for the endpoint called; none: it has come
  };
  struct Pair {
    std::string caller, callee;
  };
  using Question = std::uint64_t;
  void ring(Visitor& visitor, const std::string& caller, const std::string& callee,
            const loop::Remote<ClientLink>& at);
  void look_again(Question question);
  void on_circuit_ended(loop::Circuits::Id circuit,
                        const loop::Circuits::Outcome& outcome) override;
  void on_timer(loop::Timer& timer) override;
  void arm_timer();
  void give_up(const Ticket& ticket, ErrorCode code, const std::string& reason);
  void join(const Ticket& ticket);
  // One caller gets but a part of the places of whom it calls: others call there, too.
  static constexpr std::size_t kLeastOfPair = 8, kPartOfPair = 16;
  // Kept of each endpoint, and of each caller and callee.
  std::optional<std::string> no_room(const std::string& caller, const std::string& callee) const;
  void count(const std::string& caller, const std::string& callee, int change);
  std::size_t counted(const std::string& whose) const;
  static void refuse(Visitor& visitor, ErrorCode code, const std::string& reason);

  loop::Loop& loop_;
  const Limits& limits_;
  const Directory& directory_;
  Random& random_;
  loop::Remote<Relay> self_;
  struct Asking {
    Visitor* visitor;
    Pair names;
  };
  Question last_question_ = 0;
  std::map<Question, Asking> asking_;  // for the directory's second answer
  std::map<Ticket, Meeting> meetings_;
  std::unordered_map<Visitor*, Ticket> waiting_;
  loop::Circuits circuits_;
  std::unordered_map<loop::Circuits::Id, Pair> joined_;
  std::unordered_map<std::string, std::size_t> counts_;  // meetings and circuits, see count()
  loop::Timer timer_;
};

}  // namespace culvert::service
