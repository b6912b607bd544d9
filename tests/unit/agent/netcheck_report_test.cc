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
  report.portal = "http://x/\033[2J";
  report.why = "no\nway";
  EXPECT_EQ(conclusion(report),
            "portal:  a captive portal answers instead of the service: http://x/?[2J; log in there "
            "with a browser\nresult:  the service is not reached: no?way\n");
  EXPECT_NE(to_json(report).find("\"schema\": 1"), std::string::npos);
}

}  // namespace
}  // namespace culvert::agent
