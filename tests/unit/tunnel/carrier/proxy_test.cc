#include "tunnel/carrier/proxy.h"

#include <gtest/gtest.h>

#include "tunnel/carrier/way_steps.h"

namespace culvert::carrier {
namespace {

TEST(Proxy, IsReadFromAnUrlOfEachKind) {
  struct {
    const char* url;
    ProxyKind kind;
    const char* shown;
  } const cases[] = {
      {"http://proxy.example.net:3128", ProxyKind::kHttp, "http://proxy.example.net:3128"},
      {"proxy:8080", ProxyKind::kHttp, "http://proxy:8080"},
      {"HTTP://proxy/", ProxyKind::kHttp, "http://proxy:80"},
      {"https://proxy", ProxyKind::kHttps, "https://proxy:443"},
      {"https://[2001:db8::1]:3129", ProxyKind::kHttps, "https://[2001:db8::1]:3129"},
      {"socks4://192.0.2.1", ProxyKind::kSocks4, "socks4://192.0.2.1:1080"},
      {"socks4a://s:1", ProxyKind::kSocks4a, "socks4a://s:1"},
      {"socks5://[2001:db8::1]:1080", ProxyKind::kSocks5, "socks5://[2001:db8::1]:1080"},
      {"socks5h://s", ProxyKind::kSocks5, "socks5://s:1080"},
      {"ftp://files", ProxyKind::kFtp, "ftp://files:21"},
  };
  for (const auto& one : cases) {
    const auto proxy = parse_proxy(one.url);
    ASSERT_TRUE(proxy) << one.url << ": " << proxy.error().detail;
    EXPECT_EQ(proxy->kind, one.kind) << one.url;
    EXPECT_EQ(proxy->to_string(), one.shown);
    EXPECT_FALSE(proxy->credentials);
    EXPECT_FALSE(proxy->trusted);
  }
}

TEST(Proxy, HasItsCredentialsDecodedAndTellsThemToNobody) {
  const auto proxy = parse_proxy("http://CORP%5Cann:p%40ss%3aw%25rd:x@proxy:3128");
  ASSERT_TRUE(proxy);
  ASSERT_TRUE(proxy->credentials);
  EXPECT_EQ(proxy->credentials->domain, "CORP");
  EXPECT_EQ(proxy->credentials->user, "ann");
  EXPECT_EQ(proxy->credentials->login(), "CORP\\ann");
  EXPECT_EQ(proxy->credentials->password, "p@ss:w%rd:x");
  EXPECT_EQ(proxy->to_string(), "http://proxy:3128");
  EXPECT_EQ(parse_proxy("http://ann@REALM:secret@proxy:1")->credentials->user, "ann@REALM");
  EXPECT_EQ(parse_proxy("socks5://ann@proxy")->credentials->password, "");
  EXPECT_FALSE(parse_proxy("http://@proxy:1")->credentials);
}

TEST(Proxy, IsReadFromWhatDesktopsAndPeopleWrite) {
  const auto of_gnome = parse_proxy("socks://192.0.2.1:1080/");
  ASSERT_TRUE(of_gnome);
  EXPECT_EQ(of_gnome->to_string(), "socks5://192.0.2.1:1080");
  const auto umlaut = parse_proxy("http://ann:p\xc3\xa4@192.0.2.1:3128");
  ASSERT_TRUE(umlaut);
  EXPECT_EQ(umlaut->credentials->password, "p\xc3\xa4");
}

TEST(Proxy, IsTheLastOfAChainThatLeadsToIt) {
  const auto proxy = parse_proxy("socks5://s:1 -> https://ann:one@a  ->  bob:two@b:3128");
  ASSERT_TRUE(proxy) << proxy.error().detail;
  EXPECT_EQ(proxy->to_string(), "socks5://s:1 -> https://a:443 -> http://b:3128");
  EXPECT_EQ(proxy->first_hop().to_string(), "s:1");
  EXPECT_EQ(proxy->credentials->password, "two");
  EXPECT_EQ(proxy->before[1].credentials->password, "one");
  auto known = *proxy;
  known.forget_credentials();
  EXPECT_FALSE(known.has_credentials());
  EXPECT_TRUE(known.is_same_place(*proxy));
  EXPECT_TRUE(known.is_same_place(*parse_proxy(proxy->to_string())));
  EXPECT_FALSE(known.is_same_place(*parse_proxy("http://b:3128")));
}

TEST(Way, HoldsAConversationWithEachProxyOfAChainInTurn) {
  Way way{find_recipe("connect-tls"),
          *parse_proxy("https://a:1 -> socks5://b:2 -> https://c:3"),
          {"service.example.net", 443},
          *SocketAddress::parse("192.0.2.9:1"),
          {}};
  const auto steps = steps_of(way);
  const auto* a = &way.proxy->before[0];
  const auto* b = &way.proxy->before[1];
  const auto* c = &*way.proxy;
  const struct {
    LayerKind kind;
    const Proxy* with;
    const char* target;
  } wanted[] = {
      {LayerKind::kTls, a, "a:1"},
      {LayerKind::kHttpConnect, a, "b:2"},
      {LayerKind::kSocks, b, "c:3"},
      {LayerKind::kTls, c, "c:3"},
      {LayerKind::kHttpConnect, c, "service.example.net:443"},
      {LayerKind::kTls, nullptr, "service.example.net:443"},
  };
  ASSERT_EQ(steps.size(), std::size(wanted));
  for (std::size_t i = 0; i < steps.size(); ++i) {
    EXPECT_EQ(steps[i].kind, wanted[i].kind) << i;
    EXPECT_EQ(steps[i].with, wanted[i].with) << i;
    EXPECT_EQ(steps[i].target.to_string(), wanted[i].target) << i;
  }
}

TEST(Proxy, IsRefusedWithAReasonThatRepeatsNoPassword) {
  const std::string secret = "hunter2";
  const std::string tail(3000, 'x');
  for (const std::string url : {
           "gopher://u:hunter2@proxy",
           "http://u:hunter2@",
           "http://u:hunter2@proxy:0",
           "http://u:hunter2@proxy:70000",
           "http://u:hunter2@a b:1",
           "http://u:hunter2@proxy:1/path",
           "http://u:hunter2@proxy:1?x",
           "http://u:hunter2@[::1:1",
           "http://u:hunter2%0d%0aX:@proxy:1",
           "http://u:hunter2%00@proxy",
           "http://u:hunter2%@proxy",
           "http://u:hunter2%4@proxy",
           "http://:hunter2@proxy",
           "http://u:hunter2@pr\r\noxy:1",
           "http://u:hunter2@pro<xy:1",
           "http://u:hunter2@::1:80",
           "http://u:hunter2 -> http://proxy:1",
           "http://u:x -> hunter2@proxy:1",
           "http://a -> ftp://u:hunter2@b",
           "http://a -> http://b -> http://c -> http://u:hunter2@d",
           "http://a -> ",
       }) {
    const auto proxy = parse_proxy(url);
    ASSERT_FALSE(proxy) << url;
    EXPECT_EQ(proxy.error().code, ErrorCode::kBadInput);
    EXPECT_EQ(proxy.error().detail.find(secret), std::string::npos) << proxy.error().detail;
  }
  EXPECT_FALSE(parse_proxy(""));
  EXPECT_FALSE(parse_proxy("http://" + tail));
  EXPECT_FALSE(parse_proxy("http://u:" + tail.substr(0, 300) + "@proxy:1"));
}

TEST(Way, IsDescribedForPeopleWithoutCredentials) {
  Way way{find_recipe("tls"),
          {},
          {"service.example.net", 443},
          *SocketAddress::parse("192.0.2.1:443"),
          {}};
  EXPECT_EQ(to_string(way), "tls to 192.0.2.1:443");
  way.recipe = find_recipe("connect");
  way.proxy = *parse_proxy("http://ann:secret@proxy:3128");
  way.first_hop = *SocketAddress::parse("192.0.2.9:3128");
  EXPECT_EQ(to_string(way),
            "connect through http://proxy:3128 (192.0.2.9) to service.example.net:443");
  auto other = way;
  other.proxy->credentials.reset();
  EXPECT_TRUE(is_same_way(way, other));
  other.first_hop.port = 1;
  EXPECT_FALSE(is_same_way(way, other));
  other.proxy.reset();
  EXPECT_FALSE(is_same_way(way, other));
}

}  // namespace
}  // namespace culvert::carrier
