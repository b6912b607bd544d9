#include "tunnel/proxies/proxy_settings.h"

#include <gmock/gmock.h>

#include <map>

#include "tunnel/proxies/desktop_settings.h"

namespace culvert::proxies {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

ProxySettings environment(const std::map<std::string, std::string>& variables) {
  return from_environment([&](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

std::vector<std::string> urls(const std::vector<Hint>& hints) {
  std::vector<std::string> out;
  for (const auto& hint : hints) out.push_back(hint.url);
  return out;
}

TEST(ProxyEnvironment, takes_what_a_visitor_can_set_in_lower_case_only) {
  EXPECT_EQ(environment({{"HTTP_PROXY", "http://evil:1"}, {"REQUEST_METHOD", "GET"}}),
            ProxySettings{});
  EXPECT_EQ(environment({{"HTTP_PROXY", "http://a:1"}}).http_proxy, "http://a:1");
  EXPECT_EQ(environment({{"http_proxy", "a:1"}}).http_proxy, "a:1");
}

TEST(ProxyEnvironment, takes_the_others_in_either_case_and_lower_case_first) {
  const auto settings = environment({{"HTTPS_PROXY", "big:1"},
                                     {"https_proxy", "small:1"},
                                     {"ALL_PROXY", "socks5://all:1080"},
                                     {"NO_PROXY", "x.test"}});
  EXPECT_EQ(settings.https_proxy, "small:1");
  EXPECT_EQ(settings.all_proxy, "socks5://all:1080");
  EXPECT_EQ(settings.no_proxy, "x.test");
}

TEST(ProxyEnvironment, ignores_what_could_forge_a_line) {
  EXPECT_TRUE(environment({{"https_proxy", "a:1\nno_proxy=*"}}).empty());
}

TEST(ProxyHints, follow_the_order_of_https) {
  ProxySettings settings;
  settings.https_proxy = "secure:1";
  settings.all_proxy = "socks5h://all:1080";
  settings.http_proxy = "plain:3128";
  const auto hints = hints_of(settings, "service.example.net", "the agent");
  EXPECT_THAT(urls(hints), ElementsAre("http://secure:1", "http://plain:3128"));
  EXPECT_EQ(hints[0].source, "https_proxy of the agent");
  EXPECT_TRUE(hints[0].trusted);
  settings.https_proxy.clear();
  EXPECT_THAT(urls(hints_of(settings, "service.example.net", "x")),
              ElementsAre("socks5h://all:1080", "http://plain:3128"));
}

TEST(ProxyHints, end_with_the_proxy_for_ftp) {
  const auto settings =
      environment({{"http_proxy", "plain:3128"}, {"FTP_PROXY", "ftp://files:2121"}});
  const auto hints = hints_of(settings, "service.example.net", "the agent");
  EXPECT_THAT(urls(hints), ElementsAre("http://plain:3128", "ftp://files:2121"));
  EXPECT_EQ(hints[1].source, "ftp_proxy of the agent");
}

TEST(ProxyHints, name_a_proxy_once) {
  ProxySettings settings;
  settings.https_proxy = settings.http_proxy = "http://one:3128";
  EXPECT_THAT(urls(hints_of(settings, "service.example.net", "x")), ElementsAre("http://one:3128"));
}

TEST(ProxyHints, are_urls_however_people_write_them) {
  const auto url = [](std::string value) {
    ProxySettings settings;
    settings.https_proxy = std::move(value);
    return hints_of(settings, "service.example.net", "x").at(0).url;
  };
  EXPECT_EQ(url(" http://one:3128/ "), "http://one:3128");
  EXPECT_EQ(url("\"one:3128\""), "http://one:3128");
  EXPECT_EQ(url("http://one:3128/proxy.pac"), "http://one:3128");
  EXPECT_EQ(url("[2001:db8::1]:3128"), "http://[2001:db8::1]:3128");
  EXPECT_EQ(url("http://ann:a b%4x@c/d%40@one:1"), "http://ann:a%20b%254x@c/d%40@one:1");
}

TEST(ProxyHints, are_none_for_an_excluded_host) {
  ProxySettings settings;
  settings.https_proxy = "one:3128";
  settings.no_proxy = ".example.net";
  EXPECT_THAT(hints_of(settings, "service.example.net", "x"), IsEmpty());
}

TEST(ProxySettings, survive_their_way_as_text) {
  ProxySettings settings;
  settings.http_proxy = "http://user:pa%20ss@h:1";
  settings.no_proxy = "a b,c";
  settings.pac_url = "http://p/x?a=b";
  settings.discover = true;
  const auto back = settings_from_text(to_text(settings));
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, settings);
}

TEST(ProxySettings, refuse_text_that_is_none) {
  EXPECT_FALSE(settings_from_text("nonsense"));
  EXPECT_FALSE(settings_from_text("LD_PRELOAD=x"));
  EXPECT_FALSE(settings_from_text("http_proxy=a\x1b[31m"));
  EXPECT_FALSE(settings_from_text(std::string(kMostSettings + 1, 'x')));
}

// Printed by gsettings 2.74 (Debian 12).
constexpr const char* kGnomeManual = R"(org.gnome.system.proxy autoconfig-url ''
org.gnome.system.proxy ignore-hosts ['localhost', '127.0.0.0/8', '::1']
org.gnome.system.proxy mode 'manual'
org.gnome.system.proxy use-same-proxy true
org.gnome.system.proxy.ftp host ''
org.gnome.system.proxy.ftp port 0
org.gnome.system.proxy.http authentication-password 'sesame'
org.gnome.system.proxy.http authentication-user 'ali'
org.gnome.system.proxy.http enabled false
org.gnome.system.proxy.http host 'proxy.corp.test'
org.gnome.system.proxy.http port 8080
org.gnome.system.proxy.http use-authentication true
org.gnome.system.proxy.https host 'secure.corp.test'
org.gnome.system.proxy.https port 8443
org.gnome.system.proxy.socks host '2001:db8::5'
org.gnome.system.proxy.socks port 1080
)";

TEST(DesktopSettings, are_read_from_gnome) {
  const auto settings = from_gsettings(kGnomeManual);
  EXPECT_EQ(settings.http_proxy, "http://ali:sesame@proxy.corp.test:8080");
  EXPECT_EQ(settings.https_proxy, "http://secure.corp.test:8443");
  EXPECT_EQ(settings.all_proxy, "socks5://[2001:db8::5]:1080");
  EXPECT_EQ(settings.no_proxy, "localhost,127.0.0.0/8,::1");
}

TEST(DesktopSettings, of_gnome_count_only_as_its_mode_says) {
  std::string text = kGnomeManual;
  text.replace(text.find("'manual'"), 8, "'none'");
  EXPECT_TRUE(from_gsettings(text).empty());
  EXPECT_TRUE(from_gsettings("No schemas installed\n").empty());
  const auto automatic = from_gsettings(
      "org.gnome.system.proxy autoconfig-url 'http://p/proxy.pac'\norg.gnome.system.proxy mode "
      "'auto'\n");
  EXPECT_EQ(automatic.pac_url, "http://p/proxy.pac");
  EXPECT_FALSE(automatic.discover);
  EXPECT_TRUE(from_gsettings("org.gnome.system.proxy autoconfig-url ''\n"
                             "org.gnome.system.proxy mode 'auto'\n")
                  .discover);
}

TEST(DesktopSettings, are_read_from_kde) {
  const auto settings = from_kioslaverc(
      "[$Version]\nupdate_info=x\n\n[Proxy Settings]\nNoProxyFor=localhost,.corp.test\n"
      "ProxyType=1\nhttpProxy[$e]=http://proxy.corp.test 3128\nhttpsProxy=http://secure/ 8443\n"
      "socksProxy=socks://socks.corp.test 1080\n[Other]\nhttpProxy=http://wrong 1\n");
  EXPECT_EQ(settings.http_proxy, "http://proxy.corp.test:3128");
  EXPECT_EQ(settings.https_proxy, "http://secure:8443");
  EXPECT_EQ(settings.all_proxy, "socks5://socks.corp.test:1080");
  EXPECT_EQ(settings.no_proxy, "localhost,.corp.test");
  EXPECT_EQ(from_kioslaverc("[Proxy Settings]\nProxyType=2\nProxy Config Script=http://p/x.pac\n")
                .pac_url,
            "http://p/x.pac");
  EXPECT_TRUE(from_kioslaverc("[Proxy Settings]\nProxyType=3\n").discover);
  EXPECT_TRUE(from_kioslaverc("[Proxy Settings]\nProxyType=0\nhttpProxy=http://x 1\n").empty());
}

}  // namespace
}  // namespace culvert::proxies
