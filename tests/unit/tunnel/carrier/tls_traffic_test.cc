#include "tunnel/carrier/tls_traffic.h"

#include <random>

#include "tests/unit/tunnel/carrier/tls_traffic_ends.h"

namespace culvert::carrier {
namespace {

using Role = TlsTraffic::Role;
constexpr auto kCipher = TlsCipher::kChaCha20Poly1305;  // everywhere

// A client, and the key of its server, so that a test can seal what no server would send.
struct Misled {
  TlsEnd client{Role::kClient, kCipher};
  TlsRecordKey server = *test_record_key(kCipher, 101);

  Result<void> send(TlsContent type, Bytes text) {
    return client.receive(sealed_record(server, type, text));
  }
  Result<void> send(TlsContent type, std::initializer_list<int> octets) {
    ByteVector text;
    for (const int octet : octets) text.push_back(static_cast<std::byte>(octet));
    return send(type, text);
  }
  // What the client answered: level and description, or nothing.
  std::string alert() {
    auto wire = client.take_output();
    if (wire.empty()) return "";
    auto key = *test_record_key(kCipher, 1, alerts_++ + 1);
    ByteVector text(2);
    EXPECT_EQ(wire[0], static_cast<std::byte>(TlsContent::kAlert));
    EXPECT_TRUE(wire.size() == key.record_size(2) && key.open(wire, text));
    return (text[0] == std::byte{2} ? "fatal " : "warning ") +
           describe(std::to_integer<std::uint8_t>(text[1]));
  }
  std::uint64_t alerts_ = 0;
};

std::string text_of(const Result<void>& result) { return result ? "" : result.error().detail; }

class TlsTrafficFragmentation : public testing::TestWithParam<unsigned> {};

TEST_P(TlsTrafficFragmentation, DeliversEveryByteInOrderWhereverItMayGo) {
  SCOPED_TRACE("seed " + std::to_string(GetParam()));
  std::mt19937 random(GetParam());
  const auto cipher = kTlsCiphers[GetParam() % 3];
  if (!supports(cipher)) GTEST_SKIP() << "this machine leaves the cipher to the library";
  const auto up_to = [&](std::size_t limit) { return 1 + random() % limit; };
  TlsEnd client(Role::kClient, cipher, 1, up_to(2) == 1 ? kMaxTlsText : 512);
  TlsEnd server(Role::kServer, cipher);
  ByteVector sent(random() % 500'000), got, room(256 * 1024);
  for (auto& byte : sent) byte = static_cast<std::byte>(random());
  std::size_t written = 0;
  for (bool closed = false; !server.traffic.peer_ended();) {
    const auto rest = Bytes{sent}.subspan(written);
    if (!rest.empty())
      written += *client.traffic.write(rest.first(std::min(rest.size(), up_to(60'000))));
    else if (!std::exchange(closed, true))
      client.traffic.close();
    const auto wire = client.output.peek().first(std::min(client.output.size(), up_to(50'000)));
    auto space = MutableBytes{room}.first(random() % room.size());
    const auto before = space;
    const ByteVector older(server.plain.peek().begin(), server.plain.peek().end());
    const auto received = server.traffic.receive(wire, space);
    ASSERT_TRUE(received) << received.error().detail;
    client.output.pop(wire.size());
    const auto direct = before.first(before.size() - space.size());
    ASSERT_TRUE(direct.empty() || older.empty()) << "out of order";
    append(got, direct);
    if (random() % 2 == 0) continue;
    append(got, server.plain.peek());
    server.plain.pop(server.plain.size());
  }
  append(got, server.plain.peek());
  EXPECT_EQ(got, sent);
}

INSTANTIATE_TEST_SUITE_P(Seeds, TlsTrafficFragmentation, testing::Range(0u, 30u));

TEST(TlsTraffic, KeepsToTheRecordSizeThatThePeerAskedFor) {
  TlsEnd client(Role::kClient, kCipher, 1, 512);
  EXPECT_EQ(*client.traffic.write(ByteVector(1100)), 1100u);
  EXPECT_EQ(client.output.size(), 1100 + 3 * (kTlsHeaderSize + crypto::kAeadTagSize));
}

TEST(TlsTraffic, TakesNothingMoreWhileTheOutputIsLong) {
  TlsEnd client(Role::kClient, kCipher);
  const auto taken = *client.traffic.write(ByteVector(1'000'000));
  EXPECT_LT(taken, kTlsOutputLimit + kMaxTlsText);
  EXPECT_EQ(*client.traffic.write(ByteVector(1)), 0u);
}

TEST(TlsTraffic, EndsAtCloseNotifyAndIgnoresTheRest) {
  Misled peers;
  ASSERT_TRUE(peers.send(TlsContent::kApplicationData, as_bytes("bye")));
  ASSERT_TRUE(peers.send(TlsContent::kAlert, {1, 0}));
  EXPECT_TRUE(peers.client.traffic.peer_ended());
  EXPECT_TRUE(peers.client.receive(as_bytes("whatever follows")));
  EXPECT_EQ(as_text(peers.client.plain.peek()), "bye");
  EXPECT_EQ(peers.alert(), "") << "the other direction goes on";
  peers.client.traffic.close();
  EXPECT_EQ(peers.alert(), "warning close_notify (0)");
}

TEST(TlsTraffic, NamesTheFatalAlertOfThePeer) {
  Misled peers;
  EXPECT_EQ(text_of(peers.send(TlsContent::kAlert, {2, 20})),
            "TLS connection failed: the peer sent the fatal alert bad_record_mac (20)");
  EXPECT_EQ(peers.alert(), "") << "an alert is not answered";
  Misled strange;
  EXPECT_EQ(text_of(strange.send(TlsContent::kAlert, {2, 99})),
            "TLS connection failed: the peer sent the fatal alert an unknown alert (99)");
}

TEST(TlsTraffic, IgnoresWarningsAndRefusesMalformedAlerts) {
  Misled peers;
  EXPECT_TRUE(peers.send(TlsContent::kAlert, {1, 90}));
  EXPECT_FALSE(peers.client.traffic.peer_ended());
  EXPECT_FALSE(peers.send(TlsContent::kAlert, {2}));
  EXPECT_EQ(peers.alert(), "fatal decode_error (50)");
}

TEST(TlsTraffic, DeclinesARenegotiationAndGoesOn) {
  Misled peers;
  EXPECT_TRUE(peers.send(TlsContent::kHandshake, {0, 0, 0, 0}));  // HelloRequest
  EXPECT_EQ(peers.alert(), "warning no_renegotiation (100)");
  EXPECT_TRUE(peers.send(TlsContent::kApplicationData, as_bytes("more")));
  EXPECT_EQ(as_text(peers.client.plain.peek()), "more");

  TlsEnd server(Role::kServer, kCipher);
  auto client = *test_record_key(kCipher, 1);
  const ByteVector hello = from_hex("01 000002 0303");  // ClientHello, as far as anybody looks
  EXPECT_TRUE(server.receive(sealed_record(client, TlsContent::kHandshake, hello)));
  EXPECT_FALSE(server.output.empty());
}

TEST(TlsTraffic, RefusesOtherHandshakeMessagesAndKeyChanges) {
  for (const auto* message : {"01 000000", "14 000000", "00 000001", "00", "", "00 000000 00"}) {
    Misled peers;
    const auto refused = peers.send(TlsContent::kHandshake, from_hex(message));
    EXPECT_EQ(text_of(refused),
              "TLS connection failed: the peer sent a handshake message out of place");
    EXPECT_EQ(peers.alert(), "fatal unexpected_message (10)") << message;
  }
  Misled peers;
  EXPECT_FALSE(peers.send(TlsContent::kChangeCipherSpec, {1}));
  EXPECT_EQ(peers.alert(), "fatal unexpected_message (10)");
}

TEST(TlsTraffic, AnswersRecordsThatCannotBeWithTheirAlert) {
  const struct {
    const char* wire;
    const char* alert;
  } cases[] = {{"17 0303 4900", "fatal record_overflow (22)"},
               {"17 0303 0001", "fatal bad_record_mac (20)"},
               {"17 0302 0020", "fatal protocol_version (70)"},
               {"48545450 2f", "fatal unexpected_message (10)"},
               {"17 0303 0010 00000000000000000000000000000000", "fatal bad_record_mac (20)"}};
  for (const auto& [wire, alert] : cases) {
    Misled at_once, in_pieces;
    const auto bytes = from_hex(wire);
    EXPECT_FALSE(at_once.client.receive(bytes)) << wire;
    EXPECT_EQ(at_once.alert(), alert);
    EXPECT_TRUE(in_pieces.client.receive(Bytes{bytes}.first(3)));
    EXPECT_FALSE(in_pieces.client.receive(Bytes{bytes}.subspan(3))) << wire;
    EXPECT_EQ(in_pieces.alert(), alert);
    EXPECT_TRUE(in_pieces.client.plain.empty());
  }
}

TEST(TlsTraffic, ToleratesSomeEmptyRecordsButNotForEver) {
  Misled peers;
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(peers.send(TlsContent::kApplicationData, {}));
    ASSERT_TRUE(peers.send(TlsContent::kApplicationData, as_bytes("x")));
  }
  EXPECT_EQ(peers.client.plain.size(), 100u);
  int tolerated = 0;
  while (peers.send(TlsContent::kApplicationData, {})) ++tolerated;
  EXPECT_EQ(tolerated, 32);
  EXPECT_EQ(peers.alert(), "fatal unexpected_message (10)");
}

TEST(TlsTraffic, RefusesToGoOnWhenItsNumbersAreUsedUp) {
  TlsEnd client(Role::kClient, kCipher, ~std::uint64_t{0} - 2);
  EXPECT_EQ(*client.traffic.write(as_bytes("last")), 4u);
  const auto refused = client.traffic.write(as_bytes("one too many"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kExhausted);
  client.traffic.close();  // there is no number left to say so with
}

TEST(TlsTraffic, HoldsNoMemoryWhileNothingIsUnderWay) {
  TlsEnd client(Role::kClient, kCipher), server(Role::kServer, kCipher);
  ASSERT_TRUE(client.traffic.write(ByteVector(20'000)));
  ByteVector room(64 * 1024);
  MutableBytes space = room;
  for (const auto byte : client.take_output()) {
    ASSERT_TRUE(server.traffic.receive({&byte, 1}, space));
  }
  EXPECT_EQ(room.size() - space.size(), 20'000u);
  EXPECT_EQ(server.plain.capacity(), 0u);
}

}  // namespace
}  // namespace culvert::carrier
