#include "tunnel/punch/candidates.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tunnel/punch/patience.h"

namespace culvert::punch {
namespace {

using control::Candidate;
using control::Inbound;
using control::Offer;
using Kind = Candidate::Kind;

IpAddress ip(const char* text) { return *IpAddress::parse(text); }

Candidate tcp(Kind kind, const char* at) {
  return {kind, Candidate::Transport::kTcp, *SocketAddress::parse(at)};
}

Offer offer(std::vector<Candidate> candidates, Inbound inbound = Inbound::kUnknown) {
  Offer out;
  out.round = 1;
  out.inbound = inbound;
  out.candidates = std::move(candidates);
  return out;
}

Ground ground(const char* own_seen, const char* peer_seen) {
  return {ip(own_seen),
          ip(peer_seen),
          {*IpPrefix::parse("10.0.0.5/24"), *IpPrefix::parse("2001:db8:7::5/64")},
          true,
          Inbound::kOpen,
          {},
          {}};
}

std::vector<std::string> dials(const Offer& offer, const Ground& ground) {
  std::vector<std::string> out;
  for (const auto& dial : tcp_dials(offer, ground)) out.push_back(dial.to.to_string());
  return out;
}

using Texts = std::vector<std::string>;

TEST(Candidates, OfAPeerElsewhereOnlyTheAddressIsDialledThatTheServiceSees) {
  const auto elsewhere = ground("192.0.2.1", "198.51.100.7");
  const auto all = offer({tcp(Kind::kHost, "10.0.0.9:4000"), tcp(Kind::kHost, "203.0.113.1:80"),
                          tcp(Kind::kServerReflexive, "198.51.100.7:4000"),
                          tcp(Kind::kServerReflexive, "192.0.2.9:4000")});
  EXPECT_EQ(dials(all, elsewhere), Texts{"198.51.100.7:4000"});
}

TEST(Candidates, BehindTheSameAddressTheLanComesFirst) {
  const auto neighbours = ground("192.0.2.1", "192.0.2.1");
  const auto all =
      offer({tcp(Kind::kServerReflexive, "192.0.2.1:4000"), tcp(Kind::kHost, "10.0.0.9:4000"),
             tcp(Kind::kHost, "10.0.1.9:4000"), tcp(Kind::kHost, "[2001:db8:7::9]:4000")});
  EXPECT_EQ(dials(all, neighbours),
            (Texts{"10.0.0.9:4000", "[2001:db8:7::9]:4000", "192.0.2.1:4000"}))
      << "10.0.1.9 is in no network of ours";
}

TEST(Candidates, TheLanCanBeSwitchedOffAndKnowsNoLowPorts) {
  auto neighbours = ground("192.0.2.1", "192.0.2.1");
  EXPECT_EQ(dials(offer({tcp(Kind::kHost, "10.0.0.9:22")}), neighbours), Texts{});
  neighbours.lan_allowed = false;
  EXPECT_EQ(dials(offer({tcp(Kind::kHost, "10.0.0.9:4000")}), neighbours), Texts{});
}

TEST(Candidates, APeerThatIsNotLetInIsNotDialledButOnTheLan) {
  const auto closed =
      offer({tcp(Kind::kServerReflexive, "192.0.2.1:4000"), tcp(Kind::kHost, "10.0.0.9:4000")},
            Inbound::kClosed);
  EXPECT_EQ(dials(closed, ground("192.0.2.1", "192.0.2.1")), Texts{"10.0.0.9:4000"});
}

TEST(Candidates, WhereNeitherIsLetInBothDialFromTheirPortsAtTheSameTime) {
  auto here = ground("192.0.2.1", "198.51.100.7");
  const auto theirs = tcp(Kind::kServerReflexive, "198.51.100.7:4000");
  const auto punched = [&](Inbound own, Inbound peers) {
    here.own_inbound = own;
    const auto found = tcp_dials(offer({theirs}, peers), here);
    return found.empty() ? std::string("none") : found.front().punch ? "punch" : "plain";
  };
  EXPECT_EQ(punched(Inbound::kClosed, Inbound::kClosed), "punch");
  EXPECT_EQ(punched(Inbound::kUnknown, Inbound::kClosed), "punch");
  EXPECT_EQ(punched(Inbound::kClosed, Inbound::kUnknown), "punch");
  EXPECT_EQ(punched(Inbound::kClosed, Inbound::kOpen), "plain");
  EXPECT_EQ(punched(Inbound::kOpen, Inbound::kClosed), "none") << "it dials us";
  EXPECT_EQ(punched(Inbound::kOpen, Inbound::kUnknown), "plain");
}

TEST(Candidates, WithoutTheWordOfTheServiceNothingIsDialled) {
  Ground nothing = ground("192.0.2.1", "192.0.2.1");
  nothing.peer_seen.reset();
  EXPECT_EQ(dials(offer({tcp(Kind::kHost, "10.0.0.9:4000")}), nothing), Texts{});
  EXPECT_EQ(dials(offer({tcp(Kind::kHost, "127.0.0.1:4000")}), ground("127.0.0.1", "127.0.0.1")),
            Texts{})
      << "both on the service's machine";
}

TEST(Candidates, OfTheOtherFamilyThoseAreDialledThatTheServiceStates) {
  auto where = ground("192.0.2.1", "198.51.100.7");
  const auto all =
      offer({tcp(Kind::kHost, "[2001:db8:9::9]:4000"), tcp(Kind::kHost, "[2001:db8:9::a]:4000"),
             tcp(Kind::kServerReflexive, "198.51.100.7:4000")});
  EXPECT_EQ(dials(all, where), Texts{"198.51.100.7:4000"});
  where.peer_stated = {ip("2001:db8:9::9")};
  EXPECT_EQ(dials(all, where), (Texts{"[2001:db8:9::9]:4000", "198.51.100.7:4000"}));
  auto by_six = ground("2001:db8:7::5", "2001:db8:9::9");
  by_six.peer_stated = {ip("198.51.100.7")};
  EXPECT_EQ(dials(all, by_six), (Texts{"[2001:db8:9::9]:4000", "198.51.100.7:4000"}));
}

TEST(Candidates, WhetherAMachineIsLetInIsKnownOfTheAddressThatWasTriedAlone) {
  auto where = ground("192.0.2.1", "198.51.100.7");
  where.peer_stated = {ip("2001:db8:9::9")};
  where.own_stated = {ip("2001:db8:7::5")};
  const auto six = tcp(Kind::kHost, "[2001:db8:9::9]:4000");
  for (const auto own : {Inbound::kOpen, Inbound::kClosed})
    for (const auto peers : {Inbound::kOpen, Inbound::kClosed}) {
      where.own_inbound = own;
      const auto found = tcp_dials(offer({six}, peers), where);
      ASSERT_EQ(found.size(), 1u);
      EXPECT_TRUE(found[0].punch);
      EXPECT_EQ(found[0].from, ip("2001:db8:7::5")) << "the peer dials that one";
    }
  where.own_seen = ip("2001:db8:7::5");
  where.own_inbound = Inbound::kOpen;
  EXPECT_FALSE(tcp_dials(offer({six}, Inbound::kClosed), where).front().punch);
}

TEST(Candidates, WhoIsLetInByTheOtherFamilyIsDialledThereAndOthersAreNot) {
  auto where = ground("192.0.2.1", "198.51.100.7");
  where.own_inbound = Inbound::kClosed;
  where.peer_stated = {ip("2001:db8:9::9")};
  where.own_stated = {ip("2001:db8:7::5")};
  auto theirs = offer({tcp(Kind::kHost, "[2001:db8:9::9]:4000")}, Inbound::kClosed);
  const auto way = [&](Inbound own, Inbound peers) {
    where.own_other_inbound = own;
    theirs.other_inbound = peers;
    const auto found = tcp_dials(theirs, where);
    return found.empty() ? std::string("none") : found.front().punch ? "punch" : "plain";
  };
  EXPECT_EQ(way(Inbound::kClosed, Inbound::kOpen), "plain");
  EXPECT_EQ(way(Inbound::kOpen, Inbound::kClosed), "none") << "it dials us";
  EXPECT_EQ(way(Inbound::kClosed, Inbound::kClosed), "punch");
  EXPECT_EQ(way(Inbound::kUnknown, Inbound::kUnknown), "punch");
}

TEST(Candidates, OfThePunchByIPv6NoAddressIsBoundThatIsNoneOfOurs) {
  auto where = ground("192.0.2.1", "198.51.100.7");
  where.own_inbound = Inbound::kClosed;
  where.peer_stated = {ip("2001:db8:9::9")};
  where.own_stated = {ip("2001:db8:aa::1")};  // a translator's
  const auto found = tcp_dials(offer({tcp(Kind::kHost, "[2001:db8:9::9]:4000"),
                                      tcp(Kind::kServerReflexive, "198.51.100.7:4000")}),
                               where);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].from, std::nullopt);
  EXPECT_EQ(found[1].from, std::nullopt);
}

