// agent/publisher.h: which ports (of TCP, or of UDP) of this endpoint others may reach, and where
// they lead: the union of [[listen]] entries and of listening programs that the policy allows. Does
// no I/O.
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

  Publisher(Protocol protocol, PublishPolicy policy, std::vector<ListenEntry> entries);

  // Whether the policy lets it be published at all (if it asks: once somebody has agreed).
  bool admits(const ProgramListener& listener) const;
  // True if the set of ports has changed: tell the service.
  bool add(const ProgramListener& listener);
  bool remove(const ProgramListener& listener);

  std::vector<std::uint16_t> ports() const;  // ascending
  // Asked at each stream that is opened (S10). A program that listens goes before an entry.
  std::optional<InboundTarget> target(std::uint16_t port) const;

 private:
  PublishPolicy policy_;
  std::vector<ListenEntry> entries_;
  std::map<std::uint64_t, ProgramListener> listeners_;  // by cookie
};

}  // namespace culvert::agent
