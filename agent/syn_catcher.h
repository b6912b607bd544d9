// agent/syn_catcher.h: sees the SYNs that the rules of system-wide mode (agent/system_wide.h) hold
// back on lo, and lets them in: a SYN that is sent again with kLetInMark reaches a listener here,
// so that an ordinary handshake completes the program's connect, under the address that it meant.
// Needs CAP_NET_RAW.
//
// Not by a simultaneous open, as for programs with a shim: this listener is in nobody's way, and
// nobody in its: a local server on 0.0.0.0 may have any of the ports that programs connect to.
#pragma once
#include <optional>

#include "agent/syn_watch.h"
#include "tunnel/base/bytes.h"
#include "tunnel/loop/fd_watch.h"

namespace culvert::agent {

struct CaughtSyn {
  SeenSyn syn;
  ByteVector packet;  // with its IP header, without data
};

// From an IPv4 packet of a SYN. Checksums are made anew: on lo they are mostly left out. Nothing:
// cut short, or not of the shape that Linux sends.
std::optional<CaughtSyn> parse_syn(Bytes packet);

class SynCatcher final : private loop::FdWatch::Listener {
 public:
  class Listener {
   public:
    virtual void on_syn_caught(CaughtSyn caught) = 0;
    // The program's connect to `to` is complete. Must not destroy the catcher.
    virtual void on_let_in(UniqueFd ours, const SocketAddress& program,
                           const SocketAddress& to) = 0;

   protected:
    ~Listener() = default;
  };

  SynCatcher(loop::Loop& loop, Listener& listener) : loop_(loop), listener_(listener) {}
  Result<void> start(const SocketAddress& entry);
  bool let_in(const CaughtSyn& caught);
  void look_again();  // after descriptors ran out: call it now and then

 private:
  static constexpr int kAtOnce = 256;
  void on_fd_ready(loop::FdWatch& watch, bool readable, bool writable) override;
  void read_syns();
  void accept_some();

  loop::Loop& loop_;
  Listener& listener_;
  UniqueFd syns_, entry_, raw_;
  std::optional<loop::FdWatch> syns_watch_, entry_watch_;
};

}  // namespace culvert::agent
