// agent/enclosed_datagrams.h: the UDP of an enclosure. The first datagram of a program's socket to
// an address is caught by the rules and comes here with both its addresses; a flow is made for it:
// a socket inside that stands at the address the program wrote to, and one outside that is
// bound when it sends to the true destination. What follows goes through these two. Who
// answers the one outside from elsewhere (TFTP does) gets a flow of its own, with the same socket
// outside. Flows end when they were silent for a while. Errors that the destination's network
// reports (ICMP) are passed back.
#pragma once
#include <list>
#include <map>
#include <memory>

#include "agent/enclosed_connect.h"
#include "agent/ip_packet.h"
#include "tunnel/loop/timer.h"

namespace culvert::agent {

class EnclosedDatagrams final : private loop::FdWatch::Listener, private loop::Timer::Listener {
 public:
  static constexpr std::size_t kMostFlows = 1024;  // the one that was silent for longest goes first
  static constexpr std::ptrdiff_t kMostBeside = 16;  // further ones, that answers to one have made
  static constexpr std::chrono::seconds kSilence{120}, kLook{10};  // RFC 4787 REQ-5
  static constexpr std::chrono::seconds kNameSilence{20};          // port 53: a question, an answer

  EnclosedDatagrams(loop::Loop& loop, const AgentFacts& agent, EnclosedSide& inside);
  ~EnclosedDatagrams();
  Result<void> start();

 private:
  static constexpr std::size_t kLargest = 65'536;
  static constexpr int kAtOnce = 64;
  class Flow;
  class Far;
  using Key = EnclosedConnect::Key;

  void on_fd_ready(loop::FdWatch& watch, bool readable, bool writable) override;
  void on_timer(loop::Timer& timer) override;
  bool take_one();
  Flow* flow_of(const Key& key);
  Flow* make_flow(const Key& key, const SocketAddress& to, std::shared_ptr<Far> far);
  void pass_in(const std::shared_ptr<Far>& far, const Key& key, Bytes datagram);
  void pass_in(const Key& key, IcmpUnreachable code);

  loop::Loop& loop_;
  const AgentFacts& agent_;
  EnclosedSide& inside_;
  ByteVector buffer_;
  UniqueFd caught_;
  std::optional<loop::FdWatch> watch_;
  std::map<Key, std::unique_ptr<Flow>> flows_;
  loop::Timer silence_;
};

}  // namespace culvert::agent
