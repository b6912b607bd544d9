// agent/supervised_calls.h: makes the calls of a supervised program (agent/supervision.h) on
// duplicates of its sockets. This process has the shim in it: what it calls here, connect() and the
// others of libc, is the shim's, with holds, true errors and all. Calls that do not concern Culvert
// are left to the program, at once. What may wait, for the network, for the agent, does so outside
// the leading thread (agent/call_crew.h).
#pragma once
#include <chrono>
#include <list>
#include <mutex>
#include <span>
#include <variant>

#include "agent/agent_client.h"
#include "agent/call_crew.h"
#include "agent/call_filter.h"
#include "agent/notified_call.h"
#include "agent/program_message.h"
#include "agent/socket_map.h"
#include "agent/supervised_names.h"

namespace culvert::agent {

class SupervisedCalls {
 public:
  using Turn = CallCrew::Turn;
  static std::span<const ChosenCall> chosen();  // for install_call_filter()

  explicit SupervisedCalls(const AgentFacts& agent) : agent_(agent), names_(agent.name_server) {}
  void carry_out(const NotifiedCall& call, Turn& turn);

 private:
  void open_multipath(const NotifiedCall& call);
  void connect(const NotifiedCall& call, Turn& turn);
  std::optional<std::int64_t> connect_and_wait(const NotifiedCall& call, const UniqueFd& socket,
                                               const ProgramAddress& to);
  void peer_name(const NotifiedCall& call, Turn& turn);
  void socket_error(const NotifiedCall& call, Turn& turn);
  void bind(const NotifiedCall& call, Turn& turn);
  std::optional<std::int64_t> bind_anywhere(const NotifiedCall& call, const UniqueFd& socket,
                                            const ProgramAddress& at, Turn& turn);
  std::int64_t bind_somewhere(const NotifiedCall& call, const UniqueFd& socket,
                              const ProgramAddress& at, Turn& turn);
  std::int64_t bind_beside_agent(const UniqueFd& socket, const ProgramAddress& at, Turn& turn);
  void listen(const NotifiedCall& call, Turn& turn);
  bool concerns_us(const SocketAddress& to) const;
  void direct(const UniqueFd& socket, ProgramAddress& to);  // to the agent's name server
  static culvert_question_packet news(culvert_question kind, const NotifiedCall& call,
                                      const UniqueFd& socket, std::uint32_t flags = 0);
  void tell(const culvert_question_packet& told, Turn& turn);

  // supervised_datagrams.cc
  void send_to(const NotifiedCall& call, Turn& turn);
  void send_message(const NotifiedCall& call, Turn& turn);
  void send_messages(const NotifiedCall& call, Turn& turn);
  bool takes(const ProgramAddress& to) const;
  bool takes_any(const NotifiedCall& call) const;
  UniqueFd sender(const NotifiedCall& call, int flags) const;
  std::int64_t send(const NotifiedCall& call, const UniqueFd& socket, ProgramMessage& message,
                    int flags, Turn& turn);
  void receive_from(const NotifiedCall& call, Turn& turn);
  void receive_message(const NotifiedCall& call, Turn& turn);
  void receive_messages(const NotifiedCall& call, Turn& turn);
  bool nobody_hears_others() const { return names_.none_asked() && to_ordinary_.empty(); }
  bool may_hear_others(const UniqueFd& socket) const;
  void show_asked(const UniqueFd& socket, ProgramAddress& from) const;
  std::optional<std::int64_t> receive_one(const NotifiedCall& call, const UniqueFd& socket,
                                          std::uint64_t at, int flags,
                                          std::chrono::steady_clock::time_point until,
                                          Turn& turn) const;

  void finish(const NotifiedCall& call, std::int64_t result);
  std::optional<std::int64_t> take_undelivered(const NotifiedCall& call);

  // The result of a call that was carried out while a signal interrupted it: it comes again.
  struct Undelivered {
    NotifiedCall call;
    std::int64_t result;
    std::chrono::steady_clock::time_point until;
  };
  static constexpr std::chrono::milliseconds kComesAgainWithin{100};
  static constexpr std::size_t kMostUndelivered = 64;

  const AgentFacts& agent_;
  SupervisedNames names_;
  SocketMap<std::monostate> to_ordinary_;  // what was sent from them may have gone to a stand-in
  std::mutex mutex_;
  std::list<Undelivered> undelivered_;  // oldest first
};

}  // namespace culvert::agent
