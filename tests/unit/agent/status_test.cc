#include "agent/status.h"

#include <gtest/gtest.h>

namespace culvert::agent {
namespace {

StatusReport report() {
  StatusReport out;
  out.version = "0.1.0";
  out.name = "a.example.net";
  out.domain = "example.net";
  out.service = "192.0.2.1:443";
  out.session = {
      "up", "connect-tls",       "192.0.2.1:443", "direct refused",      1000, 12.5, 999, 2'500'000,
      4,    "http://proxy:3128", "agent.toml",    "CN=a, issued by CN=b"};
  out.peers = {{"b.example.net", false, "up", "relay", "", "nobody is let in", 2, 1030, 25, 10, 20,
                1, "198.51.100.7:4000", "", 2.5},
               {"a-much-longer-name.example.net", true, "up", "direct", "192.0.2.9:1", "", 0, 1060,
                0, 0, 0, 0, "", "nothing got through"}};
  out.session.interactive_lane = true;
  out.peers[0].interactive_lane = true;
  out.place = {true, 4000, "192.0.2.7:4711", "closed", "timed out", true, {}};
  out.place.mappings = {{"tcp", 4000, "192.0.2.7:40000", "PCP", 7140, "open", ""},
                        {"udp", 4001, "", "", 0, "", "PCP: not authorized"}};
  out.place.stated = {"2001:db8::7"};
  out.place.udp = "passes";
  out.place.udp_seen = "192.0.2.7:5000";
  out.place.udp_mapping = "endpoint-independent";
  out.place.udp_filtering = "address-and-port-dependent";
  out.place.udp_ports = "one port";
  out.streams = 2;
  out.published = {22, 80};
  out.names = 3;
  out.pool = "127.64.0.0/10";
  return out;
}

TEST(Status, comes_back_from_json_as_it_was) {
  const auto again = status_from_json(to_json(report()));
  ASSERT_TRUE(again) << again.error().detail;
  EXPECT_EQ(*again, report());
  EXPECT_NE(to_json(report()).find("\"schema\": 1"), std::string::npos);
}

TEST(Status, shows_that_the_certificate_will_end) {
  auto expiring = report();
  expiring.expiry = "the name certificate ends in 2 days";
  EXPECT_NE(
      to_table(expiring, 1060, false).find("expiry     the name certificate ends in 2 days\n"),
      std::string::npos)
      << to_table(expiring, 1060, false);
  const auto again = status_from_json(to_json(expiring));
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, expiring);
}

TEST(Status, refuses_what_is_not_a_status) {
  EXPECT_FALSE(status_from_json(""));
  EXPECT_FALSE(status_from_json("{\"schema\": 2}"));
  EXPECT_FALSE(status_from_json("{\"schema\": 1, \"session\": 3}"));
}

TEST(Status, survives_text_that_is_not_utf8) {
  auto odd = report();
  odd.session.why = "\xff\xfe";
  EXPECT_TRUE(status_from_json(to_json(odd)));
}

TEST(Status, is_an_aligned_table_without_colour_unless_asked_for) {
  const auto table = to_table(report(), 1060, false);
  EXPECT_EQ(
      table,
      "name       a.example.net\n"
      "service    192.0.2.1:443\n"
      "session    up for 60 s, via connect-tls through http://proxy:3128 (192.0.2.1:443; "
      "named by agent.toml), dialogues by a connection of their own, TLS ends on the way "
      "(certificate CN=a, issued by CN=b), what is "
      "inside stays sealed (direct refused)\n"
      "traffic    999 B sent, 2.5 MB received, round trip 12.5 ms, resumed 3 "
      "times\n"
      "direct     port 4000, seen from outside at 192.0.2.7:4711 and 2001:db8::7, connections "
      "from outside do not get in (timed out)\n"
      "mapped     tcp 4000 is 192.0.2.7:40000 at the gateway (PCP, 119 min), and lets connections "
      "in; udp 4001 is not mapped: PCP: not authorized\n"
      "udp        passes, seen from outside at 192.0.2.7:5000, one port; only answers get in\n"
      "published  22, 80\n"
      "programs   2 streams, 0 waiting connects\n"
      "addresses  3 names in 127.64.0.0/10\n"
      "\n"
      "PEER                            ROLE      STATE  VIA                 STREAMS  SENT  "
      "RECEIVED  ROUND TRIP  SINCE\n"
      "b.example.net                   caller    up     relay               2        10 B  "
      "20 B      25.0 ms     30 s\n"
      "a-much-longer-name.example.net  answerer  up     direct 192.0.2.9:1  0        0 B   "
      "0 B       0.0 ms      0 s\n"
      "b.example.net goes through the relay: nobody is let in\n"
      "Dialogues with b.example.net have a connection of their own\n"
      "UDP to b.example.net goes straight to 198.51.100.7:4000, round trip 2.5 ms\n"
      "UDP from a-much-longer-name.example.net goes inside its session: nothing got through\n");
  EXPECT_NE(to_table(report(), 1060, true).find("\033[32mup\033[0m"), std::string::npos);
}

TEST(Status, shows_no_control_characters_of_peers_on_the_terminal) {
  auto odd = report();
  odd.peers[0].name = "x\033[2Jy\u009b2J\u202ez";
  EXPECT_EQ(to_table(odd, 1060, false).find('\033'), std::string::npos);
  EXPECT_NE(to_table(odd, 1060, false).find("x?[2Jy??2J???z"), std::string::npos);
}

}  // namespace
}  // namespace culvert::agent
