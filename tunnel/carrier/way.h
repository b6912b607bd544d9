// tunnel/carrier/way.h: one way to the service, complete: what is spoken, through which proxy, to
// whom. A value, made by whoever plans; CarrierDial goes it, any number of times.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "tunnel/carrier/proxy.h"
#include "tunnel/carrier/recipes.h"
#include "tunnel/carrier/tls_peer.h"
#include "tunnel/exchange/capabilities.h"

namespace culvert::carrier {

// What is seen on a way while it is gone.
struct WayNotes {
  exchange::Capabilities exchange;  // of recipes with lanes; at first, what is known already
  std::optional<TlsPeer> shown;     // in the TLS that is meant for the service
};

struct Way {
  const Recipe* recipe = nullptr;  // of recipes.h, so it lives for ever
  std::optional<Proxy> proxy;      // if, and only if, the recipe goes through one
  HostPort service;                // as a proxy is asked for it; its host is what TLS names
  SocketAddress first_hop;         // what is dialled: the proxy, or the service itself
  // The service's, where it is known: SOCKS4 can name nothing else.
  std::optional<IpAddress> service_address;
  std::shared_ptr<WayNotes> notes{};  // null: nobody wants to know
  bool also_named = false;            // `service` has another host than people gave it
  bool small_segments = false;        // long packets get lost here without a word
};

// For people: "tls to 192.0.2.1:443", "tls to 192.0.2.1:443 as example.net",
// "connect-tls through http://proxy.example.net:3128 (192.0.2.9) to service.example.net:443".
std::string to_string(const Way& way);

// The same recipe, proxy and addresses; credentials, the proxy's source and notes do not matter.
bool is_same_way(const Way& one, const Way& other);

}  // namespace culvert::carrier
