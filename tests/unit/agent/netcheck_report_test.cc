#include "agent/netcheck_report.h"

#include <gtest/gtest.h>

namespace culvert::agent {
namespace {

TEST(NetcheckReport, gives_each_try_a_line_with_its_source) {
  NetcheckTry one;
  one.way = "connect through http://proxy:3128 (10.0.0.1) to service.example.net:443";
  one.source = "WPAD by DNS";
  one.reached = true;
  one.took_ms = 12.4;
  EXPECT_EQ(to_line(one),
            "reached    12 ms  connect through http://proxy:3128 (10.0.0.1) to "
            "service.example.net:443 [WPAD by DNS]");
  one.interceptor = "CN=a, issued by CN=b";
  EXPECT_TRUE(to_line(one).ends_with(": TLS ends on the way (certificate CN=a, issued by CN=b)"));
  one.reached = false;
  one.outcome = "407";
  EXPECT_EQ(to_line(one),
            "failed     12 ms  connect through http://proxy:3128 (10.0.0.1) to "
            "service.example.net:443 [WPAD by DNS]: 407");
}

TEST(NetcheckReport, shows_no_control_characters_of_strangers) {
  NetcheckReport report;
  report.portal = "http://x/\033[2J\u009b2J";
  report.why = "no\nway";
  EXPECT_EQ(conclusion(report),
            "portal:  a captive portal answers instead of the service: http://x/?[2J??2J; log in "
            "there with a browser\nresult:  the service is not reached: no?way\n");
  EXPECT_NE(to_json(report).find("\"schema\": 1"), std::string::npos);
}

TEST(NetcheckReport, says_how_this_machine_is_reached) {
  PlaceStatus place;
  EXPECT_EQ(reachability(place), "");
  place.seen = "192.0.2.6:40000";
  place.inbound = "closed";
  place.inbound_why = "timed out";
  EXPECT_EQ(reachability(place),
            "seen:    from outside at 192.0.2.6:40000\n"
            "tcp:     connections from outside do not get in (timed out)\n"
            "udp:     not known: the service has no discovery servers\n");
  place.udp = "out-only";
  EXPECT_NE(reachability(place).find("udp:     gets out, and nothing of it in\n"),
            std::string::npos);
  place.udp = "passes";
  place.udp_seen = "192.0.2.6:40001";
  place.udp_mapping = "endpoint-independent";
  place.udp_filtering = "address-dependent";
  place.udp_ports = "one port for all destinations";
  EXPECT_NE(reachability(place).find("udp:     gets out and in, seen at 192.0.2.6:40001\n"
                                     "nat:     mapping is endpoint-independent, filtering is "
                                     "address-dependent, one port for all destinations\n"),
            std::string::npos);
  NetcheckReport report;
  report.place = place;
  EXPECT_NE(to_json(report).find("\"udp_filtering\": \"address-dependent\""), std::string::npos);
}

}  // namespace
}  // namespace culvert::agent
