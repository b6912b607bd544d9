// tunnel/proxies/pac_answer.h: what FindProxyForURL() returns, "PROXY a:3128; SOCKS b:1080;
// DIRECT", and what can be learnt of a script that does not run: the proxies that its text names.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace culvert::proxies {

inline constexpr std::size_t kMostPacProxies = 16;  // of one answer; what follows is left out

struct PacAnswer {
  // In their order, each once: "http://a:3128". SOCKS without a version gives socks5:// and, behind
  // it, socks4://: browsers do not agree what it means.
  std::vector<std::string> urls;
  bool direct = false;  // DIRECT is among them; an empty answer means that, too
  bool operator==(const PacAnswer&) const = default;
};

// Elements of unknown types, with impossible hosts or ports, are skipped, as browsers do.
PacAnswer parse_pac_answer(std::string_view text);

// "PROXY host:port" and the like anywhere in `script`; only with a port, so that a word in a
// comment is not taken for one.
std::vector<std::string> find_pac_literals(std::string_view script);

}  // namespace culvert::proxies
