#include "tunnel/carrier/tls_layer.h"

#include <gtest/gtest.h>

#include "tests/unit/tunnel/carrier/tls_parties.h"

namespace culvert::carrier {
namespace {

void write_all(TlsLayer& layer, std::string_view text) {
  const auto taken = layer.write(as_bytes(text));
  ASSERT_TRUE(taken) << taken.error().detail;
  ASSERT_EQ(*taken, text.size());
}

TEST(TlsLayer, CarriesBytesBothWays) {
  TlsParties parties;
  EXPECT_FALSE(parties.client->established());
  EXPECT_EQ(*parties.client->write(as_bytes("too early")), 0u);
  ASSERT_TRUE(settle(parties));
  ASSERT_TRUE(parties.client->established() && parties.server->established());
  write_all(*parties.client, "question");
  write_all(*parties.server, "answer");
  ASSERT_TRUE(settle(parties));
  EXPECT_EQ(take_text(*parties.server), "question");
  EXPECT_EQ(take_text(*parties.client), "answer");
  EXPECT_NE(parties.client->describe().find("TLSv1."), std::string::npos);
  EXPECT_NE(parties.client->describe().find("CN=gate.example.net"), std::string::npos);
}

TEST(TlsLayer, ReportsTheCertificateThatTheServerShowed) {
  TlsParties parties;
  EXPECT_FALSE(parties.client->peer());
  ASSERT_TRUE(settle(parties));
  const auto peer = parties.client->peer();
  ASSERT_TRUE(peer);
  EXPECT_EQ(peer->subject, "CN=gate.example.net");
  EXPECT_EQ(peer->issuer, "CN=gate.example.net");
  EXPECT_EQ(peer->fingerprint, to_hex(parties.server_context.fingerprint()));
  EXPECT_FALSE(parties.server->peer());
}

class TlsLayerFragmentation : public testing::TestWithParam<unsigned> {};

TEST_P(TlsLayerFragmentation, DeliversEveryByteInOrderAndEndsInOrder) {
  SCOPED_TRACE("seed " + std::to_string(GetParam()));
  std::mt19937 random(GetParam());
  const auto up_to = [&](std::size_t limit) { return 1 + random() % limit; };
  TlsParties parties;
  struct Direction {
    TlsLayer& from;
    TlsLayer& to;
    ByteVector sent, got;
    std::size_t written = 0;
    bool ended = false;
  } directions[] = {{*parties.client, *parties.server, {}, {}},
                    {*parties.server, *parties.client, {}, {}}};
  for (auto& direction : directions) {
    direction.sent.resize(random() % 300'000);
    for (auto& byte : direction.sent) byte = static_cast<std::byte>(random());
  }
  const auto fragment = GetParam() % 3 == 0 ? 3u : GetParam() % 3 == 1 ? 2000u : 70'000u;
  for (int turns = 0; turns < 200'000; ++turns) {
    bool all_over = true;
    for (auto& [from, to, sent, got, written, ended] : directions) {
      const auto rest = Bytes{sent}.subspan(written);
      if (!ended) {
        const auto taken = from.write(rest.first(std::min(rest.size(), up_to(40'000))));
        ASSERT_TRUE(taken) << taken.error().detail;
        written += *taken;
      }
      ASSERT_LE(from.pending_output().size(), kTlsOutputLimit + 17 * 1024);
      // Small fragments all through the handshake, and now and then afterwards.
      const bool small = !from.established() || random() % 2 == 0;
      const auto carried = carry(from, to, up_to(small ? fragment : 70'000));
      ASSERT_TRUE(carried) << carried.error().detail;
      if (random() % 2 == 0) {
        const auto some = to.readable().first(std::min(to.readable().size(), up_to(50'000)));
        append(got, some);
        to.consumed(some.size());
      }
      if (written == sent.size() && !ended && from.established()) {
        ended = true;
        ASSERT_TRUE(from.end_writing());
      }
      all_over = all_over && ended && to.peer_ended() && to.readable().empty();
    }
    if (all_over) break;
  }
  for (const auto& direction : directions) {
    EXPECT_EQ(direction.got, direction.sent);
    EXPECT_TRUE(direction.from.output_ended());
    EXPECT_TRUE(direction.to.peer_ended());
    EXPECT_TRUE(direction.to.receive_end());
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, TlsLayerFragmentation, testing::Range(0u, 24u));

TEST(TlsLayer, KeepsReadingAfterItsOwnEnd) {
  TlsParties parties;
  ASSERT_TRUE(settle(parties));
  ASSERT_TRUE(parties.client->end_writing());
  ASSERT_TRUE(settle(parties));
  EXPECT_TRUE(parties.client->output_ended());
  EXPECT_TRUE(parties.server->peer_ended());
  EXPECT_FALSE(parties.server->output_ended());
  write_all(*parties.server, "a late answer");
  ASSERT_TRUE(settle(parties));
  EXPECT_EQ(take_text(*parties.client), "a late answer");
  EXPECT_FALSE(parties.client->peer_ended());
}

TEST(TlsLayer, EndsAfterTheHandshakeWhenToldBefore) {
  TlsParties parties;
  ASSERT_TRUE(parties.client->end_writing());
  EXPECT_FALSE(parties.client->output_ended());
  ASSERT_TRUE(settle(parties));
  EXPECT_TRUE(parties.client->output_ended());
  EXPECT_TRUE(parties.server->peer_ended());
}

TEST(TlsLayer, RefusesAlteredRecordsAndStaysRefused) {
  TlsParties parties;
  ASSERT_TRUE(settle(parties));
  write_all(*parties.client, "pay 10 to Bob");
  ByteVector wire(parties.client->pending_output().begin(), parties.client->pending_output().end());
  wire.back() ^= std::byte{1};
  const auto received = parties.server->receive(wire);
  ASSERT_FALSE(received);
  EXPECT_EQ(received.error().code, ErrorCode::kProtocol);
  EXPECT_TRUE(parties.server->readable().empty());
  EXPECT_FALSE(parties.server->wants_input());
  EXPECT_FALSE(parties.server->write(as_bytes("x")));
  EXPECT_FALSE(parties.server->pending_output().empty()) << "an alert for the client";
  EXPECT_FALSE(carry(*parties.server, *parties.client));
}

TEST(TlsLayer, RefusesRepeatedRecords) {
  TlsParties parties;
  ASSERT_TRUE(settle(parties));
  write_all(*parties.client, "once");
  const ByteVector wire(parties.client->pending_output().begin(),
                        parties.client->pending_output().end());
  ASSERT_TRUE(parties.server->receive(wire));
  EXPECT_FALSE(parties.server->receive(wire));
}

TEST(TlsLayer, NoticesAnAlteredHandshake) {
  int refused = 0;
  for (std::size_t at : {9u, 40u, 80u, 120u}) {
    TlsParties parties;
    ByteVector wire(parties.client->pending_output().begin(),
                    parties.client->pending_output().end());
    ASSERT_GT(wire.size(), at);
    wire[at] ^= std::byte{1};
    parties.client->output_sent(wire.size());
    const bool lost = !parties.server->receive(wire) || !settle(parties);
    refused += lost || !parties.client->established() || !parties.server->established();
  }
  EXPECT_EQ(refused, 4);
}

TEST(TlsLayer, TellsATruncationFromAnEnd) {
  TlsParties parties;
  const auto silent = parties.client->receive_end();
  ASSERT_FALSE(silent);
  EXPECT_NE(silent.error().detail.find("firewall"), std::string::npos);

  parties.connect();
  ASSERT_TRUE(settle(parties));
  const auto cut = parties.client->receive_end();
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, ErrorCode::kReset);
  ASSERT_TRUE(parties.server->end_writing());
  EXPECT_FALSE(parties.client->receive(parties.server->pending_output())) << "the error lasts";
}

TEST(TlsLayer, QuotesWhatAnsweredInsteadOfTls) {
  TlsParties parties;
  const auto answer =
      parties.client->receive(as_bytes("HTTP/1.1 403 Forbidden by \x01policy\r\nX: y\r\n\r\n"));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().detail,
            "no TLS there: the far side, or a proxy in between, answered 'HTTP/1.1 403 Forbidden "
            "by .policy'");
}

TEST(TlsLayer, StopsTakingWhenThePeerDoesNotRead) {
  TlsParties parties;
  ASSERT_TRUE(settle(parties));
  const ByteVector bulk(1'000'000);
  std::size_t taken = 0;
  for (int i = 0; i < 100; ++i) {
    taken += *parties.client->write(Bytes{bulk}.subspan(taken));
    if (!parties.server->wants_input()) break;
    ASSERT_TRUE(carry(*parties.client, *parties.server, 16384));
  }
  EXPECT_FALSE(parties.server->wants_input());
  EXPECT_LT(taken, 320u * 1024);
  EXPECT_LE(parties.server->readable().size(), 80u * 1024);
  parties.server->consumed(parties.server->readable().size());
  EXPECT_TRUE(parties.server->wants_input());
}

TEST(TlsLayer, ResumesWithATicket) {
  TlsParties parties;
  ASSERT_TRUE(settle(parties));
  write_all(*parties.server, "so that 1.3 tickets arrive");
  ASSERT_TRUE(settle(parties));
  const auto first = parties.client->peer();

  // A full handshake shows the certificate, so its second flight is longer than a resumed one.
  const auto answer_size = [&] {
    EXPECT_TRUE(carry(*parties.client, *parties.server));
    return parties.server->pending_output().size();
  };
  parties.connect();
  const auto resumed = answer_size();
  ASSERT_TRUE(settle(parties));
  EXPECT_TRUE(parties.client->established() && parties.server->established());
  EXPECT_EQ(parties.client->peer()->fingerprint, first->fingerprint);
  parties.connect("other.example.net");
  EXPECT_LT(resumed, answer_size()) << "another name must not share the session";
}

}  // namespace
}  // namespace culvert::carrier
