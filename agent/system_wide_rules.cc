#include <algorithm>
#include <sstream>

#include "agent/system_wide.h"

namespace culvert::agent {
namespace {

constexpr const char* kSyn = "tcp flags & (syn | ack | rst | fin) == syn ";

std::string hex(std::uint32_t value) {
  std::ostringstream out;
  out << "0x" << std::hex << value;
  return out.str();
}

std::string mark(std::uint32_t value) { return "meta mark " + hex(value) + " "; }
std::string set_mark(std::uint32_t value) { return "meta mark set " + hex(value) + " "; }

// A rule for each kind of choice that sends what is chosen to `chain`.
std::string choose(const SystemWide& setting, const std::string& cgroups,
                   const std::string& chain) {
  if (setting.all) return "    jump " + chain + "\n";
  std::string out;
  if (!setting.users.empty()) {
    std::string users;
    for (const auto uid : setting.users) users += (users.empty() ? "" : ", ") + std::to_string(uid);
    out += "    meta skuid { " + users + " } jump " + chain + "\n";
  }
  for (const auto& slice : setting.slices) {
    const auto path = cgroups + slice;
    // The level counts from the root of the tree, wherever that is mounted.
    const auto level = std::count(slice.begin(), slice.end(), '/') + 1;
    out += "    socket cgroupv2 level " + std::to_string(level) + " \"";
    out += path;
    out += "\" jump " + chain + "\n";
  }
  return out;
}

struct Forwarded {
  std::string prefix;
  bool excluded = false;
};

std::vector<Forwarded> forwarded_prefixes(const std::string& forwarding) {
  std::vector<Forwarded> all;
  std::istringstream words(forwarding);
  for (std::string word; words >> word;) {
    const bool excluded = word.front() == '!';
    const auto prefix = IpPrefix::parse(excluded ? word.substr(1) : word);
    if (prefix && prefix->address.is_v4()) all.push_back({prefix->to_string(), excluded});
  }
  return all;
}

// First match counts. Only while the agent lives: it says so every second.
std::string forward(const SystemWide& setting) {
  std::string out =
      "    oifname \"lo\" accept\n"
      "    meta protocol != @alive accept\n"
      "    ip daddr { 127.0.0.0/8, 169.254.0.0/16, 224.0.0.0/3 } accept\n";
  for (const auto& [prefix, excluded] : forwarded_prefixes(setting.forwarding))
    out +=
        "    ip daddr " + prefix + " " + (excluded ? "" : kSyn + set_mark(kHeldMark)) + "accept\n";
  return out;
}

}  // namespace

bool forwards_addresses(const SystemWide& setting) {
  const auto all = forwarded_prefixes(setting.forwarding);
  return std::any_of(all.begin(), all.end(), [](const auto& one) { return !one.excluded; });
}

std::string no_system_wide_rules() {
  // The first makes it there, so that the second does not fail.
  return std::string("table ip ") + kSystemWideTable + " {}\ndelete table ip " + kSystemWideTable +
         "\n";
}

std::string system_wide_rules(const SystemWide& setting, const std::string& cgroups) {
  const auto pool = setting.pool.to_string();
  const auto entry = setting.entry();
  const auto own = "meta skuid " + std::to_string(setting.agent_uid) + " ";
  const bool forwards = forwards_addresses(setting);
  std::string out = no_system_wide_rules() + "table ip " + kSystemWideTable + " {\n";
  out += "  set alive { type ether_type; flags dynamic, timeout; }\n";

  out += "  chain leaving {\n    type route hook output priority mangle; policy accept;\n";
  out += "    " + own + "ip daddr " + entry.ip.to_string() +
         " udp dport 9 update @alive { meta protocol timeout 3s } drop\n";
  if (forwards) {
    out += "    " + mark(kLetInMark) + "ip daddr != " + pool + " ct mark set " + hex(kCarriedMark) +
           " accept\n";
    out += "    ct mark " + hex(kCarriedMark) + " ct direction original " + set_mark(kCarriedMark) +
           "accept\n";
  }
  out += "    " + own + "accept\n" + choose(setting, cgroups, "chosen") + "  }\n";

  out += "  chain chosen {\n";
  if (setting.name_server)
    out += "    ip daddr " + setting.name_server->ip.to_string() + " accept\n";
  out += "    ip daddr " + pool + " " + kSyn + set_mark(kHeldMark) + "accept\n";
  out += "    ip daddr " + pool + " meta l4proto udp " + set_mark(kHeldMark) + "accept\n";
  if (forwards) out += forward(setting);
  out += "  }\n";

  // On lo what the chains above have marked arrives with its mark, but without its sender. A
  // tproxy statement ends its rule where the agent does not listen.
  const auto to_agent = "tproxy to " + entry.to_string() + " ";
  const std::string tcp = "meta l4proto tcp ", udp = "meta l4proto udp ";
  out += "  chain arriving {\n    type filter hook prerouting priority mangle; policy accept;\n";
  out += "    iifname != \"lo\" accept\n";
  out += "    " + mark(kLetInMark) + tcp + to_agent + "accept\n";
  out += "    " + mark(kHeldMark) + tcp + to_agent + "drop\n";
  out += "    " + mark(kHeldMark) + tcp + "reject with tcp reset\n";
  out += "    " + mark(kHeldMark) + udp + "socket wildcard 0 accept\n";
  out += "    " + mark(kHeldMark) + udp + to_agent + "accept\n";
  out += "    " + mark(kHeldMark) + "reject\n  }\n";

  if (setting.name_server) {
    const auto to = "dnat to " + setting.name_server->to_string() + "\n";
    out += "  chain names {\n    type nat hook output priority -100; policy accept;\n";
    out += "    " + own + "accept\n    ip daddr " + pool + " accept\n";
    out += "    meta protocol != @alive accept\n" + choose(setting, cgroups, "asked") + "  }\n";
    out += "  chain asked {\n    udp dport 53 " + to + "    tcp dport 53 " + to + "  }\n";
  }
  return out + "}\n";
}

}  // namespace culvert::agent