TEST(Candidates, NeighboursAreKnownByEitherFamily) {
  auto where = ground("2001:db8:7::5", "2001:db8:9::9");
  const auto all = offer({tcp(Kind::kHost, "10.0.0.9:4000")});
  EXPECT_EQ(dials(all, where), Texts{});
  where.own_stated = where.peer_stated = {ip("192.0.2.1")};
  EXPECT_EQ(dials(all, where), Texts{"10.0.0.9:4000"});
}

// Whatever a hostile peer offers: it cannot have anybody dialled but itself and neighbours.
TEST(Candidates, OfUdpFollowTheSameRulesAndAreNeverHeardFromElsewhere) {
  const auto udp = [](Kind kind, const char* at) {
    return Candidate{kind, Candidate::Transport::kUdp, *SocketAddress::parse(at)};
  };
  const std::vector<Candidate> all{udp(Kind::kServerReflexive, "198.51.100.7:4000"),
                                   udp(Kind::kServerReflexive, "192.0.2.9:4000"),
                                   udp(Kind::kHost, "10.0.0.9:4000"),
                                   udp(Kind::kHost, "10.0.0.5:4000"),
                                   udp(Kind::kHost, "10.0.0.9:53"),
                                   tcp(Kind::kHost, "198.51.100.7:4001")};
  const auto to = [&](const Ground& where) {
    Texts out;
    for (const auto& dial : udp_dials(all, where)) out.push_back(dial.to.to_string());
    return out;
  };
  const auto elsewhere = ground("192.0.2.1", "198.51.100.7");
  EXPECT_EQ(to(elsewhere), Texts{"198.51.100.7:4000"});
  EXPECT_TRUE(may_hear(ip("198.51.100.7"), elsewhere));
  EXPECT_FALSE(may_hear(ip("10.0.0.9"), elsewhere));
  EXPECT_FALSE(may_hear(ip("198.51.100.8"), elsewhere));
  const auto neighbours = ground("198.51.100.7", "198.51.100.7");
  EXPECT_EQ(to(neighbours), (Texts{"10.0.0.9:4000", "198.51.100.7:4000"}));
  EXPECT_TRUE(may_hear(ip("10.0.0.9"), neighbours));
  EXPECT_FALSE(may_hear(ip("10.0.1.9"), neighbours));
}

