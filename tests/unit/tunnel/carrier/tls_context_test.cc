#include "tunnel/carrier/tls_context.h"

#include <gtest/gtest.h>

#include "tests/unit/tunnel/carrier/tls_parties.h"

namespace culvert::carrier {
namespace {

using std::chrono::days;

std::string refusal(const TlsServerIdentity& identity) {
  SystemRandom random;
  const auto context = TlsServerContext::make(identity, {}, random);
  return context ? "accepted" : context.error().detail;
}

TEST(TlsContext, VerifiesAgainstGivenRoots) {
  TlsParties good({{}, test_identity().certificate_pem});
  ASSERT_TRUE(settle(good));
  EXPECT_TRUE(good.client->established());

  good.connect("another.example.net");
  const auto refused = settle(good);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kAuthentication);
  EXPECT_NE(refused.error().detail.find("'another.example.net' is not trusted"), std::string::npos)
      << refused.error().detail;

  SystemRandom random;
  const auto stranger = TlsServerIdentity::self_signed(kServerName, wall_time(), random);
  TlsParties bad({{}, stranger->certificate_pem});
  EXPECT_FALSE(settle(bad));
  EXPECT_FALSE(bad.client->established());
}

// The library would let any certificate of the roots through, whatever address it is for.
TEST(TlsContext, VerifiesTheAddressOfAServerThatIsNamedByIt) {
  for (const auto* host : {"192.0.2.1", "2001:db8::1"}) {
    SystemRandom random;
    const auto identity = TlsServerIdentity::self_signed(host, wall_time(), random).value();
    auto context = TlsServerContext::make(identity, {}, random).value();
    TlsParties parties({{}, identity.certificate_pem});
    for (int i = 0; i < 2; ++i) {  // the second time it resumes the session of the first
      parties.connect(host);
      parties.server = TlsLayer::server(context);
      const auto good = settle(parties);
      ASSERT_TRUE(good) << good.error().detail;
      EXPECT_TRUE(parties.client->established());
    }
    for (const auto* other : {"192.0.2.2", "2001:db8::2"}) {
      parties.connect(other);
      parties.server = TlsLayer::server(context);
      const auto refused = settle(parties);
      ASSERT_FALSE(refused);
      EXPECT_EQ(refused.error().code, ErrorCode::kAuthentication);
      EXPECT_NE(refused.error().detail.find("does not name this address"), std::string::npos)
          << refused.error().detail;
      EXPECT_FALSE(parties.client->established());
    }
  }
}

TEST(TlsContext, PassesOverRootsThatCannotBeReadOnlyWhereItIsToldTo) {
  SystemRandom random;
  const auto& good = test_identity().certificate_pem;
  const auto damaged = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n" + good;
  EXPECT_FALSE(TlsClientContext::make({{}, damaged}, random));
  EXPECT_TRUE(TlsClientContext::make({{}, damaged, true}, random));
  EXPECT_FALSE(TlsClientContext::make({{}, "no PEM", true}, random));
}

TEST(TlsContext, AgreesOnAnApplicationProtocol) {
  TlsParties parties({{"h2", "http/1.1"}, {}}, {"http/1.1"});
  ASSERT_TRUE(settle(parties));
  EXPECT_EQ(parties.client->alpn(), "http/1.1");
  EXPECT_EQ(parties.server->alpn(), "http/1.1");

  TlsParties none({{"h2"}, {}});
  ASSERT_TRUE(settle(none));
  EXPECT_EQ(none.client->alpn(), "");

  TlsParties disagreeing({{"h2"}, {}}, {"http/1.1"});
  EXPECT_FALSE(settle(disagreeing));
}

TEST(TlsContext, RefusesProtocolNamesThatCannotBe) {
  SystemRandom random;
  EXPECT_FALSE(TlsClientContext::make({{std::string(256, 'x')}, {}}, random));
  EXPECT_FALSE(TlsClientContext::make({{""}, {}}, random));
}

TEST(TlsContext, SaysWhatIsWrongWithAnIdentity) {
  const auto& good = test_identity();
  SystemRandom random;
  const auto other = TlsServerIdentity::self_signed("other.example.net", wall_time(), random);
  ASSERT_TRUE(other);
  EXPECT_EQ(refusal(good), "accepted");
  EXPECT_EQ(refusal({"", good.key_pem}).rfind("TLS certificate cannot be read as PEM", 0), 0u);
  EXPECT_EQ(refusal({"no PEM", good.key_pem}).rfind("TLS certificate cannot be read as PEM", 0),
            0u);
  EXPECT_EQ(refusal({good.certificate_pem, "no PEM"}).rfind("TLS private key cannot be read", 0),
            0u);
  EXPECT_EQ(refusal({good.certificate_pem, other->key_pem}),
            "TLS private key does not belong to the first certificate of the chain");
  EXPECT_FALSE(TlsClientContext::make({{}, "no PEM"}, random));
}

TEST(TlsContext, MakesIdentitiesForNamesAndAddresses) {
  SystemRandom random;
  for (const auto* host : {"a", "192.0.2.1", "2001:db8::1", "gate.example.net"}) {
    const auto made = TlsServerIdentity::self_signed(host, wall_time(), random);
    ASSERT_TRUE(made) << host;
    EXPECT_EQ(refusal(*made), "accepted") << host;
  }
  const std::string label(60, 'x');
  const auto longest = label + "." + label + "." + label + "." + label;
  const auto made = TlsServerIdentity::self_signed(longest, wall_time(), random);
  ASSERT_TRUE(made);
  EXPECT_EQ(refusal(*made), "accepted");
  for (const auto* host : {"", "a,O=b", "a b", "a\nb"})
    EXPECT_FALSE(TlsServerIdentity::self_signed(host, wall_time(), random)) << host;
}

}  // namespace
}  // namespace culvert::carrier
