// A TLS client and server for tests, with a self-signed identity made once.
#pragma once
#include <gtest/gtest.h>

#include <random>

#include "tunnel/carrier/tls_layer.h"

namespace culvert::carrier {

inline constexpr auto kServerName = "gate.example.net";

inline UnixTime wall_time() { return std::chrono::system_clock::now(); }

inline const TlsServerIdentity& test_identity() {
  static const TlsServerIdentity identity = [] {
    SystemRandom random;
    return TlsServerIdentity::self_signed(kServerName, wall_time(), random).value();
  }();
  return identity;
}

struct TlsParties {
  explicit TlsParties(const TlsClientContext::Options& options = {},
                      const std::vector<std::string>& server_alpn = {})
      : client_context(TlsClientContext::make(options, random).value()),
        server_context(TlsServerContext::make(test_identity(), server_alpn, random).value()) {
    connect();
  }
  void connect(std::string name = kServerName) {
    client = TlsLayer::client(client_context, std::move(name));
    server = TlsLayer::server(server_context);
  }

  SystemRandom random;
  TlsClientContext client_context;
  TlsServerContext server_context;
  std::unique_ptr<TlsLayer> client;
  std::unique_ptr<TlsLayer> server;
};

// Moves at most `limit` bytes, as a network would. The result is the receiver's.
inline Result<void> carry(TlsLayer& from, TlsLayer& to, std::size_t limit = 65536) {
  const auto wire = from.pending_output().first(std::min(limit, from.pending_output().size()));
  if (wire.empty() || !to.wants_input()) return {};
  auto done = to.receive(wire);
  from.output_sent(wire.size());
  return done;
}

// Until nothing moves any more, or somebody fails.
inline Result<void> settle(TlsParties& parties) {
  for (int i = 0; i < 1000; ++i) {
    if (parties.client->pending_output().empty() && parties.server->pending_output().empty()) break;
    auto there = carry(*parties.client, *parties.server);
    auto back = carry(*parties.server, *parties.client);
    if (!there) return there;
    if (!back) return back;
  }
  return {};
}

inline std::string take_text(TlsLayer& layer) {
  std::string text(as_text(layer.readable()));
  layer.consumed(text.size());
  return text;
}

}  // namespace culvert::carrier