// A NAT more on our way out: the peer sits in the network between it and the common one.
TEST(Candidates, OfUdpBehindTheSameAddressMayBeInTheNetworkBeyondOurs) {
  const auto udp = [](Kind kind, const char* at) {
    return Candidate{kind, Candidate::Transport::kUdp, *SocketAddress::parse(at)};
  };
  const auto to = [&](const Candidate& one, const Ground& where) {
    const auto found = udp_dials({one}, where);
    return found.size() == 1 && found[0].beyond && found[0].lan;
  };
  const auto neighbours = ground("198.51.100.7", "198.51.100.7");
  const char* const privates[] = {"100.64.0.9", "100.127.9.9",   "10.0.1.9", "172.16.0.1",
                                  "172.31.9.9", "192.168.255.1", "fd00::1:9"};
  for (const std::string one : privates) {
    const auto at = (one.find(':') == one.npos ? one : "[" + one + "]") + ":4000";
    EXPECT_TRUE(to(udp(Kind::kHost, at.c_str()), neighbours)) << one;
    EXPECT_FALSE(may_hear(ip(one.c_str()), neighbours)) << one;
    EXPECT_TRUE(may_hear_beyond(ip(one.c_str()), neighbours)) << one;
    const auto elsewhere = ground("192.0.2.1", "198.51.100.7");
    EXPECT_TRUE(udp_dials({udp(Kind::kHost, at.c_str())}, elsewhere).empty()) << one;
    EXPECT_FALSE(may_hear_beyond(ip(one.c_str()), elsewhere)) << one;
  }
  EXPECT_TRUE(udp_dials({udp(Kind::kHost, "100.64.0.9:53")}, neighbours).empty()) << "a low port";
  EXPECT_TRUE(udp_dials({udp(Kind::kServerReflexive, "100.64.0.9:4000")}, neighbours).empty());
  for (const char* nobodys : {"203.0.113.9:4000", "100.128.0.1:4000", "172.32.0.1:4000",
                              "192.169.0.1:4000", "127.64.0.3:4000", "169.254.1.1:4000"})
    EXPECT_TRUE(udp_dials({udp(Kind::kHost, nobodys)}, neighbours).empty()) << nobodys;
  auto alone = neighbours;
  alone.lan_allowed = false;
  EXPECT_TRUE(udp_dials({udp(Kind::kHost, "100.64.0.9:4000")}, alone).empty());
  EXPECT_TRUE(dials(offer({tcp(Kind::kHost, "100.64.0.9:4000")}), neighbours).empty())
      << "UDP only";
}

