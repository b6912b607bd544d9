#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "agent/config.h"
#include "tunnel/base/nearest_word.h"

namespace culvert::agent {
namespace {

Environment user() { return {"/home/ann", "", "", "/run/user/1000", "", "", 1000}; }

Result<AgentConfig> parse(std::string_view text) {
  return parse_config(text, "/etc/x/agent.toml", user());
}

std::string error_of(std::string_view text) {
  const auto config = parse(text);
  return config ? "no error" : config.error().detail;
}

TEST(AgentConfig, has_defaults_that_need_no_file_for_an_ordinary_user) {
  const auto config = default_config(user());
  EXPECT_EQ(config.state_directory, "/home/ann/.local/state/culvert");
  EXPECT_EQ(config.control_socket, "/run/user/1000/culvert/agent.sock");
  EXPECT_EQ(config.pool.to_string(), "127.64.0.0/10");
  EXPECT_EQ(config.via, "auto");
  EXPECT_FALSE(config.publish.allows(80));
  EXPECT_TRUE(config.forward.empty());
  EXPECT_EQ(config.outside.forward, Forwarding::kNever);
}

TEST(AgentConfig, puts_the_files_of_root_and_of_a_system_service_in_system_directories) {
  auto root = user();
  root.uid = 0;
  EXPECT_EQ(default_config(root).state_directory, "/var/lib/culvert");
  EXPECT_EQ(default_config(root).control_socket, "/run/culvert/agent.sock");
  auto service = user();
  service.service_state = "/var/lib/other";
  service.service_runtime = "/run/other";
  EXPECT_EQ(default_config(service).state_directory, "/var/lib/other");
  EXPECT_EQ(default_config(service).control_socket, "/run/other/agent.sock");
}

TEST(AgentConfig, reads_every_key) {
  const auto config = parse(R"(
state_directory = "state"
control_socket = "~/agent.sock"
pool = "127.80.0.0/16"
log_level = "debug"
via = "direct"
service = "192.0.2.1:8443"
tls_port = 443
proxy = ["http://ann:secret@proxy:3128", "socks5://192.0.2.3"]
[access]
users = [0, 1234]
[publish]
policy = "always"
ports = [80, 443]
deny_ports = [443]
media_callers = ["studio.example.net", "*.tv.example.net"]
[direct]
mappings = 1500
port_443 = false
[[listen]]
port = 22
to = "127.0.0.1:2222"
[[listen]]
port = 25
[[forward]]
domains = ["*.test", "one.example.org"]
exclude = ["not.test", "*.not.test", "10.20.1.0/24"]
addresses = ["10.20.0.0/16", "2001:db8::7"]
[outside]
forward = "always"
internal_domains = ["*.corp.example"]
internal_addresses = ["198.51.100.0/24"]
discover = false
)");
  ASSERT_TRUE(config) << config.error().detail;
  EXPECT_EQ(config->direct.mappings, 1500u);
  EXPECT_FALSE(config->direct.port_443);
  EXPECT_EQ(config->state_directory, "/etc/x/state");
  EXPECT_EQ(config->control_socket, "/home/ann/agent.sock");
  EXPECT_EQ(config->pool.to_string(), "127.80.0.0/16");
  EXPECT_EQ(config->service->to_string(), "192.0.2.1:8443");
  EXPECT_EQ(config->tls_port, 443);
  ASSERT_EQ(config->proxies.size(), 2u);
  EXPECT_EQ(config->proxies[0].to_string(), "http://proxy:3128");
  EXPECT_EQ(config->proxies[0].credentials->password, "secret");
  EXPECT_EQ(config->proxies[1].source, "agent.toml");
  EXPECT_TRUE(config->proxies[1].trusted);
  EXPECT_TRUE(config->access.allows(1234, 1000));
  EXPECT_FALSE(config->access.allows(1235, 1000));
  EXPECT_TRUE(config->publish.allows(80));
  EXPECT_FALSE(config->publish.allows(443));
  EXPECT_FALSE(config->publish.allows(81));
  ASSERT_EQ(config->publish.media_callers.size(), 2U);
  EXPECT_TRUE(config->publish.media_callers[0].matches("studio.example.net"));
  EXPECT_FALSE(config->publish.media_callers[0].matches("one.studio.example.net"));
  EXPECT_TRUE(config->publish.media_callers[1].matches("one.tv.example.net"));
  ASSERT_EQ(config->listen.size(), 2u);
  EXPECT_EQ(config->listen[0].to.to_string(), "127.0.0.1:2222");
  EXPECT_EQ(config->listen[1].to.to_string(), "127.0.0.1:25");
  ASSERT_EQ(config->forward.size(), 1u);
  EXPECT_EQ(config->forward[0].domains.size(), 2u);
  EXPECT_EQ(config->forward[0].exclude.size(), 2u);
  EXPECT_EQ(config->forward[0].addresses.at(1).to_string(), "2001:db8::7/128");
  EXPECT_EQ(config->forward[0].exclude_addresses.at(0).to_string(), "10.20.1.0/24");
  EXPECT_EQ(config->outside.forward, Forwarding::kAlways);
  EXPECT_EQ(config->outside.internal_domains.size(), 1u);
  EXPECT_EQ(config->outside.internal_addresses.size(), 1u);
  EXPECT_FALSE(config->outside.discover);
}

TEST(AgentConfig, names_the_place_of_an_unknown_key_and_the_nearest_known_one) {
  EXPECT_EQ(error_of("log_level = \"info\"\nstate_dir = \"x\"\n"),
            "/etc/x/agent.toml:2:1: unknown key \"state_dir\"; known are state_directory, "
            "control_socket, pool, service, log_level, via, tls_port, proxy, proxy_ca, pac_url, "
            "find_proxies, dns, resume_seconds, access, publish, direct, listen, forward, outside");
  EXPECT_EQ(error_of("log_levle = \"info\"\n"),
            "/etc/x/agent.toml:1:1: unknown key \"log_levle\"; did you mean \"log_level\"?");
  EXPECT_EQ(error_of("[publish]\npolcy = \"never\"\n"),
            "/etc/x/agent.toml:2:1: unknown key \"publish.polcy\"; did you mean "
            "\"publish.policy\"?");
}

TEST(AgentConfig, says_where_a_value_is_bad_and_what_would_be_good) {
  const std::pair<const char*, const char*> cases[] = {
      {"pool = \"10.0.0.0/8\"", "/etc/x/agent.toml:1:8: pool: must lie in 127.0.0.0/8"},
      {"pool = \"127.0.0.0/8\"", "1:8: pool: must leave out 127.0.0.1"},
      {"pool = \"127.0.0.48/28\"", "1:8: pool: must leave out 127.0.0.53"},
      {"pool = 3", "/etc/x/agent.toml:1:8: pool must be a text in quotes"},
      {"log_level = \"loud\"", "1:13: log_level must be debug, info, warning or error"},
      {"via = \"pigeon\"", "1:7: via: there is no recipe \"pigeon\"; known are \"auto\", "},
      {"proxy = \"gopher://x\"", "1:9: proxy: a proxy's URL begins with http, https, socks4"},
      {"proxy = [\"a\", \"b c\"]", "1:15: proxy: the proxy's URL has a space"},
      {"proxy = 3", "proxy must be a list of URLs"},
      {"[publish]\npolicy = \"maybe\"",
       "2:10: publish.policy must be \"never\", \"ask\" or \"always\""},
      {"[publish]\nports = [0]", "2:10: publish.ports must be a port number from 1 to 65535"},
      {"[[listen]]\nto = \"127.0.0.1:1\"", "[[listen]] needs port"},
      {"[[listen]]\nport = 22\n[[listen]]\nport = 22", "[[listen]] port 22 is there twice"},
      {"[listen]\nport = 22", "write [[listen]], with two brackets"},
      {"[[forward]]\nexclude = [\"x.y\"]", "[[forward]] needs domains"},
      {"[[forward]]\naddresses = [\"10.0.0.0/33\"]", "no valid prefix length; write for example"},
      {"[[forward]]\ndomains = [\"*\"]\nwhen = \"never\"", "forward.when: must be \"always\" or "},
      {"[outside]\nforward = \"sometimes\"", "outside.forward: must be \"never\", \"always\" or "},
      {"[access]\nusers = [\"no such user here\"]", "2:10: access.users: there is no user"},
      {"[access]\nusers = \"everybody\"", "access.users must be \"all\" or a list"},
      {"pool = ", "/etc/x/agent.toml:1:8: not TOML: "},
      {"[!", "/etc/x/agent.toml:1:2: not TOML: "},
      {"gr\xc3\xb6\xc3\x9f"
       "e = 1",
       "/etc/x/agent.toml:1:3: not TOML: "},
  };
  for (const auto& [text, expected] : cases)
    EXPECT_NE(error_of(text).find(expected), std::string::npos) << text << "\n" << error_of(text);
}

TEST(AgentConfig, bounds_how_many_prefixes_every_program_has_to_compare) {
  std::string text = "[[forward]]\naddresses = [";
  for (std::size_t i = 0; i <= kMostPrefixes; ++i)
    text += "\"10.0." + std::to_string(i) + ".0/24\",";
  EXPECT_NE(error_of(text + "]").find("65 prefixes are listed"), std::string::npos);
}

TEST(AgentConfig, complains_about_a_file_that_was_named_and_is_missing) {
  const auto config = load_config("/nowhere/agent.toml", user());
  ASSERT_FALSE(config);
  EXPECT_NE(config.error().detail.find("/nowhere/agent.toml: cannot be read: No such file"),
            std::string::npos);
}

TEST(AgentConfig, complains_about_a_directory_and_reads_an_empty_file) {
  const auto config = load_config("/", user());
  ASSERT_FALSE(config);
  EXPECT_NE(config.error().detail.find("/: cannot be read: Is a directory"), std::string::npos);
  EXPECT_TRUE(load_config("/dev/null", user()));
}

TEST(AgentConfig, refuses_a_file_with_a_password_that_others_can_read) {
  std::string path = testing::TempDir() + "culvert-config-XXXXXX";
  const int fd = mkstemp(path.data());
  ASSERT_GE(fd, 0);
  constexpr std::string_view kText = "proxy = \"http://ann:hunter2@proxy:3128\"\n";
  ASSERT_EQ(write(fd, kText.data(), kText.size()), static_cast<ssize_t>(kText.size()));
  EXPECT_TRUE(load_config(path, user()));
  ASSERT_EQ(fchmod(fd, 0640), 0);
  const auto config = load_config(path, user());
  ASSERT_FALSE(config);
  EXPECT_NE(config.error().detail.find("chmod 600"), std::string::npos);
  EXPECT_EQ(config.error().detail.find("hunter2"), std::string::npos);
  close(fd);
  unlink(path.c_str());
}

TEST(NearestWord, gives_no_hint_when_nothing_is_near) {
  const std::vector<std::string_view> known{"policy", "ports"};
  EXPECT_EQ(nearest_word("prots", known), "ports");
  EXPECT_EQ(nearest_word("zebra", known), "");
  EXPECT_EQ(nearest_word("x", known), "");
}

}  // namespace
}  // namespace culvert::agent
