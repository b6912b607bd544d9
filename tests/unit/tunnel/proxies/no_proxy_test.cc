#include "tunnel/proxies/no_proxy.h"

#include <gtest/gtest.h>

namespace culvert::proxies {
namespace {

struct Row {
  const char* no_proxy;
  const char* host;
  bool excluded;
};

// no_proxy_curl_test.cc has some hundred more, which it puts to curl itself.
constexpr Row kRows[] = {
    {"", "www.example.org", false},
    {"*", "www.example.org", true},
    {"*", "192.0.2.1", true},
    {"*,x", "www.example.org", false},
    {"example.org", "example.org", true},
    {"example.org", "www.example.org", true},
    {"example.org", "badexample.org", false},
    {".example.org", "www.example.org", true},
    {".example.org", "example.org", true},
    {"example.org.", "www.example.org", true},
    {"example.org", "www.example.org.", true},
    {"EXAMPLE.org", "www.Example.ORG", true},
    {"www.example.org", "example.org", false},
    {"a.test,b.test", "b.test", true},
    {"a.test b.test", "b.test", true},
    {"a.test, ,b.test", "x.b.test", true},
    {" , a.test\t", "a.test", true},
    {"localhost,127.0.0.1", "127.0.0.1", true},
    {"192.0.2.0/24", "192.0.2.77", true},
    {"192.0.2.0/24", "192.0.3.77", false},
    {"192.0.2.1/33", "192.0.2.1", false},
    {"192.0.2.1/-1", "192.0.2.1", false},
    {"192.0.2.0/+24", "192.0.2.77", true},
    {"192.0.2.1", "192.0.2.10", false},
    {"192.0.2", "192.0.2.1", false},
    {"192.0.2.0/24", "www.example.org", false},
    {"2001:db8::/32", "[2001:db8::1]", true},
    {"2001:db8::1", "2001:db8:0::1", true},
    {"[2001:db8::1]", "[2001:db8::1]", true},
    {"2001:db8::/129", "[2001:db8::1]", false},
    {"::1", "127.0.0.1", false},
    {"org", "www.example.org", true},
    {".", "www.example.org", false},
};

TEST(NoProxy, excludes_what_curl_excludes) {
  for (const auto& row : kRows)
    EXPECT_EQ(is_excluded(row.no_proxy, row.host), row.excluded)
        << "no_proxy=\"" << row.no_proxy << "\" " << row.host;
}

}  // namespace
}  // namespace culvert::proxies