TEST(Candidates, OfTheNetworkBeyondOursAreFewAndBehindNeighbours) {
  std::vector<Candidate> many;
  for (int i = 1; i <= 15; ++i)
    many.push_back({Kind::kHost, Candidate::Transport::kUdp,
                    *SocketAddress::parse("100.64.0." + std::to_string(i) + ":4000")});
  many.push_back({Kind::kHost, Candidate::Transport::kUdp, *SocketAddress::parse("10.0.0.9:4000")});
  const auto found = udp_dials(many, ground("198.51.100.7", "198.51.100.7"));
  ASSERT_EQ(found.size(), 1 + kMostBeyond);
  EXPECT_EQ(found[0].to.to_string(), "10.0.0.9:4000");
  EXPECT_LT(found[0].rank, found[1].rank);
}

TEST(Candidates, OfUdpWithoutATranslatorOfOursNobodyIsInANetworkBeyond) {
  auto open = ground("10.0.0.5", "10.0.0.5");
  EXPECT_TRUE(udp_dials({{Kind::kHost, Candidate::Transport::kUdp,
                          *SocketAddress::parse("100.64.0.9:4000")}},
                        open)
                  .empty());
}

TEST(Candidates, OfUdpAtAddressesThatTheServiceStatesAreTakenAndThoseWithoutNatComeFirst) {
  const auto udp = [](Kind kind, const char* at) {
    return Candidate{kind, Candidate::Transport::kUdp, *SocketAddress::parse(at)};
  };
  const std::vector<Candidate> all{udp(Kind::kServerReflexive, "198.51.100.7:4000"),
                                   udp(Kind::kHost, "[2001:db8:9::9]:4000"),
                                   udp(Kind::kHost, "[2001:db8:9::a]:4000")};
  auto where = ground("192.0.2.1", "198.51.100.7");
  const auto to = [&] {
    Texts out;
    for (const auto& dial : udp_dials(all, where)) out.push_back(dial.to.to_string());
    return out;
  };
  EXPECT_EQ(to(), Texts{"198.51.100.7:4000"});
  EXPECT_FALSE(may_hear(ip("2001:db8:9::9"), where));
  where.peer_stated = {ip("2001:db8:9::9")};
  EXPECT_EQ(to(), (Texts{"[2001:db8:9::9]:4000", "198.51.100.7:4000"}));
  EXPECT_TRUE(may_hear(ip("2001:db8:9::9"), where));
  EXPECT_FALSE(may_hear(ip("2001:db8:9::a"), where));
  const auto dials = udp_dials(all, where);
  EXPECT_LT(dials[0].rank, dials[1].rank);
  for (const char* nobody : {"fe80::1", "::1", "ff02::1", "::ffff:127.0.0.1", "::"}) {
    where.peer_stated = {ip(nobody)};
    EXPECT_FALSE(may_hear(ip(nobody), where)) << nobody;
    EXPECT_TRUE(udp_dials({udp(Kind::kHost, ("[" + std::string(nobody) + "]:4000").c_str())}, where)
                    .empty())
        << nobody;
  }
}

TEST(Candidates, TwoThatAreStatedBehindOneAddressAreNeighbours) {
  auto where = ground("2001:db8:7::5", "2001:db8:9::9");
  EXPECT_FALSE(may_hear(ip("10.0.0.9"), where));
  where.own_stated = where.peer_stated = {ip("192.0.2.1")};
  EXPECT_TRUE(may_hear(ip("10.0.0.9"), where));
}

