// Where the library ends and records of our own begin: octets must not be lost, nor memory kept.
#include <gtest/gtest.h>

#include "tests/unit/tunnel/carrier/tls_parties.h"

namespace culvert::carrier {
namespace {

enum class Handshake { kFull, kResumed };

// One side is established and has said all it wants to behind its Finished, of which the other has
// seen nothing yet. A full handshake ends with the server's flight, a resumed one with the
// client's.
struct LastFlight {
  LastFlight(Handshake kind, TlsParties& parties, std::string_view text) {
    static int names = 0;  // a name that was not heard before has no session to resume
    parties.connect(kind == Handshake::kFull ? "n" + std::to_string(++names) : kServerName);
    if (kind == Handshake::kResumed) {
      EXPECT_TRUE(settle(parties));
      parties.connect();
    }
    auto& client = *parties.client;
    auto& server = *parties.server;
    EXPECT_TRUE(carry(client, server));
    EXPECT_TRUE(carry(server, client));
    if (kind == Handshake::kFull) {
      EXPECT_TRUE(carry(client, server));
    }
    from = kind == Handshake::kFull ? &server : &client;
    to = kind == Handshake::kFull ? &client : &server;
    EXPECT_TRUE(from->established() && !to->established());
    EXPECT_EQ(from->write(as_bytes(text)).value(), text.size());
    EXPECT_TRUE(from->end_writing());
    wire.assign(from->pending_output().begin(), from->pending_output().end());
    from->output_sent(wire.size());
  }

  TlsLayer* from;
  TlsLayer* to;
  ByteVector wire;
};

class TlsHandover : public testing::TestWithParam<Handshake> {};

TEST_P(TlsHandover, LosesNothingThatArrivesWithTheFinished) {
  TlsParties parties;
  const std::string text(40'000, 'x');
  LastFlight flight(GetParam(), parties, text);
  ASSERT_TRUE(flight.to->receive(flight.wire));
  EXPECT_TRUE(flight.to->established() && flight.to->peer_ended());
  EXPECT_EQ(take_text(*flight.to), text);
  ASSERT_EQ(*flight.to->write(as_bytes("and back")), 8u);
  ASSERT_TRUE(carry(*flight.to, *flight.from));
  EXPECT_EQ(take_text(*flight.from), "and back");
}

TEST_P(TlsHandover, PutsWhatArrivesWithTheFinishedWhereItBelongs) {
  TlsParties parties;
  LastFlight flight(GetParam(), parties, "straight to its place");
  ByteVector target(100);
  MutableBytes room = target;
  ASSERT_TRUE(flight.to->receive_into(flight.wire, room));
  const auto direct = Bytes{target}.first(target.size() - room.size());
  EXPECT_EQ(std::string(as_text(direct)) + take_text(*flight.to), "straight to its place");
  EXPECT_EQ(direct.empty(), !TlsLayer::kHandsOver);
}

TEST_P(TlsHandover, LosesNothingWhereverTheLastFlightIsCut) {
  TlsParties parties;
  // Every place would take 2 s with full handshakes: 7 ms each.
  const std::size_t step = GetParam() == Handshake::kFull ? 13 : 1;
  for (std::size_t cut = 0;; cut += step) {
    LastFlight flight(GetParam(), parties, "first words");
    if (cut > flight.wire.size()) break;
    SCOPED_TRACE("cut at " + std::to_string(cut));
    ASSERT_TRUE(flight.to->receive(Bytes{flight.wire}.first(cut)));
    ASSERT_TRUE(flight.to->receive(Bytes{flight.wire}.subspan(cut)));
    ASSERT_EQ(take_text(*flight.to), "first words");
    ASSERT_TRUE(flight.to->peer_ended());
  }
}

TEST_P(TlsHandover, LosesNothingUnderRandomFragmentation) {
  for (unsigned seed = 0; seed < (GetParam() == Handshake::kFull ? 12 : 150); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    TlsParties parties;
    std::string text(random() % 60'000, 0);
    for (auto& c : text) c = static_cast<char>(random());
    LastFlight flight(GetParam(), parties, text);
    const auto limit = seed % 2 == 0 ? std::size_t{7} : std::size_t{5000};
    std::string got;
    for (auto rest = Bytes{flight.wire}; !rest.empty();) {
      const auto piece = rest.first(std::min<std::size_t>(rest.size(), 1 + random() % limit));
      rest = rest.subspan(piece.size());
      ByteVector target(random() % 3 == 0 ? 20'000 : 0);
      MutableBytes room = target;
      ASSERT_TRUE(flight.to->receive_into(piece, room));
      got += as_text(Bytes{target}.first(target.size() - room.size()));
      got += take_text(*flight.to);
    }
    ASSERT_EQ(got, text);
    ASSERT_TRUE(flight.to->peer_ended());
  }
}

TEST_P(TlsHandover, FreesTheLibraryAndForgetsNothingOfWhatWasAgreed) {
  TlsParties parties({{"http/1.1"}, {}}, {"http/1.1"});
  if (GetParam() == Handshake::kResumed) {
    ASSERT_TRUE(settle(parties));
    parties.connect();
  }
  EXPECT_FALSE(parties.client->freed_the_library());
  ASSERT_TRUE(settle(parties));
  for (const auto* layer : {parties.client.get(), parties.server.get()}) {
    EXPECT_EQ(layer->freed_the_library(), TlsLayer::kHandsOver);
    EXPECT_EQ(layer->alpn(), "http/1.1");
    EXPECT_EQ(layer->describe().rfind("TLSv1.", 0), 0u);
  }
  EXPECT_EQ(parties.client->peer()->subject, "CN=gate.example.net");
}

INSTANTIATE_TEST_SUITE_P(Handshakes, TlsHandover,
                         testing::Values(Handshake::kFull, Handshake::kResumed),
                         [](const auto& kind) {
                           return kind.param == Handshake::kFull ? "Full" : "Resumed";
                         });

// Handshakes of one context take turns, so each has to end up with its own keys.
TEST(TlsHandovers, KeepTheKeysOfInterleavedHandshakesApart) {
  TlsParties parties;
  std::vector<std::unique_ptr<TlsLayer>> clients, servers;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(TlsLayer::client(parties.client_context, "n" + std::to_string(i)));
    servers.push_back(TlsLayer::server(parties.server_context));
  }
  for (int turn = 0; turn < 4; ++turn) {
    for (std::size_t i = 0; i < clients.size(); ++i) ASSERT_TRUE(carry(*clients[i], *servers[i]));
    for (std::size_t i = 0; i < clients.size(); ++i) ASSERT_TRUE(carry(*servers[i], *clients[i]));
  }
  for (std::size_t i = 0; i < clients.size(); ++i) {
    ASSERT_TRUE(clients[i]->established() && servers[i]->established());
    ASSERT_TRUE(clients[i]->write(as_bytes("mine")));
    ASSERT_TRUE(carry(*clients[i], *servers[i]));
    EXPECT_EQ(take_text(*servers[i]), "mine");
  }
}

}  // namespace
}  // namespace culvert::carrier
