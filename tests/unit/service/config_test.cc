#include "service/config.h"

#include <gtest/gtest.h>

namespace culvert::service {
namespace {

std::string error_of(const std::string& text) {
  const auto config = parse_config(text, "/etc/culvert/service.toml");
  return config ? "no error" : config.error().detail;
}

TEST(Config, NeedsNothingButADomain) {
  const auto config = parse_config("domain = \"Example.NET.\"", "/etc/culvert/service.toml");
  ASSERT_TRUE(config) << config.error().detail;
  EXPECT_EQ(config->domain, "example.net");
  EXPECT_EQ(config->listen.at(0).to_string(), "0.0.0.0:443");
  EXPECT_EQ(config->state_directory, "/var/lib/culvert-service");
  EXPECT_TRUE(config->forwarding.enabled);
  EXPECT_EQ(config->limits.handshake, std::chrono::seconds{10});
}

TEST(Config, ReadsEveryKey) {
  const auto config = parse_config(R"(
    domain = "example.net"
    listen = ["0.0.0.0:443", "[::]:8443"]
    public_address = "tunnel.example.net"
    state_directory = "state"
    log_level = "debug"
    threads = 3
    certificate_days = 30
    [tls]
    certificate = "tls/cert.pem"
    key = "/etc/ssl/key.pem"
    [forwarding]
    enabled = false
    allow = ["203.0.113.0/24", "10.0.0.1"]
    deny = ["2001:db8::/32"]
    media_by_tcp = ["192.0.2.7/32"]
    [[media]]
    listen = "192.0.2.1:5004"
    name = "Studio.example.net"
    to = "phone.example.net:5006"
    from = ["192.0.2.7/32", "2001:db8::/32"]
    most_callers = 3
    [limits]
    unauthenticated = 100
    unauthenticated_per_address = 5
    handshake_seconds = 3
    sessions = 7
    streams_per_session = 8
    lookups_per_session = 9
    circuits_per_endpoint = 10
    circuit_answer_seconds = 11
    connect_seconds = 12
  )",
                                   "/etc/culvert/service.toml");
  ASSERT_TRUE(config) << config.error().detail;
  EXPECT_EQ(config->listen.at(1).to_string(), "[::]:8443");
  EXPECT_EQ(config->public_address->to_string(), "tunnel.example.net:443");
  EXPECT_EQ(config->state_directory, "/etc/culvert/state");
  EXPECT_EQ(config->log_level, log::Level::kDebug);
  EXPECT_EQ(config->threads, 3u);
  EXPECT_EQ(config->certificate_life, std::chrono::days{30});
  EXPECT_EQ(config->tls.certificate, "/etc/culvert/tls/cert.pem");
  EXPECT_EQ(config->tls.key, "/etc/ssl/key.pem");
  EXPECT_FALSE(config->forwarding.enabled);
  EXPECT_EQ(config->forwarding.allow.at(1).to_string(), "10.0.0.1/32");
  EXPECT_EQ(config->forwarding.deny.at(0).to_string(), "2001:db8::/32");
  EXPECT_EQ(config->forwarding.media_by_tcp.at(0).to_string(), "192.0.2.7/32");
  const auto& media = config->media.at(0);
  EXPECT_EQ(media.listen.to_string(), "192.0.2.1:5004");
  EXPECT_EQ(media.name, "studio.example.net");
  EXPECT_EQ(media.endpoint, "phone.example.net");
  EXPECT_EQ(media.port, 5006);
  EXPECT_EQ(media.from.at(1).to_string(), "2001:db8::/32");
  EXPECT_EQ(media.most_callers, 3u);
  EXPECT_EQ(config->limits.unauthenticated, 100u);
  EXPECT_EQ(config->limits.unauthenticated_per_address, 5u);
  EXPECT_EQ(config->limits.handshake, std::chrono::seconds{3});
  EXPECT_EQ(config->limits.sessions, 7u);
  EXPECT_EQ(config->limits.streams_per_session, 8u);
  EXPECT_EQ(config->limits.lookups_per_session, 9u);
  EXPECT_EQ(config->limits.circuits_per_endpoint, 10u);
  EXPECT_EQ(config->limits.circuit_answer, std::chrono::seconds{11});
  EXPECT_EQ(config->limits.connect, std::chrono::seconds{12});
}

TEST(Config, TellsTheNearestKnownKey) {
  EXPECT_EQ(error_of("domain = \"a.example\"\nlissten = \"0.0.0.0:443\""),
            "/etc/culvert/service.toml:2:1: unknown key \"lissten\"; did you mean \"listen\"?");
  EXPECT_EQ(error_of("domain = \"a.example\"\n[forwarding]\nalow = []"),
            "/etc/culvert/service.toml:3:1: unknown key \"alow\" in [forwarding]; did you mean "
            "\"allow\"?");
  EXPECT_EQ(error_of("domain = \"a.example\"\n[tls]\nzebra = 1"),
            "/etc/culvert/service.toml:3:1: unknown key \"zebra\" in [tls]; known are certificate, "
            "key");
}

std::string media_error(const std::string& name, const std::string& to, const std::string& more) {
  return error_of("domain = \"example.net\"\n[[media]]\nlisten = \"0.0.0.0:5004\"\nname = \"" +
                  name + "\"\nto = \"" + to + "\"\n" + more);
}

TEST(Config, MediaNeedsWhoCallsWhom) {
  const std::string from = "from = [\"192.0.2.7\"]\n";
  const std::string good = "studio.example.net", to = "phone.example.net:5004";
  EXPECT_EQ(media_error(good, to, from), "no error");
  const auto has = [](const std::string& text, std::string_view part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  has(media_error(good, to, ""), "[[media]] needs listen");
  has(media_error(good, to, "from = []"), "[[media]] needs listen");
  has(media_error(good, "phone.example.net", from), "needs a port");
  has(media_error("studio.example.org", to, from), "is not below the domain");
  has(media_error("phone.example.net", to, from), "which is no machine");
  has(media_error(good, "phone.example.org:5004", from), "which is not below the domain");
  has(media_error("room.example.net", to, from + "[[conference]]\nname = \"room.example.net\""),
      "is a [[conference]] and a [[media]]");
  has(error_of("domain = \"a.example\"\n[[media]]\nlisten = \"0.0.0.0:0\""),
      "no address of this machine and port");
}

TEST(Config, SaysWhereAValueIsWrongAndWhatItShouldBe) {
  EXPECT_EQ(error_of("domain = \"a.example\"\nlisten = \"443\""),
            "/etc/culvert/service.toml:2:10: listen: '443' needs a port, as in host:443; write an "
            "address of this machine and a port, such as \"0.0.0.0:443\" or \"[::]:443\"");
  EXPECT_EQ(error_of("domain = \"a.example\"\n[forwarding]\nallow = [\"10.0.0.0/33\"]"),
            "/etc/culvert/service.toml:3:10: forwarding.allow: '10.0.0.0/33' has no valid prefix "
            "length; write for example \"192.0.2.0/24\"");
  EXPECT_EQ(error_of("domain = \"a.example\"\n[limits]\nsessions = 0"),
            "/etc/culvert/service.toml:3:12: limits.sessions: must be a whole number from 1 to "
            "1000000");
  EXPECT_EQ(error_of("domain = 7"),
            "/etc/culvert/service.toml:1:10: domain: must be a text in quotes");
  EXPECT_EQ(error_of("domain = \"a.example\"\nforwarding = true"),
            "/etc/culvert/service.toml:2:14: write [forwarding] as a table of its own");
  EXPECT_EQ(error_of("domain = \"a.example\"\n[[gateway]]\nnumbers = \"+49*\"\nto = \"x y\""),
            "/etc/culvert/service.toml:4:6: gateway.to: 'x y' has a character that no host has: "
            "write a name in its ASCII form (xn--...), or an address");
  EXPECT_NE(error_of("domain = \"a.example\"\n[[gateway]]\nnumbers = \"+49*\"\nto = \"a..b\"")
                .find("service.toml:4:6: gateway.to: 'a..b' has an empty label"),
            std::string::npos);
  EXPECT_NE(error_of("domain = \"a.example\"\nlog_level = \"loud\"").find("debug, info, warning"),
            std::string::npos);
}

TEST(Config, ReadsARangeOfPortsForDataOfFtp) {
  const auto config = parse_config("domain = \"a.example\"\nftp_data_ports = \"1024-65535\"", "x");
  ASSERT_TRUE(config) << config.error().detail;
  EXPECT_EQ(config->ftp_first_data_port, 1024);
  EXPECT_EQ(config->ftp_last_data_port, 65535);
  for (const std::string bad :
       {"30000", "1023-2000", "2000-1999", "1024-65536", "a-b", "1024-", ""})
    EXPECT_NE(error_of("domain = \"a.example\"\nftp_data_ports = \"" + bad + "\"")
                  .find("is no range of ports from 1024 on"),
              std::string::npos)
        << bad;
}

TEST(Config, WantsADomainAndWholeTlsPairs) {
  EXPECT_NE(error_of("").find("\"domain\" is missing; add"), std::string::npos);
  EXPECT_NE(error_of("domain = \"a.example\"\n[tls]\nkey = \"k\"").find("needs both"),
            std::string::npos);
}

TEST(Config, ReportsWhatIsNotToml) {
  for (const auto* text : {"domain = ", "[!;", "[", "= 1", "a"})
    EXPECT_EQ(error_of(text).rfind("/etc/culvert/service.toml:1:", 0), 0u) << text;
}

TEST(Config, ReportsAFileThatIsNotThere) {
  const auto config = load_config("/nowhere/service.toml");
  ASSERT_FALSE(config);
  EXPECT_NE(config.error().detail.find("No such file"), std::string::npos);
}

TEST(Config, ReportsADirectoryAndAnEmptyFile) {
  EXPECT_NE(load_config("/").error().detail.find("Is a directory"), std::string::npos);
  EXPECT_NE(load_config("/dev/null").error().detail.find("domain"), std::string::npos);
}

TEST(Config, InvitesToTheListeningAddressOnlyIfItIsOne) {
  Config config;
  EXPECT_FALSE(config.invitation_address());
  config.listen = {*SocketAddress::parse("0.0.0.0:443"), *SocketAddress::parse("198.41.0.4:8443")};
  EXPECT_EQ(config.invitation_address()->to_string(), "198.41.0.4:8443");
  config.public_address = HostPort{"tunnel.example.net", 443};
  EXPECT_EQ(config.invitation_address()->to_string(), "tunnel.example.net:443");
}

}  // namespace
}  // namespace culvert::service