class HostileOffers : public testing::TestWithParam<unsigned> {};

TEST_P(HostileOffers, ReachNobodyElse) {
  std::mt19937 rng(GetParam());
  const char* const places[] = {
      "192.0.2.1",   "198.51.100.7", "10.0.0.5",        "10.0.0.9",
      "127.0.0.1",   "0.0.0.0",      "169.254.169.254", "224.0.0.1",
      "::1",         "fe80::1",      "255.255.255.255", "::ffff:127.0.0.1",
      "203.0.113.9", "127.64.0.3",   "ff02::1",         "::"};
  for (int turn = 0; turn < 200; ++turn) {
    Offer hostile;
    hostile.inbound = static_cast<Inbound>(rng() % 3);
    for (unsigned i = 0; i < control::kMostCandidates; ++i)
      hostile.candidates.push_back(
          {static_cast<Kind>(1 + rng() % 2),
           static_cast<Candidate::Transport>(1 + rng() % 2),
           {ip(places[rng() % std::size(places)]), static_cast<std::uint16_t>(rng() % 3 * 700)}});
    auto here = ground(places[rng() % 2], places[rng() % std::size(places)]);
    if (rng() % 2 == 0) here.peer_stated = {ip(places[rng() % std::size(places)])};
    const auto found = tcp_dials(hostile, here);
    EXPECT_LE(found.size(), kMostDials);
    for (const auto& dial : found) {
      EXPECT_TRUE(is_offerable(dial.to.ip)) << dial.to.to_string();
      EXPECT_NE(dial.to.ip, ip("10.0.0.5")) << "ourselves";
      const auto is_its = [&](const IpAddress& one) {
        return one == *here.peer_seen ||
               std::ranges::find(here.peer_stated, one) != here.peer_stated.end();
      };
      const bool itself = is_its(dial.to.ip);
      const bool neighbour =
          is_its(*here.own_seen) && dial.to.ip == ip("10.0.0.9") && dial.to.port >= 1024;
      EXPECT_TRUE(itself || neighbour) << dial.to.to_string();
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Seeds, HostileOffers, testing::Range(0u, 10u));

TEST(WhyNotDirect, NamesWhatIsKnown) {
  EXPECT_NE(why_not_direct(Inbound::kClosed, Inbound::kClosed, true).find("neither"),
            std::string::npos);
  EXPECT_NE(why_not_direct(Inbound::kOpen, Inbound::kClosed, true).find("other machine"),
            std::string::npos);
  EXPECT_NE(why_not_direct(Inbound::kOpen, Inbound::kUnknown, false).find("offers no"),
            std::string::npos);
  const auto at = [](const char* text) { return Dial{*SocketAddress::parse(text)}; };
  EXPECT_EQ(families_of({}), "");
  EXPECT_EQ(families_of({at("[2001:db8::1]:1")}), "IPv6");
  const auto both = families_of({at("[2001:db8::1]:1"), at("192.0.2.1:1")});
  EXPECT_NE(
      why_not_direct(Inbound::kUnknown, Inbound::kUnknown, true, both).find(", by IPv4 and IPv6"),
      std::string::npos);
}

TEST(Patience, GrowsWhileNothingComesOfItAndAfterPathsThatDieAtOnce) {
  using std::chrono::seconds;
  Patience patience;
  EXPECT_EQ(patience.failed(), seconds{30});
  EXPECT_EQ(patience.failed(), seconds{60});
  for (int i = 0; i < 20; ++i) patience.failed();
  EXPECT_EQ(patience.failed(), seconds{3600});
  EXPECT_EQ(patience.lost(seconds{5}), seconds{1});
  EXPECT_EQ(patience.lost(seconds{5}), seconds{2});
  EXPECT_EQ(patience.lost(seconds{90}), seconds{1}) << "a steady path was lost";
  EXPECT_EQ(patience.failed(), seconds{30}) << "there was a path: failures count anew";
  Patience of_tcp(Patience::kAfterStale);
  EXPECT_EQ(of_tcp.failed(), seconds{30});
  of_tcp.reset();
  of_tcp.lost(seconds{5});
  EXPECT_EQ(of_tcp.failed(), seconds{5}) << "the barriers will have forgotten the lost one";
  EXPECT_EQ(of_tcp.failed(), seconds{10});
}

}  // namespace
}  // namespace culvert::punch
