// The TLS layer against the openssl program over loopback. Skipped where that is not installed.
#include "tests/unit/tunnel/carrier/openssl_peer.h"

namespace culvert::carrier {
namespace {

TEST_F(TlsInterop, ServesOpensslSClientThatVerifies) {
  const auto address = listen_on_loopback();
  Program client({"openssl", "s_client", "-connect", address, "-servername", kServerName,
                  "-verify_hostname", kServerName, "-CAfile", file("cert.pem"),
                  "-verify_return_error", "-alpn", "h2,http/1.1", "-no_ign_eof"});
  const auto connection = accept_one();
  ASSERT_TRUE(connection);

  TlsParties parties({}, {"http/1.1"});
  auto& layer = *parties.server;
  pump(layer, connection.get(), [&] { return layer.established(); });
  client.say("hello from openssl\n");
  std::string got;
  pump(layer, connection.get(), [&] {
    got += take_text(layer);
    return got.find('\n') != std::string::npos;
  });
  EXPECT_EQ(got, "hello from openssl\n");
  EXPECT_EQ(layer.alpn(), "http/1.1");

  ASSERT_EQ(*layer.write(as_bytes("hello from culvert\n")), 19u);
  pump(layer, connection.get(), [] { return true; });
  EXPECT_TRUE(client.wait_for("hello from culvert"));
  EXPECT_NE(client.heard().find("Verify return code: 0 (ok)"), std::string::npos) << client.heard();
  EXPECT_NE(client.heard().find("ALPN protocol: http/1.1"), std::string::npos);

  client.say("Q\n");  // openssl's way to end
  pump(layer, connection.get(), [&] { return layer.peer_ended(); });
}

TEST_F(TlsInterop, CallsOpensslSServer) {
  Program server({"openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", file("cert.pem"),
                  "-key", file("key.pem"), "-rev", "-alpn", "http/1.1"});
  const auto connection = connect_to(server);
  ASSERT_TRUE(connection) << server.heard();

  TlsParties parties({{"http/1.1"}, test_identity().certificate_pem});
  auto& layer = *parties.client;
  pump(layer, connection.get(), [&] { return layer.established(); });
  EXPECT_EQ(layer.alpn(), "http/1.1");
  EXPECT_EQ(layer.peer()->subject, "CN=gate.example.net");
  ASSERT_EQ(*layer.write(as_bytes("stressed\n")), 9u);
  std::string got;
  pump(layer, connection.get(), [&] {
    got += take_text(layer);
    return got.find('\n') != std::string::npos;
  });
  EXPECT_EQ(got, "desserts\n");
  ASSERT_TRUE(layer.end_writing());
  pump(layer, connection.get(), [&] { return layer.peer_ended(); });
}

}  // namespace
}  // namespace culvert::carrier
