// agent/porter.h: carries what the programs of an enclosure (agent/enclosure.h) do with the
// network.
//
// It sees their SYNs, which the rules of the enclosure swallow, makes the same connects from the
// machine's own network, and answers as the far end did: by a simultaneous open from the address
// that the program wanted, by a reset, or by an ICMP message. So the program sees a connect of the
// true length with the true outcome, and its own peer's address. Then it moves the octets.
// Datagrams go to and fro in flows, one for each pair of addresses.
//
// Knows nothing of names and policy: that is the agent, which it asks as a shim would. A crashed
// porter lets nothing through.
#pragma once
#include <list>
#include <map>
#include <memory>

#include "agent/enclosed_connect.h"
#include "agent/enclosed_datagrams.h"
#include "agent/enclosed_listeners.h"
#include "agent/enclosure_census.h"
#include "tunnel/loop/circuit.h"

namespace culvert::agent {

class Porter final : private loop::FdWatch::Listener,
                     private EnclosedConnect::Listener,
                     private EnclosedListeners::Listener,
                     private EnclosureCensus::Listener,
                     private loop::Circuit::Listener {
 public:
  static constexpr std::size_t kMostConnects = 4096;

  Porter(loop::Loop& loop, AgentFacts agent);
  // `program`: a process that is in the enclosure by now; `calls`: what it chose of its system
  // calls (EnclosedListeners::watch_calls()), or nothing.
  Result<void> start(pid_t program, UniqueFd calls);

 private:
  void on_fd_ready(loop::FdWatch& watch, bool readable, bool writable) override;
  void on_enclosed_connected(EnclosedConnect& connect, UniqueFd program, UniqueFd far) override;
  void on_enclosed_connect_ended(EnclosedConnect& connect) override;
  void on_program_called(UniqueFd program, UniqueFd caller) override {
    join(std::move(program), std::move(caller));
  }
  void join(UniqueFd program, UniqueFd far);
  void on_circuit_ended(loop::Circuit& circuit) override;
  void on_enclosure_empty() override { loop_.stop(); }

  loop::Loop& loop_;
  AgentFacts agent_;
  EnclosedSide inside_;
  UniqueFd syns_;
  std::optional<loop::FdWatch> watch_;
  std::map<EnclosedConnect::Key, std::unique_ptr<EnclosedConnect>> connects_;
  loop::SplicePipePool pipes_;
  std::map<loop::Circuit*, std::unique_ptr<loop::Circuit>> circuits_;
  std::optional<EnclosedDatagrams> datagrams_;
  std::optional<EnclosedListeners> listeners_;
  EnclosureCensus census_;
};

// The porter's process: waits on `command` for "ready" (with the descriptor of chosen system calls,
// if there is one), answers "carrying" or what went wrong, and
// carries until the enclosure is empty. `program`: the process that enters it.
[[noreturn]] void run_porter(const AgentFacts& agent, pid_t program, UniqueFd command);

}  // namespace culvert::agent
