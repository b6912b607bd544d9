// Megabytes both ways between the TLS layer and the openssl program, with every suite that has
// records of our own, and the ends that follow. Skipped where openssl is not installed.
#include <algorithm>
#include <random>
#include <sstream>

#include "tests/unit/tunnel/carrier/openssl_peer.h"

namespace culvert::carrier {
namespace {

constexpr std::size_t kBulk = 4'000'000;

struct Suite {
  const char* openssl;
  const char* ours;
  bool rsa;
};

// Lines, because s_server can do no more than reverse lines; they begin with no command letter.
std::string lines(unsigned seed) {
  std::mt19937 random(seed);
  std::string text;
  while (text.size() < kBulk) {
    for (auto left = 1 + random() % 9000; left > 0; --left)
      text += static_cast<char>('a' + random() % 26);
    text += '\n';
  }
  return text;
}

std::string reversed(const std::string& text) {
  std::istringstream in(text);
  std::string out;
  for (std::string line; std::getline(in, line);) {
    std::ranges::reverse(line);
    out += line + '\n';
  }
  return out;
}

class TlsInteropBulk : public TlsInterop, public testing::WithParamInterface<Suite> {
 protected:
  void SetUp() override {
    TlsInterop::SetUp();
    if (IsSkipped() || !GetParam().rsa) return;
    Program maker({"openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj",
                   std::string("/CN=") + kServerName, "-addext",
                   std::string("subjectAltName=DNS:") + kServerName, "-keyout", file("key.pem"),
                   "-out", file("cert.pem")});
    while (maker.hear_more()) {
    }
  }
  std::string content(const char* name) const {
    std::ostringstream text;
    text << std::ifstream(directory_ / name).rdbuf();
    return text.str();
  }

  void expect_own_records(const TlsLayer& layer) const {
    EXPECT_EQ(layer.describe().rfind(std::string("TLSv1.2 ") + GetParam().ours, 0), 0u)
        << layer.describe();
    const bool aes128 = std::string_view(GetParam().ours).find("AES-128") != std::string::npos;
    const bool aes256 = std::string_view(GetParam().ours).find("AES-256") != std::string::npos;
    EXPECT_EQ(layer.freed_the_library(), TlsLayer::kHandsOver &&
                                             (!aes128 || crypto::supports_aes128_gcm()) &&
                                             (!aes256 || crypto::hardware_aes()));
  }

  SystemRandom random_;
};

TEST_P(TlsInteropBulk, ServesSClient) {
  const auto up = lines(1), down = lines(2);
  std::ofstream(directory_ / "up") << up;
  Program client({"openssl", "s_client", "-connect", listen_on_loopback(), "-servername",
                  kServerName, "-CAfile", file("cert.pem"), "-verify_return_error", "-verify_quiet",
                  "-quiet", "-tls1_2", "-cipher", GetParam().openssl},
                 file("up"));
  const auto connection = accept_one();
  ASSERT_TRUE(connection);
  auto context = TlsServerContext::make({content("cert.pem"), content("key.pem")}, {}, random_);
  ASSERT_TRUE(context);
  const auto layer = TlsLayer::server(*context);
  pump(*layer, connection.get(), [&] { return layer->established(); });
  expect_own_records(*layer);
  auto got = take_text(*layer);
  exchange(*layer, connection.get(), client, down, got, [&] { return got.size() >= up.size(); });
  EXPECT_TRUE(got == up);
  end_both(*layer, connection.get(), client);
  while (client.hear_more()) {
  }
  EXPECT_NE(client.heard().find(down), std::string::npos);
}

TEST_P(TlsInteropBulk, CallsSServer) {
  const auto up = lines(3);
  Program server({"openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", file("cert.pem"),
                  "-key", file("key.pem"), "-rev", "-tls1_2", "-cipher", GetParam().openssl});
  const auto connection = connect_to(server);
  ASSERT_TRUE(connection) << server.heard();
  auto context = TlsClientContext::make({{}, content("cert.pem")}, random_);
  ASSERT_TRUE(context);
  const auto layer = TlsLayer::client(*context, kServerName);
  pump(*layer, connection.get(), [&] { return layer->established(); });
  expect_own_records(*layer);
  std::string got;
  exchange(*layer, connection.get(), server, up, got, [&] { return got.size() >= up.size(); });
  EXPECT_TRUE(got == reversed(up));
  end_both(*layer, connection.get(), server);
}

constexpr Suite kSuites[] = {
    {"ECDHE-ECDSA-AES128-GCM-SHA256", "TLS-ECDHE-ECDSA-WITH-AES-128-GCM-SHA256", false},
    {"ECDHE-ECDSA-AES256-GCM-SHA384", "TLS-ECDHE-ECDSA-WITH-AES-256-GCM-SHA384", false},
    {"ECDHE-ECDSA-CHACHA20-POLY1305", "TLS-ECDHE-ECDSA-WITH-CHACHA20-POLY1305-SHA256", false},
    {"ECDHE-RSA-AES128-GCM-SHA256", "TLS-ECDHE-RSA-WITH-AES-128-GCM-SHA256", true},
    {"ECDHE-RSA-AES256-GCM-SHA384", "TLS-ECDHE-RSA-WITH-AES-256-GCM-SHA384", true},
    {"ECDHE-RSA-CHACHA20-POLY1305", "TLS-ECDHE-RSA-WITH-CHACHA20-POLY1305-SHA256", true},
};
INSTANTIATE_TEST_SUITE_P(Suites, TlsInteropBulk, testing::ValuesIn(kSuites), [](const auto& suite) {
  std::string name = suite.param.openssl;
  std::erase(name, '-');
  return name;
});

TEST_F(TlsInterop, KeepsToTheRecordSizeThatSClientAskedFor) {
  const auto down = lines(4);
  Program client({"openssl", "s_client", "-connect", listen_on_loopback(), "-CAfile",
                  file("cert.pem"), "-quiet", "-tls1_2", "-maxfraglen", "512"});
  const auto connection = accept_one();
  ASSERT_TRUE(connection);
  TlsParties parties;
  auto& layer = *parties.server;
  pump(layer, connection.get(), [&] { return layer.established(); });
  std::string nothing;
  exchange(layer, connection.get(), client, down, nothing, [] { return true; });
  end_both(layer, connection.get(), client);
  while (client.hear_more()) {
  }
  EXPECT_NE(client.heard().find(down), std::string::npos);
}

TEST_F(TlsInterop, DeclinesARenegotiationThatSClientWants) {
  Program client({"openssl", "s_client", "-connect", listen_on_loopback(), "-CAfile",
                  file("cert.pem"), "-tls1_2"});
  const auto connection = accept_one();
  ASSERT_TRUE(connection);
  TlsParties parties;
  auto& layer = *parties.server;
  pump(layer, connection.get(), [&] { return layer.established(); });
  ASSERT_TRUE(client.wait_for("Verify return code"));
  client.say("R\n");
  while (client.hear_more() && client.heard().find("no renegotiation") == std::string::npos) {
    if (!is_ready(connection.get(), POLLIN)) break;
    const auto wire = read_some(connection.get());
    if (wire.empty() || !layer.receive(as_bytes(wire))) break;  // it gives up, with a fatal alert
    flush(layer, connection.get());
  }
  while (client.heard().find("no renegotiation") == std::string::npos && client.hear_more()) {
  }
  EXPECT_NE(client.heard().find("no renegotiation"), std::string::npos) << client.heard();
}

}  // namespace
}  // namespace culvert::carrier
