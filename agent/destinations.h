// agent/destinations.h: which connections of programs go through Culvert, and how.
//
// In this order, the first that applies:
//   1. this machine itself (loopback, link-local, localhost) and the service: directly
//   2. a virtual name: to the machine of that name, or to what the service hosts under it
//   3. a [[forward]] entry that lists the name or the address: through the service
//   4. [outside], where it says so, for what is not internal: through the service
//   5. everything else: directly, as if there were no Culvert
//
// Does no I/O: what is internal by this machine's own network is told by set_local().
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "agent/config.h"
#include "agent/local_network.h"

namespace culvert::agent {

enum class Way : std::uint8_t {
  kDirect,      // not through Culvert
  kEndpoint,    // to another machine
  kService,     // an ordinary host, through the service
  kAfterDirect  // an ordinary host, through the service once a direct attempt has failed
};

class Destinations {
 public:
  using Steps = std::vector<std::string>;  // a sentence each, for people

  // `domain`: names below it are virtual.
  Destinations(const AgentConfig& config, std::string domain, const HostPort& service);
  void set_local(LocalNetwork local) { local_ = std::move(local); }
  bool discovers() const;

  // Whether the service has said of a virtual name that there is no machine behind it, but
  // something of its own: a conference, a telephone gateway.
  // One more than these takes the place of the one that was not told of for longest; that is
  // a machine's again until it is looked up anew.
  static constexpr std::size_t kMostHosted = 4096;
  void set_hosted(const std::string& name, bool hosted);

  bool is_virtual(std::string_view canonical) const;
  // `canonical`: virtual_name.h; an address in text form is judged as the address it is.
  Way of_name(std::string_view canonical, Steps* why = nullptr) const;
  Way of_address(const IpAddress& address, Steps* why = nullptr) const;

  // Which addresses a program has to ask about before it connects to them, for shim/wire.h
  // CULVERT_FORWARD: "10.20.0.0/16 !10.0.0.0/8 0.0.0.0/0". Not more than kMostPrefixes.
  std::string asked_prefixes() const;

 private:
  bool is_special(const IpAddress& address, Steps* why) const;
  bool is_internal(std::string_view name, Steps* why) const;
  bool is_internal(const IpAddress& address, Steps* why) const;

  const AgentConfig& config_;
  std::string domain_;
  HostPort service_;
  LocalNetwork local_;
  std::unordered_map<std::string, std::uint64_t> hosted_;  // by name: when told of last
  std::uint64_t told_ = 0;                                 // counts
};

}  // namespace culvert::agent
