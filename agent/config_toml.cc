// The one file of the agent that knows toml++ (0.9 s of parsing wherever it is included).
#include <pwd.h>

#include "agent/config.h"
#include "resolver/address_pool.h"
#include "tunnel/carrier/recipes.h"
#include "tunnel/settings/section.h"

namespace culvert::agent {
namespace {

using settings::Section;

void read_pattern(Section& section, const toml::node& node, std::string_view key,
                  std::vector<resolver::NamePattern>& out) {
  const auto value = node.value_exact<std::string>();
  if (!value) return section.reject(node, key, "must be a list of names in quotes");
  const auto pattern = resolver::NamePattern::parse(*value);
  if (!pattern) return section.fail(node, section.title(key) + ": " + pattern.error().detail);
  out.push_back(*pattern);
}

void read_patterns(Section& section, std::string_view key,
                   std::vector<resolver::NamePattern>& out) {
  section.list(key, "names, such as [\"*.example.org\"]",
               [&](const toml::node& node) { read_pattern(section, node, key, out); });
}

void read_prefixes(Section& section, std::string_view key, std::vector<IpPrefix>& out) {
  section.texts(key, "addresses, such as [\"10.20.0.0/16\", \"2001:db8::/32\"]",
                [&](const std::string& text) -> Result<void> {
                  const auto prefix = IpPrefix::parse(text);
                  if (!prefix)
                    return fail(ErrorCode::kBadInput, prefix.error().detail +
                                                          "; write for example "
                                                          "\"10.20.0.0/16\"");
                  out.push_back(*prefix);
                  return {};
                });
}

// Names and addresses in one list.
void read_exclude(Section& section, ForwardRule& rule) {
  section.list("exclude", "names and addresses, such as [\"here.example.org\", \"10.20.1.0/24\"]",
               [&](const toml::node& node) {
                 const auto prefix = IpPrefix::parse(node.value_exact<std::string>().value_or(""));
                 if (prefix) return rule.exclude_addresses.push_back(*prefix);
                 read_pattern(section, node, "exclude", rule.exclude);
               });
}

void read_ports(Section& section, std::string_view key, std::vector<std::uint16_t>& out) {
  section.list(key, "port numbers, such as [22, 80]", [&](const toml::node& node) {
    if (const auto port = section.port(node, key)) out.push_back(*port);
  });
}

Result<void> take_pool(const std::string& text, IpPrefix& out) {
  const auto prefix = IpPrefix::parse(text);
  if (!prefix) return fail(prefix.error());
  CULVERT_RETURN_IF_ERROR(resolver::AddressPool::check_prefix(*prefix));
  if (!prefix->address.is_loopback())
    return fail(ErrorCode::kBadInput,
                "must lie in 127.0.0.0/8, which the kernel routes to this machine without any "
                "privilege; the default is 127.64.0.0/10");
  for (const auto used : {0x7f000001u, 0x7f000035u})  // localhost; systemd-resolved
    if (prefix->contains(IpAddress::v4(used)))
      return fail(ErrorCode::kBadInput, "must leave out " + IpAddress::v4(used).to_string() +
                                            ", where this machine's own servers are; the default "
                                            "is 127.64.0.0/10");
  out = *prefix;
  return {};
}

Result<void> take_recipe(const std::string& via, std::string& out) {
  if (via != "auto" && carrier::find_recipe(via) == nullptr) {
    std::string known = "\"auto\"";
    for (const auto& recipe : carrier::all_recipes())
      known += ", \"" + std::string(recipe.name) + "\"";
    return fail(ErrorCode::kBadInput, "there is no recipe \"" + via + "\"; known are " + known);
  }
  out = via;
  return {};
}

void read_proxies(Section& section, std::vector<carrier::Proxy>& proxies) {
  const auto take = [&](const std::string& text) -> Result<void> {
    auto proxy = carrier::parse_proxy(text);
    if (!proxy) return fail(proxy.error());
    proxy->source = "agent.toml";
    proxy->trusted = true;
    proxies.push_back(*std::move(proxy));
    return {};
  };
  const auto* node = section.find("proxy");
  if (node == nullptr) return;
  if (node->is_string()) return section.take_text(*node, "proxy", take);
  section.texts("proxy", "URLs, such as [\"http://proxy.example.net:3128\"]", take);
}

Result<void> take_pac_url(const std::string& text, std::string& out) {
  if (text.empty()) return {};
  for (const std::string_view scheme : {"http://", "https://", "file:///"})
    if (text.starts_with(scheme) && text.size() > scheme.size()) {
      out = text;
      return {};
    }
  return fail(ErrorCode::kBadInput,
              "must be the URL of a script: \"http://...\", \"https://...\" or \"file:///...\"");
}

Result<void> take_name_server(const std::string& text, AgentConfig& config) {
  config.serve_names = text != "off";
  if (text == "off" || text == "auto") return {};
  const auto at = SocketAddress::parse(text);
  if (!at || !at->ip.is_v4() || !at->ip.is_loopback())
    return fail(ErrorCode::kBadInput,
                "must be \"auto\", \"off\", or an address and port in 127.0.0.0/8, such as "
                "\"127.0.0.54:53\"");
  config.name_server = *at;
  return {};
}

// `key` is a literal: the section keeps it. Whom besides the agent's own user and root.
void read_users(Section& section, std::string_view key, AccessPolicy& access) {
  const auto* node = section.find(key);
  if (node == nullptr) return;
  if (node->value_exact<std::string>() == "all") {
    access.all = true;
    return;
  }
  const auto what = "access." + std::string(key);
  if (!node->is_array())
    return section.fail(*node, what + " must be \"all\" or a list of user names and uids");
  section.list(key, "user names and uids", [&](const toml::node& user) {
    if (const auto uid = user.value_exact<std::int64_t>()) {
      if (*uid < 0 || *uid > 0xfffffffe) return section.fail(user, what + ": no such uid");
      return access.users.push_back(static_cast<uid_t>(*uid));
    }
    const auto name = user.value_exact<std::string>().value_or("");
    const auto* entry = name.empty() ? nullptr : ::getpwnam(name.c_str());
    if (entry == nullptr)
      return section.fail(user, what + ": there is no user \"" + name +
                                    "\" on this machine; write a name of /etc/passwd or a uid");
    access.users.push_back(entry->pw_uid);
  });
}

void read_publish(Section& section, PublishPolicy& publish) {
  if (const auto* node = section.find("policy")) {
    const auto policy = section.text(*node, "policy");
    if (!policy) return;
    if (policy != "never" && policy != "always" && policy != "ask")
      return section.reject(*node, "policy",
                            "must be \"never\", \"ask\" or \"always\", not \"" + *policy + "\"");
    publish.policy = policy == "always" ? PublishPolicy::Policy::kAlways
                     : policy == "ask"  ? PublishPolicy::Policy::kAsk
                                        : PublishPolicy::Policy::kNever;
  }
  read_ports(section, "ports", publish.ports);
  read_ports(section, "deny_ports", publish.deny_ports);
  read_patterns(section, "media_callers", publish.media_callers);
}

void read_direct(Section& section, DirectPolicy& direct) {
  section.flag("enabled", direct.enabled);
  section.port("port", direct.port);
  section.flag("lan", direct.lan);
  section.flag("map_port", direct.map_port);
  section.flag("port_443", direct.port_443);
  section.number("mappings", 0, 20'000,
                 [&](std::int64_t value) { direct.mappings = static_cast<std::size_t>(value); });
}

void read_listen(Section& section, std::vector<ListenEntry>& listen) {
  ListenEntry entry;
  if (!section.port("port", entry.port))
    return section.fail(section.here(), "[[listen]] needs port = the port to publish");
  entry.to = {IpAddress::v4(0x7f000001), entry.port};
  section.text("to", [&](const std::string& text) -> Result<void> {
    const auto address = SocketAddress::parse(text);
    if (!address)
      return fail(ErrorCode::kBadInput,
                  address.error().detail + "; write for example \"127.0.0.1:22\"");
    entry.to = *address;
    return {};
  });
  section.text("protocol", [&](const std::string& text) -> Result<void> {
    if (text != "tcp" && text != "udp")
      return fail(ErrorCode::kBadInput, "must be \"tcp\" or \"udp\", not \"" + text + "\"");
    entry.protocol = text == "tcp" ? Protocol::kTcp : Protocol::kUdp;
    return {};
  });
  for (const auto& other : listen)
    if (other.port == entry.port && other.protocol == entry.protocol)
      return section.fail(section.here(), "[[listen]] port " + std::to_string(entry.port) +
                                              " is there twice; remove one");
  listen.push_back(entry);
}

// "when-unreachable": a direct attempt comes first.
Result<void> take_forwarding(const std::string& text, Forwarding& out, bool or_never) {
  if (text == "always") {
    out = Forwarding::kAlways;
  } else if (text == "when-unreachable") {
    out = Forwarding::kAfterDirect;
  } else if (text == "never" && or_never) {
    out = Forwarding::kNever;
  } else {
    return fail(ErrorCode::kBadInput, std::string("must be ") + (or_never ? "\"never\", " : "") +
                                          "\"always\" or \"when-unreachable\", not \"" + text +
                                          "\"");
  }
  return {};
}

void read_forward(Section& section, std::vector<ForwardRule>& forward) {
  ForwardRule rule;
  read_patterns(section, "domains", rule.domains);
  read_prefixes(section, "addresses", rule.addresses);
  read_exclude(section, rule);
  section.text("when", [&](const std::string& text) {
    return take_forwarding(text, rule.when, /*or_never=*/false);
  });
  if (rule.domains.empty() && rule.addresses.empty())
    section.fail(section.here(),
                 "[[forward]] needs domains = [\"*.example.org\"] (or [\"*\"] for every ordinary "
                 "name), or addresses = [\"10.20.0.0/16\"]");
  forward.push_back(std::move(rule));
}

void read_outside(Section& section, OutsideRule& outside) {
  section.text("forward", [&](const std::string& text) {
    return take_forwarding(text, outside.forward, /*or_never=*/true);
  });
  read_patterns(section, "internal_domains", outside.internal_domains);
  read_prefixes(section, "internal_addresses", outside.internal_addresses);
  section.flag("discover", outside.discover);
}

Result<void> check_prefix_count(const AgentConfig& config) {
  auto count = config.outside.internal_addresses.size();
  for (const auto& rule : config.forward) count += rule.addresses.size();
  if (count <= kMostPrefixes) return {};
  return fail(ErrorCode::kBadInput, config.file + ": " + std::to_string(count) +
                                        " prefixes are listed in [[forward]] and [outside], and " +
                                        std::to_string(kMostPrefixes) +
                                        " may be: join some of them");
}

void read_all(Section& root, AgentConfig& config, const std::string& home) {
  root.path("state_directory", config.state_directory, home);
  root.path("control_socket", config.control_socket, home);
  root.text("pool", [&](const std::string& text) { return take_pool(text, config.pool); });
  root.text("service", [&](const std::string& text) -> Result<void> {
    const auto service = HostPort::parse(text, 443);
    if (!service) return fail(service.error());
    config.service = *service;
    return {};
  });
  root.log_level("log_level", config.log_level);
  root.text("via", [&](const std::string& text) { return take_recipe(text, config.via); });
  root.port("tls_port", config.tls_port);
  read_proxies(root, config.proxies);
  root.path("proxy_ca", config.proxy_ca, home);
  root.text("pac_url", [&](const std::string& text) { return take_pac_url(text, config.pac_url); });
  root.flag("find_proxies", config.find_proxies);
  root.text("dns", [&](const std::string& text) { return take_name_server(text, config); });
  root.number("resume_seconds", 0, 86'400,
              [&](std::int64_t value) { config.resume = std::chrono::seconds{value}; });
  root.table("access", [&](Section& section) {
    read_users(section, "users", config.access);
    read_users(section, "proxies_of", config.proxies_of);
  });
  root.table("publish", [&](Section& section) { read_publish(section, config.publish); });
  root.table("direct", [&](Section& section) { read_direct(section, config.direct); });
  root.tables("listen", [&](Section& section) { read_listen(section, config.listen); });
  root.tables("forward", [&](Section& section) { read_forward(section, config.forward); });
  root.table("outside", [&](Section& section) { read_outside(section, config.outside); });
}

}  // namespace

Result<AgentConfig> parse_config(std::string_view text, const std::string& file,
                                 const Environment& environment) {
  auto config = default_config(environment);
  config.file = file;
  CULVERT_RETURN_IF_ERROR(
      settings::read_document(text, file, settings::Wording::kSentence,
                              [&](Section& root) { read_all(root, config, environment.home); }));
  CULVERT_RETURN_IF_ERROR(check_prefix_count(config));
  return config;
}

}  // namespace culvert::agent
