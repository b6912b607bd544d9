// tunnel/proxies/hint.h: that there may be a proxy, and who says so.
//
// Words used in this folder
//   hint      a proxy's URL with its source; nobody has spoken with it yet
//   source    who named it, for people: "https_proxy of the agent", "DHCP option 252 of 10.0.0.1"
//   trusted   the user himself named it (configuration, environment, desktop); only such a proxy
//   may
//             be shown credentials. What a network announces is never trusted
//   PAC       proxy auto-configuration: a script whose FindProxyForURL() names proxies
//   WPAD      web proxy auto-discovery: how a network tells where its PAC script is
//
// Nothing here knows whether a proxy lets anybody through: only a session's handshake shows that.
#pragma once
#include <string>

namespace culvert::proxies {

struct Hint {
  std::string
      url;  // "http://10.0.0.1:3128", "socks5://user:secret@[2001:db8::1]:1080"; never logged
  std::string source;
  bool trusted = false;
  bool passing = false;  // named by one user of several: a last resort, and not remembered
  bool script = false;   // the URL is that of a PAC script
  bool operator==(const Hint&) const = default;
};

}  // namespace culvert::proxies
