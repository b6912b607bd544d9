// agent/system_wide_gate.h: the agent's side of system-wide mode (agent/system_wide.h): what the
// rules bring here becomes connects and datagrams as if a shim had asked. Tells the rules every
// second that the agent lives. Knows neither names nor policy: that is Handler.
#pragma once
#include <memory>

#include "agent/connect_table.h"
#include "agent/system_wide.h"
#include "agent/transparent_udp.h"

namespace culvert::agent {

class SystemWideGate final : private SynCatcher::Listener,
                             private loop::FdWatch::Listener,
                             private loop::Timer::Listener {
 public:
  class Handler {
   public:
    // The address of the pool that stands for an ordinary one; nothing: none is left.
    virtual std::optional<IpAddress> pool_address(const IpAddress& ordinary) = 0;
    virtual void on_caught_connect(std::unique_ptr<HeldConnect> held) = 0;
    // The first datagram of a program to `to`, where nobody listens yet. Whether somebody does now.
    virtual bool on_caught_datagram(const SocketAddress& to) = 0;

   protected:
    ~Handler() = default;
  };

  // Both outlive the gate.
  SystemWideGate(loop::Loop& loop, ConnectTable& connects, Handler& handler);
  ~SystemWideGate();
  Result<void> start(const SystemWide& setting);
  void beat();                      // says to the rules at once that the agent lives
  void pause() { paused_ = true; }  // for good: programs repeat their SYNs to the next process

 private:
  static constexpr std::chrono::seconds kBeat{1};  // the rules believe it for three
  static constexpr std::size_t kLargest = 65'536;
  static constexpr int kAtOnce = 64;

  void on_syn_caught(CaughtSyn caught) override;
  void on_let_in(UniqueFd ours, const SocketAddress& program, const SocketAddress& to) override;
  void on_fd_ready(loop::FdWatch& watch, bool readable, bool writable) override;
  void on_timer(loop::Timer& timer) override;
  void send_again(const CaughtDatagram& datagram);

  loop::Loop& loop_;
  ConnectTable& connects_;
  Handler& handler_;
  SynCatcher catcher_;
  IpPrefix pool_;
  SocketAddress entry_;
  UniqueFd datagrams_, raw_;
  ByteVector buffer_;
  std::optional<loop::FdWatch> datagrams_watch_;
  loop::Timer beat_;
  bool paused_ = false;
};

}  // namespace culvert::agent
