// The one file of the service that knows toml++ (0.9 s of parsing wherever it is included).
#include <algorithm>

#include "resolver/virtual_name.h"
#include "service/config.h"
#include "tunnel/base/text.h"
#include "tunnel/loop/loop_thread.h"
#include "tunnel/settings/section.h"

namespace culvert::service {
namespace {

using settings::Section;

Result<void> take_prefix(const std::string& text, std::vector<IpPrefix>& out) {
  const auto prefix = IpPrefix::parse(text);
  if (!prefix)
    return fail(ErrorCode::kBadInput,
                prefix.error().detail + "; write for example \"192.0.2.0/24\"");
  out.push_back(*prefix);
  return {};
}

void read_domain(Section& root, Config& config) {
  root.text("domain", [&](const std::string& text) -> Result<void> {
    auto name = resolver::canonical_name(text);
    if (!name) return fail(name.error());
    config.domain = std::move(*name);
    return {};
  });
}

void read_listen(Section& root, Config& config) {
  const auto* node = root.find("listen");
  if (node == nullptr) return;
  config.listen.clear();
  const auto take = [&](const std::string& text) -> Result<void> {
    const auto address = SocketAddress::parse(text);
    if (!address)
      return fail(ErrorCode::kBadInput, address.error().detail +
                                            "; write an address of this machine and a port, such "
                                            "as \"0.0.0.0:443\" or \"[::]:443\"");
    config.listen.push_back(*address);
    return {};
  };
  const auto* array = node->as_array();
  if (array == nullptr) return root.take_text(*node, "listen", take);
  if (array->empty()) return root.reject(*node, "listen", "is an empty list; name one address");
  for (const auto& element : *array) root.take_text(element, "listen", take);
}

void read_tls(Section& section, TlsFiles& tls) {
  section.path("certificate", tls.certificate);
  section.path("key", tls.key);
}

void read_addresses(Section& section, std::string_view key, std::vector<IpAddress>& out) {
  section.texts(key, "addresses, such as [\"192.0.2.1\"]",
                [&](const std::string& text) -> Result<void> {
                  const auto address = IpAddress::parse(text);
                  if (!address) return fail(address.error());
                  const auto of_family = std::ranges::count_if(
                      out, [&](const auto& one) { return one.is_v4() == address->is_v4(); });
                  if (of_family == 2)
                    return fail(ErrorCode::kBadInput,
                                "are more than two addresses of a family; two are all that is "
                                "needed");
                  out.push_back(*address);
                  return {};
                });
}

void read_discovery(Section& section, DiscoveryConfig& discovery) {
  read_addresses(section, "addresses", discovery.addresses);
  read_addresses(section, "advertised", discovery.advertised);
  if (section.find("ports") != nullptr) discovery.ports.clear();
  section.list("ports", "port numbers, such as [3478, 3479]", [&](const toml::node& node) {
    if (const auto port = section.port(node, "ports")) discovery.ports.push_back(*port);
  });
  const auto& ports = discovery.ports;
  if (ports.empty() || ports.size() > 2 || (ports.size() == 2 && ports[0] == ports[1]))
    section.fail(section.here(), "discovery.ports must be one port or two different ones");
  if (!discovery.advertised.empty() && discovery.advertised.size() != discovery.addresses.size())
    section.fail(section.here(),
                 "discovery.advertised must name an address for each of discovery.addresses");
}

void read_count(Section& section, std::string_view key, std::size_t& out) {
  section.number(key, 1, 1'000'000,
                 [&](std::int64_t value) { out = static_cast<std::size_t>(value); });
}

void read_seconds(Section& section, std::string_view key, std::chrono::seconds& out) {
  section.number(key, 1, 3600, [&](std::int64_t value) { out = std::chrono::seconds{value}; });
}

void read_forwarding(Section& section, Forwarding& forwarding) {
  section.flag("enabled", forwarding.enabled);
  section.texts("allow", "prefixes, such as [\"192.0.2.0/24\"]",
                [&](const std::string& text) { return take_prefix(text, forwarding.allow); });
  section.texts("deny", "prefixes, such as [\"192.0.2.0/24\"]",
                [&](const std::string& text) { return take_prefix(text, forwarding.deny); });
  section.texts(
      "media_by_tcp", "prefixes, such as [\"192.0.2.7/32\"]",
      [&](const std::string& text) { return take_prefix(text, forwarding.media_by_tcp); });
}

void read_callers(Section& section, std::string_view key, Callers& out) {
  section.texts(key, "names of endpoints, such as [\"*.office.example.net\"]",
                [&](const std::string& text) -> Result<void> {
                  auto pattern = resolver::NamePattern::parse(text);
                  if (!pattern) return fail(pattern.error());
                  out.push_back(std::move(*pattern));
                  return {};
                });
}

void read_conference(Section& section, std::vector<ConferenceConfig>& conferences) {
  ConferenceConfig conference;
  section.text("name", [&](const std::string& text) -> Result<void> {
    auto name = resolver::canonical_name(text);
    if (!name) return fail(name.error());
    conference.name = std::move(*name);
    return {};
  });
  read_callers(section, "members", conference.members);
  section.number("most_members", 2, 1000, [&](std::int64_t value) {
    conference.most_members = static_cast<std::size_t>(value);
  });
  if (conference.name.empty())
    section.fail(section.here(),
                 "[[conference]] needs a name below the domain, such as name = "
                 "\"conference.example.net\"");
  conferences.push_back(std::move(conference));
}

void read_gateway(Section& section, std::vector<GatewayConfig>& gateways) {
  std::optional<NumberPattern> numbers;
  GatewayConfig gateway;
  section.text("numbers", [&](const std::string& text) -> Result<void> {
    auto pattern = NumberPattern::parse(text);
    if (!pattern) return fail(pattern.error());
    numbers = std::move(*pattern);
    return {};
  });
  section.text("to", [&](const std::string& text) -> Result<void> {
    auto to = HostPort::parse(text, 1);
    if (!to) return fail(to.error());
    if (!IpAddress::parse(to->host))
      if (const auto name = resolver::canonical_name(to->host); !name) return fail(name.error());
    gateway.to = std::move(*to);
    if (!HostPort::parse(text)) gateway.to.port = 0;  // it names none
    return {};
  });
  read_callers(section, "callers", gateway.callers);
  section.flag("media_by_tcp", gateway.media_by_tcp);
  if (!numbers || gateway.to.host.empty())
    return section.fail(section.here(),
                        "[[gateway]] needs numbers = \"+4930*\" and to = \"10.20.0.5\" (an address "
                        "or a name, with a port if all calls go to one)");
  gateway.numbers = std::move(*numbers);
  gateways.push_back(std::move(gateway));
}

void read_media(Section& section, std::vector<MediaConfig>& all) {
  MediaConfig media;
  section.text("listen", [&](const std::string& text) -> Result<void> {
    const auto address = SocketAddress::parse(text);
    if (!address || address->port == 0)
      return fail(ErrorCode::kBadInput,
                  "'" + text +
                      "' is no address of this machine and port; write for example "
                      "\"0.0.0.0:5004\"");
    media.listen = *address;
    return {};
  });
  section.text("name", [&](const std::string& text) -> Result<void> {
    auto name = resolver::canonical_name(text);
    if (!name) return fail(name.error());
    media.name = std::move(*name);
    return {};
  });
  section.text("to", [&](const std::string& text) -> Result<void> {
    const auto to = HostPort::parse(text);
    if (!to) return fail(to.error());
    auto name = resolver::canonical_name(to->host);
    if (!name) return fail(name.error());
    media.endpoint = std::move(*name);
    media.port = to->port;
    return {};
  });
  section.texts("from", "prefixes, such as [\"192.0.2.7/32\"]",
                [&](const std::string& text) { return take_prefix(text, media.from); });
  section.number("most_callers", 1, 1000,
                 [&](std::int64_t value) { media.most_callers = static_cast<std::size_t>(value); });
  if (media.listen.port == 0 || media.name.empty() || media.port == 0 || media.from.empty())
    return section.fail(
        section.here(),
        "[[media]] needs listen = \"0.0.0.0:5004\", from = [\"192.0.2.7/32\"] (the "
        "hosts that may connect), name = \"studio.example.net\" (what they are "
        "called, below the domain) and to = \"machine.example.net:5004\" (whom they "
        "call)");
  all.push_back(std::move(media));
}

void read_limits(Section& section, Limits& limits) {
  read_count(section, "unauthenticated", limits.unauthenticated);
  read_count(section, "unauthenticated_per_address", limits.unauthenticated_per_address);
  read_seconds(section, "handshake_seconds", limits.handshake);
  read_count(section, "sessions", limits.sessions);
  read_count(section, "streams_per_session", limits.streams_per_session);
  read_count(section, "udp_flows_per_session", limits.udp_flows_per_session);
  read_count(section, "datagrams_per_second", limits.datagrams_per_second);
  read_count(section, "datagram_kilobytes_per_second", limits.datagram_kilobytes_per_second);
  read_count(section, "lookups_per_session", limits.lookups_per_session);
  read_count(section, "circuits_per_endpoint", limits.circuits_per_endpoint);
  read_seconds(section, "circuit_answer_seconds", limits.circuit_answer);
  read_seconds(section, "connect_seconds", limits.connect);
  read_seconds(section, "resume_seconds", limits.resume);
}

Result<void> read_data_ports(const std::string& text, Config& config) {
  const auto dash = text.find('-');
  int first = 0, last = 0;
  if (dash == text.npos || !parse_number(text.substr(0, dash), first) ||
      !parse_number(text.substr(dash + 1), last) || first < 1024 || last < first || last > 65535)
    return fail(ErrorCode::kBadInput,
                "\"" + text + "\" is no range of ports from 1024 on, such as \"30000-30999\"");
  config.ftp_first_data_port = static_cast<std::uint16_t>(first);
  config.ftp_last_data_port = static_cast<std::uint16_t>(last);
  return {};
}

void read_all(Section& root, Config& config) {
  read_domain(root, config);
  read_listen(root, config);
  root.text("public_address", [&](const std::string& text) -> Result<void> {
    const auto address = HostPort::parse(text, 443);
    if (!address) return fail(address.error());
    config.public_address = *address;
    return {};
  });
  root.flag("ftp", config.ftp);
  root.text("ftp_data_ports",
            [&](const std::string& text) { return read_data_ports(text, config); });
  root.path("state_directory", config.state_directory);
  root.log_level("log_level", config.log_level);
  root.number("threads", 0, loop::LoopThreads::kMost,
              [&](std::int64_t threads) { config.threads = static_cast<std::size_t>(threads); });
  root.number("certificate_days", 1, 3650,
              [&](std::int64_t days) { config.certificate_life = std::chrono::days{days}; });
  root.table("tls", [&](Section& section) { read_tls(section, config.tls); });
  root.table("forwarding", [&](Section& section) { read_forwarding(section, config.forwarding); });
  root.table("discovery", [&](Section& section) { read_discovery(section, config.discovery); });
  root.tables("conference",
              [&](Section& section) { read_conference(section, config.conferences); });
  root.tables("gateway", [&](Section& section) { read_gateway(section, config.gateways); });
  root.tables("media", [&](Section& section) { read_media(section, config.media); });
  root.table("limits", [&](Section& section) { read_limits(section, config.limits); });
}

}  // namespace

Result<Config> parse_config(std::string_view text, const std::string& file) {
  Config config;
  CULVERT_RETURN_IF_ERROR(settings::read_document(text, file, settings::Wording::kColon,
                                                  [&](Section& root) { read_all(root, config); }));
  if (config.domain.empty())
    return fail(ErrorCode::kBadInput, file +
                                          ": \"domain\" is missing; add the domain below which "
                                          "endpoints get their names, such as domain = "
                                          "\"example.net\"");
  if (const auto hosted = check_hosted(config.hosted(), config.domain); !hosted)
    return fail(ErrorCode::kBadInput, file + ": " + hosted.error().detail);
  if (config.tls.certificate.empty() != config.tls.key.empty())
    return fail(ErrorCode::kBadInput, file +
                                          ": [tls] needs both \"certificate\" and \"key\", or "
                                          "neither (then the service makes its own)");
  return config;
}

}  // namespace culvert::service
