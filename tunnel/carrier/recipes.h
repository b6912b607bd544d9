// tunnel/carrier/recipes.h: the table of carriers. Policy (which to try, in what order, through
// which proxy) is the route picker's; making the layers is carrier_dial.cc's.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

#include "tunnel/carrier/proxy.h"

namespace culvert::carrier {

enum class LayerKind : std::uint8_t { kTls, kHttpConnect, kSocks, kWebSocket, kFtp, kFtpPair };

struct Recipe {
  std::string_view name;              // in configuration, status and logs: "direct", "tls"
  std::string_view title;             // for people
  std::span<const LayerKind> layers;  // from below to above; empty: the TCP connection itself
  std::uint16_t default_port;         // of the service, where its address names none
  // The kinds of proxy that its lowest layer speaks to; empty: the connection is to the service.
  std::span<const ProxyKind> proxies;
  // A carrier made of HTTP requests (tunnel/exchange) over many connections: what each of those
  // is; `layers` are those of the first. Null: the carrier is one connection.
  const Recipe* lanes = nullptr;
  // Of the service, whatever its address names: what is reached on that port alone. 0: none.
  std::uint16_t fixed_port = 0;

  bool needs_proxy() const { return !proxies.empty(); }
  bool goes_through(ProxyKind kind) const;
  bool has(LayerKind kind) const;
};

std::span<const Recipe> all_recipes();
const Recipe* find_recipe(std::string_view name);  // nullptr: there is none of that name

}  // namespace culvert::carrier
