// agent/connect_table.h: all pending connects and what they share: the holds, the kernel's
// knowledge about sockets, the raw sockets (where they are allowed), the remembered failures.
#pragma once
#include <memory>
#include <optional>
#include <unordered_map>

#include "agent/destroy_watch.h"
#include "agent/failure_memory.h"
#include "agent/inet_diag.h"
#include "agent/pending_connect.h"
#include "agent/refusal.h"
#include "agent/syn_watch.h"
#include "tunnel/loop/timer.h"

namespace culvert::agent {

class ConnectTable final : private DestroyWatch::Listener, private loop::Timer::Listener {
 public:
  static constexpr std::size_t kMost = 16'384;
  static constexpr std::chrono::seconds kSweepEvery{1};
  // Most connects are over sooner. Of those that are not we want to hear when their socket dies.
  static constexpr std::chrono::milliseconds kWatchAfter{20};
  static constexpr std::chrono::seconds kTellWithin{30};  // HOLD was answered, the shim is silent
  static constexpr std::chrono::seconds kJoinWithin{5};   // loopback answers at once or never

  ConnectTable(loop::Loop& loop, const IpPrefix& pool, bool use_raw_socket, Duration hold_linger);
  ~ConnectTable();
  ConnectTable(const ConnectTable&) = delete;
  ConnectTable& operator=(const ConnectTable&) = delete;

  bool low_ports_mapped() const { return low_ports_mapped_; }
  bool has_raw_socket() const { return refusal_.has_value(); }
  std::size_t size() const { return pending_.size(); }
  FailureMemory& failures() { return failures_; }
  HoldTable& holds() { return holds_; }

  // `fresh` is null if this socket's connect to `to` is pending already (the program called
  // connect() again: its kernel will say EALREADY).
  struct Added {
    PendingConnect* fresh = nullptr;
    SocketAddress held_at;
  };
  Result<Added> add(const Asker& asker, std::uint64_t cookie, const SocketAddress& to);
  // After the core heard of it: an error that connect() itself returns, else waits for the shim.
  Result<void> check_decision(std::uint64_t cookie);
  void listen_to_shim(std::uint64_t cookie, UniqueFd conversation);
  void on_told(std::uint64_t cookie, const ShimQuestion& told);  // instead of the two before

  // System-wide mode. `catcher` lives until this is called with null.
  void set_catcher(SynCatcher* catcher) { catcher_ = catcher; }
  // The socket that has sent it, if it still waits for an answer and its connect is not pending.
  std::optional<DiagSocket> new_socket(CaughtSyn& caught);
  // Null: too many wait already. The program will repeat its SYN.
  PendingConnect* add_caught(const Asker& asker, std::uint64_t cookie, const SocketAddress& to,
                             CaughtSyn caught);
  void on_let_in(UniqueFd ours, const SocketAddress& program, const SocketAddress& to);

 private:
  friend class PendingConnect;
  void on_socket_destroyed(std::uint64_t cookie) override;
  void on_events_lost() override;
  void on_timer(loop::Timer& timer) override;
  bool is_pending(std::uint64_t cookie, const SocketAddress& to);
  PendingConnect* find(std::uint64_t cookie);
  void look_at_age(PendingConnect& pending);
  bool has_slow() const;
  void watch_slow();
  void sweep();
  PendingConnect& insert(std::unique_ptr<PendingConnect> pending);
  void remove(const PendingConnect& pending) { pending_.erase(pending.cookie()); }

  loop::Loop& loop_;
  bool low_ports_mapped_;
  HoldTable holds_;
  InetDiag diag_;
  DestroyWatch destroyed_;
  FailureMemory failures_;
  std::optional<SynWatch> syns_;
  std::optional<Refusal> refusal_;
  SynCatcher* catcher_ = nullptr;
  loop::Timer sweep_, slow_;
  std::unordered_map<std::uint64_t, std::unique_ptr<PendingConnect>> pending_;
};

}  // namespace culvert::agent
