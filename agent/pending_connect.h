// agent/pending_connect.h: the gate's side of a HeldConnect, from CULVERT_ASK_CONNECT until the
// decision was carried out, which may be after the core dropped its handle.
//
//   announced --CULVERT_TELL_CONNECTING, checked--> connecting --decision--> joining --> gone
//
// One that system-wide mode has caught (agent/syn_catcher.h) is connecting from the start.
#pragma once
#include <optional>
#include <string_view>

#include "agent/held_connect.h"
#include "agent/hold_table.h"
#include "agent/shim_question.h"
#include "agent/syn_catcher.h"
#include "tunnel/loop/fd_watch.h"

namespace culvert::agent {

class ConnectTable;

class PendingConnect final : private loop::FdWatch::Listener, private loop::Deferred {
 public:
  enum class Phase { kAnnounced, kConnecting, kJoining };

  PendingConnect(loop::Loop& loop, ConnectTable& table, const Asker& asker, std::uint64_t cookie,
                 const SocketAddress& to, HoldTable::Held held);
  ~PendingConnect() override;

  const SocketAddress& to() const { return to_; }            // as the program wants it
  const SocketAddress& held_at() const { return held_at_; }  // where its socket connects to
  const Asker& asker() const { return asker_; }
  std::uint64_t cookie() const { return cookie_; }
  Phase phase() const { return phase_; }
  TimePoint since() const { return since_; }  // of the phase
  std::uint16_t port() const { return program_.port; }

  // For the handle.
  void set_handle(HeldConnect* handle) { handle_ = handle; }
  void complete();
  void fail(ErrorCode code);

  // For the table. Those marked * may destroy this.
  std::optional<ErrorCode> failed_at_home() const;
  void listen_to_shim(UniqueFd conversation);
  void on_shim_spoke();                    // * or may have
  void on_told(const ShimQuestion& told);  // *
  bool is_the_announced_socket();          // in SYN_SENT, of the asker's user: asks the kernel
  void abandon(std::string_view why);      // *
  void try_again();                        // * a failure that could not be carried out before
  void fail_at_once();                     // the agent ends
  void take_syn(CaughtSyn caught);         // instead of the shim; again when the SYN was repeated
  bool is_caught() const { return caught_.has_value(); }
  void on_let_in(UniqueFd ours);  // *

 private:
  enum class Decision { kNone, kComplete, kFail };

  void on_fd_ready(loop::FdWatch& watch, bool readable, bool writable) override;
  void run_deferred() override { carry_out(); }
  void set_phase(Phase phase);
  void carry_out();
  void join();
  void on_joined();
  void hand_over();
  void carry_out_failure();
  bool forge_refusal(int error);
  void end();  // destroys this

  loop::Loop& loop_;
  ConnectTable& table_;
  HeldConnect* handle_ = nullptr;
  Asker asker_;
  std::uint64_t cookie_;
  SocketAddress to_, held_at_;
  HoldTable::Lease hold_;
  Phase phase_ = Phase::kAnnounced;
  TimePoint since_;
  Decision decision_ = Decision::kNone;
  ErrorCode code_ = ErrorCode::kNone;
  int refusals_tried_ = 0;
  SocketAddress program_;  // its socket's own address; valid from kConnecting on
  std::optional<CaughtSyn> caught_;
  UniqueFd conversation_, ours_;
  std::optional<loop::FdWatch> watch_;  // of conversation_, then of ours_
};

}  // namespace culvert::agent
