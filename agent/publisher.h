// agent/publisher.h: which ports (of TCP, or of UDP) of this endpoint others may reach, and where
// they lead: the union of [[listen]] entries and of listening programs that the policy allows.
// Those that the kernel has chosen for UDP sockets are reached as well, but announced to nobody.
// Does no I/O.
#pragma once
#include <map>
#include <optional>
#include <vector>

#include "agent/config.h"
#include "agent/inbound_dial.h"
#include "agent/listener_watch.h"

namespace culvert::agent {

class Publisher {
 public:
  static constexpr std::size_t kMostPorts = 1024;  // told to the service; the lowest ones first

  Publisher(Protocol protocol, PublishPolicy policy, const std::vector<ListenEntry>& entries);

  // Whether the policy lets it be published at all (if it asks: once somebody has agreed).
  bool admits(const ProgramListener& listener) const;
  // True if the set of announced ports may have changed: tell the service. As quick with thousands
  // as with one.
  bool add(const ProgramListener& listener);
  bool remove(const ProgramListener& listener);

  std::vector<std::uint16_t> ports() const;  // announced, ascending
  bool leads_on(std::uint16_t port) const { return by_port_.contains(port); }
  // Asked at each stream that is opened (S10). A program that listens goes before an entry, if it
  // is root's or of our own user.
  std::optional<InboundTarget> target(std::uint16_t port) const;

 private:
  bool may_have(const ProgramListener& listener) const;

  uid_t own_uid_;
  PublishPolicy policy_;
  struct Port {
    std::optional<SocketAddress> entry;
    std::map<std::uint64_t, ProgramListener> listeners;  // by cookie
    std::map<std::uint64_t, ProgramListener> unannounced;
    bool announced() const { return entry || !listeners.empty(); }
  };
  std::map<std::uint16_t, Port> by_port_;  // each leads somewhere
};

}  // namespace culvert::agent
