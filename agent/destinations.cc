#include "agent/destinations.h"

#include <algorithm>

namespace culvert::agent {
namespace {

struct NamedPrefix {
  IpPrefix prefix;
  const char* what;
};

const std::vector<NamedPrefix>& special_prefixes() {
  static const auto prefix = [](const char* text) { return *IpPrefix::parse(text); };
  static const std::vector<NamedPrefix> all{
      {prefix("0.0.0.0/8"), "this machine itself"},
      {prefix("127.0.0.0/8"), "this machine itself"},
      {prefix("169.254.0.0/16"), "link-local"},
      {prefix("224.0.0.0/4"), "a multicast address"},
      {prefix("240.0.0.0/4"), "no address of a host"},
      {prefix("::/127"), "this machine itself"},
      {prefix("fe80::/10"), "link-local"},
      {prefix("ff00::/8"), "a multicast address"},
  };
  return all;
}

// RFC 1918, RFC 6598, RFC 4193: the same numbers mean other hosts at the service's place.
const std::vector<IpPrefix>& private_prefixes() {
  static const auto prefix = [](const char* text) { return *IpPrefix::parse(text); };
  static const std::vector<IpPrefix> all{prefix("10.0.0.0/8"), prefix("172.16.0.0/12"),
                                         prefix("192.168.0.0/16"), prefix("100.64.0.0/10"),
                                         prefix("fc00::/7")};
  return all;
}

void say(Destinations::Steps* why, const std::string& sentence) {
  if (why != nullptr) why->push_back(sentence);
}

const IpPrefix* find(const std::vector<IpPrefix>& prefixes, const IpAddress& address) {
  const auto found = std::find_if(prefixes.begin(), prefixes.end(),
                                  [&](const auto& prefix) { return prefix.contains(address); });
  return found == prefixes.end() ? nullptr : &*found;
}

const resolver::NamePattern* find(const std::vector<resolver::NamePattern>& patterns,
                                  std::string_view name) {
  const auto found = std::find_if(patterns.begin(), patterns.end(),
                                  [&](const auto& pattern) { return pattern.matches(name); });
  return found == patterns.end() ? nullptr : &*found;
}

Way way_of(Forwarding forwarding) {
  return forwarding == Forwarding::kAfterDirect ? Way::kAfterDirect : Way::kService;
}

Way say_way(Way way, Destinations::Steps* why) {
  say(why, way == Way::kAfterDirect
               ? "The agent first tries to connect directly; if that fails, the connection goes "
                 "through the service."
               : "The connection goes through the service.");
  return way;
}

Way directly(Destinations::Steps* why) {
  say(why, "Connections to it are made directly, as if there were no Culvert.");
  return Way::kDirect;
}

std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

}  // namespace

Destinations::Destinations(const AgentConfig& config, std::string domain, const HostPort& service)
    : config_(config), domain_(std::move(domain)), service_(service) {}

bool Destinations::discovers() const {
  return config_.outside.forward != Forwarding::kNever && config_.outside.discover;
}

void Destinations::set_hosted(const std::string& name, bool hosted) {
  if (!hosted) {
    hosted_.erase(name);
    return;
  }
  hosted_[name] = ++told_;
  if (hosted_.size() <= kMostHosted) return;
  hosted_.erase(std::min_element(hosted_.begin(), hosted_.end(),
                                 [](const auto& a, const auto& b) { return a.second < b.second; }));
}

bool Destinations::is_virtual(std::string_view canonical) const {
  return canonical != domain_ && resolver::is_below(canonical, domain_);
}

bool Destinations::is_special(const IpAddress& address, Steps* why) const {
  for (const auto& [prefix, what] : special_prefixes()) {
    if (!prefix.contains(address)) continue;
    say(why, address.to_string() + " is " + what + ".");
    return true;
  }
  if (service_.host != address.to_string()) return false;
  say(why, address.to_string() + " is the service itself.");
  return true;
}

bool Destinations::is_internal(const IpAddress& address, Steps* why) const {
  const auto is = [&](const IpPrefix* prefix, const char* list) {
    if (prefix == nullptr) return false;
    say(why, address.to_string() + " is internal: " + prefix->to_string() + " is " + list + ".");
    return true;
  };
  return is(find(config_.outside.internal_addresses, address),
            "listed in outside.internal_addresses") ||
         (config_.outside.discover &&
          is(find(local_.subnets, address), "a subnet of this machine's own interfaces")) ||
         is(find(private_prefixes(), address), "private address space");
}

bool Destinations::is_internal(std::string_view name, Steps* why) const {
  if (name.find('.') == std::string_view::npos) {
    say(why, quoted(name) + " is internal: it has no domain.");
    return true;
  }
  for (const char* special : {"local", "home.arpa"}) {
    if (!resolver::is_below(name, special)) continue;
    say(why, quoted(name) + " is internal: names below '" + special + "' are local everywhere.");
    return true;
  }
  if (const auto* pattern = find(config_.outside.internal_domains, name)) {
    say(why, quoted(name) + " is internal: outside.internal_domains has " +
                 quoted(pattern->to_string()) + ".");
    return true;
  }
  if (!config_.outside.discover) return false;
  for (const auto& domain : local_.domains) {
    if (!resolver::is_below(name, domain)) continue;
    say(why,
        quoted(name) + " is internal: this machine's resolver searches in " + quoted(domain) + ".");
    return true;
  }
  return false;
}

Way Destinations::of_address(const IpAddress& address, Steps* why) const {
  if (is_special(address, why)) return directly(why);
  for (const auto& rule : config_.forward) {
    const auto* listed = find(rule.addresses, address);
    if (listed == nullptr) continue;
    if (const auto* excluded = find(rule.exclude_addresses, address)) {
      say(why, "A [[forward]] entry lists " + listed->to_string() + " and excludes " +
                   excluded->to_string() + ".");
      continue;
    }
    say(why, address.to_string() + " is in " + listed->to_string() +
                 ", which a [[forward]] entry lists.");
    return say_way(way_of(rule.when), why);
  }
  say(why, "No [[forward]] entry lists " + address.to_string() + ".");
  if (config_.outside.forward == Forwarding::kNever || is_internal(address, why))
    return directly(why);
  say(why, address.to_string() + " is not internal, and [outside] forwards what is not.");
  return say_way(way_of(config_.outside.forward), why);
}

Way Destinations::of_name(std::string_view name, Steps* why) const {
  if (const auto address = IpAddress::parse(name)) return of_address(*address, why);
  if (resolver::is_below(name, "localhost") || name == service_.host) {
    say(why, quoted(name) + (name == service_.host ? " is the service." : " is this machine."));
    return directly(why);
  }
  if (is_virtual(name)) {
    say(why, quoted(name) + " is a virtual name: it is below " + quoted(domain_) +
                 ", the domain of the service.");
    if (hosted_.contains(std::string(name))) {
      say(why,
          "The service hosts it (a conference, or a telephone gateway): what is sent there is "
          "seen by the service.");
      return Way::kService;
    }
    say(why, "Connections go to the machine of that name, sealed from end to end.");
    return Way::kEndpoint;
  }
  say(why, quoted(name) + " is no virtual name: it is not below " + quoted(domain_) +
               ", the domain of the service.");
  for (const auto& rule : config_.forward) {
    const auto* listed = find(rule.domains, name);
    if (listed == nullptr) continue;
    if (const auto* excluded = find(rule.exclude, name)) {
      say(why, "A [[forward]] entry lists " + quoted(listed->to_string()) + " and excludes " +
                   quoted(excluded->to_string()) + ".");
      continue;
    }
    say(why, "A [[forward]] entry lists " + quoted(listed->to_string()) + ".");
    return say_way(way_of(rule.when), why);
  }
  say(why, "No [[forward]] entry lists it.");
  if (config_.outside.forward == Forwarding::kNever || is_internal(name, why)) return directly(why);
  say(why, quoted(name) + " is not internal, and [outside] forwards what is not.");
  return say_way(way_of(config_.outside.forward), why);
}

std::string Destinations::asked_prefixes() const {
  std::string out;
  const auto add = [&](const IpPrefix& prefix, const char* sign) {
    if (!out.empty()) out += ' ';
    out += sign + prefix.to_string();
  };
  for (const auto& rule : config_.forward)
    for (const auto& prefix : rule.addresses) add(prefix, "");
  if (config_.outside.forward == Forwarding::kNever) return out;
  for (const auto& prefix : config_.outside.internal_addresses) add(prefix, "!");
  for (const auto& prefix : private_prefixes()) add(prefix, "!");
  add(*IpPrefix::parse("0.0.0.0/0"), "");
  add(*IpPrefix::parse("::/0"), "");
  return out;
}

}  // namespace culvert::agent
