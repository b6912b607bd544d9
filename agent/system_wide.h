// agent/system_wide.h: which programs of the machine are carried without `culvert run`, as
// `culvert enable` keeps it in kSystemWideFile, and the rules for the kernel that follow from it.
//
// The file is written by root's command alone, and read by the agent: a setting of the machine. It
// is therefore not in the agent's state directory, which the agent may write.
//
// What the rules do: a SYN of a chosen program to a virtual address (or to an ordinary one that is
// forwarded) is led to lo, where the agent sees it, and is dropped; so the program stays in
// SYN_SENT. To let it in, the agent sends it again with kLetInMark: then it reaches the agent's
// transparent listener, under the address that the program meant. Nothing but SYNs, datagrams to
// the pool and questions to name servers is ever matched. Does no I/O.
#pragma once
#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tunnel/base/address.h"

namespace culvert::agent {

inline constexpr const char* kSystemWideFile = "/etc/culvert/system-wide";

// Marks of packets (SO_MARK, nft meta mark): all that the policy route leads to lo.
inline constexpr std::uint32_t kMarkBase = 0x43756c40, kMarkMask = 0xfffffffc;
inline constexpr std::uint32_t kHeldMark = kMarkBase + 1;   // a chosen program's first packet
inline constexpr std::uint32_t kLetInMark = kMarkBase + 2;  // that packet again
inline constexpr std::uint32_t kCarriedMark =
    kMarkBase + 3;                                    // what follows, to an ordinary address
inline constexpr std::uint32_t kRouteTable = 17'270;  // of packets with these marks

struct SystemWide {
  bool all = false;                 // every program ...
  std::vector<uid_t> users;         // ... or those of these users ...
  std::vector<std::string> slices;  // ... and in these control groups: "user.slice/user-1000.slice"

  // The agent, as it was when the rules were made.
  std::string socket;
  uid_t agent_uid = 0;  // whose packets are never touched
  IpPrefix pool;
  std::string domains;                       // space separated
  std::string forwarding;                    // CULVERT_FORWARD of shim/wire.h
  std::optional<SocketAddress> name_server;  // for programs with a resolver of their own

  bool empty() const { return !all && users.empty() && slices.empty(); }
  // Where the agent takes what is let in. Addresses that end in .0 mean no name.
  SocketAddress entry() const;
  bool operator==(const SystemWide&) const = default;
};

std::string to_text(const SystemWide& setting);
// kBadInput: names the line.
Result<SystemWide> parse_system_wide(std::string_view text);
// kNameUnknown: nothing is enabled.
Result<SystemWide> load_system_wide(const std::string& path = kSystemWideFile);

// Commands for nft(8) that replace the table of an earlier setting. `cgroups`: where the tree of
// control groups is below /sys/fs/cgroup, "" or "unified/".
std::string system_wide_rules(const SystemWide& setting, const std::string& cgroups);
std::string no_system_wide_rules();
inline constexpr const char* kSystemWideTable = "culvert_system_wide";
// Whether connections to ordinary IPv4 addresses are carried, which takes a route besides.
bool forwards_addresses(const SystemWide& setting);

}  // namespace culvert::agent
