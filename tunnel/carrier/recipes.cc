#include "tunnel/carrier/recipes.h"

#include <algorithm>

namespace culvert::carrier {
namespace {

constexpr LayerKind kTlsOnly[] = {LayerKind::kTls};
constexpr LayerKind kConnect[] = {LayerKind::kHttpConnect};
constexpr LayerKind kConnectTls[] = {LayerKind::kHttpConnect, LayerKind::kTls};
constexpr LayerKind kSocks[] = {LayerKind::kSocks};
constexpr LayerKind kSocksTls[] = {LayerKind::kSocks, LayerKind::kTls};
constexpr LayerKind kFtp[] = {LayerKind::kFtp};
constexpr LayerKind kFtpPair[] = {LayerKind::kFtpPair};
constexpr LayerKind kWebSocket[] = {LayerKind::kWebSocket};
constexpr LayerKind kTlsWebSocket[] = {LayerKind::kTls, LayerKind::kWebSocket};
constexpr LayerKind kConnectWebSocket[] = {LayerKind::kHttpConnect, LayerKind::kWebSocket};
constexpr LayerKind kConnectTlsWebSocket[] = {LayerKind::kHttpConnect, LayerKind::kTls,
                                              LayerKind::kWebSocket};

constexpr ProxyKind kHttpProxies[] = {ProxyKind::kHttp, ProxyKind::kHttps};
constexpr ProxyKind kFtpProxies[] = {ProxyKind::kFtp};
constexpr ProxyKind kSocksProxies[] = {ProxyKind::kSocks4, ProxyKind::kSocks4a, ProxyKind::kSocks5};

// Connections of an HTTP exchange; not ways by themselves.
constexpr Recipe kHttpLane{"http lane", "HTTP", {}, 80, {}};
constexpr Recipe kHttpTlsLane{"http-tls lane", "HTTP over TLS", kTlsOnly, 443, {}};
constexpr Recipe kHttpProxyLane{"http-proxy lane", "HTTP proxy", {}, 443, kHttpProxies};
constexpr Recipe kConnectHttpTlsLane{"connect-http-tls lane", "HTTP over TLS by CONNECT",
                                     kConnectTls, 443, kHttpProxies};

// Cheapest first. One port for all: the service's front door tells them apart by their first bytes.
constexpr Recipe kRecipes[] = {
    {"direct", "plain TCP", {}, 443, {}},
    {"tls", "TLS over TCP", kTlsOnly, 443, {}},
    {"connect", "CONNECT through an HTTP proxy", kConnect, 443, kHttpProxies},
    {"connect-tls", "TLS by CONNECT through an HTTP proxy", kConnectTls, 443, kHttpProxies},
    {"socks", "through a SOCKS proxy", kSocks, 443, kSocksProxies},
    {"socks-tls", "TLS through a SOCKS proxy", kSocksTls, 443, kSocksProxies},
    {"websocket", "WebSocket", kWebSocket, 443, {}},
    {"websocket-tls", "WebSocket over TLS", kTlsWebSocket, 443, {}},
    {"proxy-websocket", "WebSocket through an HTTP proxy", kWebSocket, 443, kHttpProxies},
    {"connect-websocket", "WebSocket by CONNECT", kConnectWebSocket, 443, kHttpProxies},
    {"connect-websocket-tls", "WebSocket over TLS by CONNECT", kConnectTlsWebSocket, 443,
     kHttpProxies},
    {"ftp", "a file of an FTP server, through an FTP proxy", kFtp, 443, kFtpProxies},
    {"ftp-pair", "a file down and a file up, through an FTP proxy", kFtpPair, 443, kFtpProxies},
    {"http-proxy", "HTTP requests through an HTTP proxy", {}, 443, kHttpProxies, &kHttpProxyLane},
    {"connect-http-tls", "HTTP requests in TLS by CONNECT through an HTTP proxy", kConnectTls, 443,
     kHttpProxies, &kConnectHttpTlsLane},
    {"http", "HTTP requests", {}, 443, {}, &kHttpLane},
    {"http-tls", "HTTP requests in TLS", kTlsOnly, 443, {}, &kHttpTlsLane},
    // Where rules or an interceptor let only the web's own port pass.
    {"http-proxy-80",
     "HTTP requests to port 80 through an HTTP proxy",
     {},
     80,
     kHttpProxies,
     &kHttpProxyLane,
     80},
    {"http-80", "HTTP requests to port 80", {}, 80, {}, &kHttpLane, 80},
};

}  // namespace

bool Recipe::goes_through(ProxyKind kind) const {
  return std::ranges::find(proxies, kind) != proxies.end();
}

bool Recipe::has(LayerKind kind) const { return std::ranges::find(layers, kind) != layers.end(); }

std::span<const Recipe> all_recipes() { return kRecipes; }

const Recipe* find_recipe(std::string_view name) {
  const auto* found = std::ranges::find(kRecipes, name, &Recipe::name);
  return found == std::end(kRecipes) ? nullptr : found;
}

}  // namespace culvert::carrier
