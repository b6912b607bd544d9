#include "agent/proxy_finder.h"

#include <algorithm>
#include <cstring>

#include "agent/program_path.h"
#include "tunnel/base/byte_codec.h"
#include "tunnel/proxies/probe_answer.h"

namespace culvert::agent {
namespace {

constexpr std::size_t kMostScripts = 4;
// squid, HTTP proxies at large, SOCKS, privoxy, tinyproxy, FTP proxies.
constexpr std::uint16_t kUsualPorts[] = {3128, 8080, 1080, 8118, 8888, 2121};

std::string scheme_of(proxies::Spoken spoken) {
  switch (spoken) {
    case proxies::Spoken::kHttpProxy: return "http";
    case proxies::Spoken::kSocks:
    case proxies::Spoken::kSocks5: return "socks5";
    case proxies::Spoken::kSocks4: return "socks4";
    case proxies::Spoken::kFtp: return "ftp";
    default: return {};
  }
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

}  // namespace

ProxyFinder::ProxyFinder(loop::Loop& loop, resolver::DnsClient& dns, Random& random,
                         HostPort service, ProxySources sources,
                         std::optional<NetworkFacts> network, Listener& listener)
    : loop_(loop),
      dns_(dns),
      random_(random),
      service_(std::move(service)),
      sources_(std::move(sources)),
      network_(std::move(network)),
      listener_(listener),
      kinds_(loop, dns, service_, static_cast<ProxyKinds::Listener&>(*this)),
      began_at_(loop.now()),
      start_(loop, *this),
      name_limit_(loop, *this) {
  start_.start(Duration::zero());
}

ProxyFinder::~ProxyFinder() = default;

void ProxyFinder::step(std::string what, std::string outcome) {
  steps_.push_back({std::move(what), std::move(outcome), loop_.now() - began_at_});
  listener_.on_finding_step(steps_.back());
}

std::vector<carrier::Proxy> ProxyFinder::add(const std::vector<proxies::Hint>& hints) {
  std::vector<carrier::Proxy> proxies;
  for (const auto& hint : hints) {
    auto proxy = carrier::parse_proxy(hint.url);
    if (!proxy) {
      step(hint.source, "cannot be used: " + proxy.error().detail);
      continue;
    }
    proxy->source = hint.source;
    proxy->trusted = hint.trusted;
    proxy->passing = hint.passing;
    if (!hint.trusted) proxy->forget_credentials();
    proxies.push_back(*std::move(proxy));
  }
  return add(std::move(proxies));
}

std::vector<carrier::Proxy> ProxyFinder::add(std::vector<carrier::Proxy> proxies) {
  std::erase_if(proxies, [&](const carrier::Proxy& proxy) {
    const auto same = [&](const auto& other) { return other.is_same_place(proxy); };
    const bool known =
        std::ranges::any_of(found_, same) || std::ranges::any_of(sources_.configured, same);
    if (!known && found_.size() < kMost) {
      found_.push_back(proxy);
      return false;
    }
    return true;
  });
  if (!proxies.empty()) listener_.on_proxies_found(proxies);
  return proxies;
}

void ProxyFinder::add_named(const std::vector<proxies::Hint>& hints) {
  for (const auto& fresh : add(hints)) kinds_.check(fresh);
}

void ProxyFinder::on_kind_heard(const carrier::Proxy& named, proxies::Spoken heard,
                                const std::vector<carrier::Proxy>& others) {
  if (others.empty()) return;
  step(named.to_string(), "is called so, and is " + std::string(to_string(heard)));
  listener_.on_proxy_miscalled(named, heard);
  add(others);
}

void ProxyFinder::begin() {
  begun_ = true;
  // They are ways of their own since before this began, and have not led out.
  for (const auto& proxy : sources_.configured) kinds_.check(proxy);
  kinds_.hurry();
  if (!sources_.pac_url.empty()) start_script({sources_.pac_url, "pac_url of agent.toml", true});
  for (const auto& settings : sources_.settings) take(settings);
  add_of_users(/*passing=*/false);
  if (sources_.ask_desktop && DesktopAsker::possible())
    desktop_.emplace(loop_, static_cast<DesktopAsker::Listener&>(*this));
  if (sources_.ask_network && network_) {
    std::byte transaction[4];
    random_.fill(transaction);
    dhcp_.emplace(loop_,
                  proxies::DhcpInform{load_be<std::uint32_t>(&transaction[0]), network_->own,
                                      network_->own_hardware},
                  network_->gateway, static_cast<proxies::DhcpAsker::Listener&>(*this));
    announcements_.emplace(loop_, random_, network_->own,
                           static_cast<Announcements::Listener&>(*this));
    wpad_.emplace(dns_, "wpad", static_cast<resolver::DnsRequest::Listener&>(*this));
    name_limit_.start(kNameLimit);
  }
  go_on();
}

void ProxyFinder::take(const NamedSettings& from) {
  auto hints = proxies::hints_of(from.settings, service_.host, from.whose);
  for (const auto& hint : hints) step(hint.source, "names a proxy");
  add_named(hints);
  if (!from.settings.pac_url.empty())
    start_script({from.settings.pac_url, "the PAC script of " + from.whose, true});
}

void ProxyFinder::add_of_users(bool passing) {
  std::vector<proxies::Hint> hints;
  for (const auto& hint : sources_.of_users) {
    if (hint.passing != passing) continue;
    if (hint.script)
      start_script({hint.url, hint.source, hint.trusted, hint.passing});
    else
      hints.push_back(hint);
  }
  for (const auto& hint : hints) step(hint.source, "names a proxy");
  add_named(hints);
}

void ProxyFinder::on_desktop_answer(const proxies::ProxySettings& settings) {
  step("the desktop (GNOME)", settings.empty() ? "has no proxy set" : "has proxy settings");
  take({settings, "the desktop (GNOME)"});
  desktop_.reset();
  go_on();
}

void ProxyFinder::start_script(Script script) {
  const auto same = [&](const Script& other) { return other.url == script.url; };
  if (std::any_of(scripts_.begin(), scripts_.end(), same) || (running_ && same(*running_)) ||
      scripts_.size() >= kMostScripts)
    return;
  scripts_.push_back(std::move(script));
}

// The next thing, when nothing is under way.
void ProxyFinder::go_on() {
  if (!begun_ || run_ != nullptr || ended_run_ != nullptr || phase_ == Phase::kDone) return;
  if (!scripts_.empty()) {
    running_ = scripts_.front();
    scripts_.erase(scripts_.begin());
    const auto own = network_ ? network_->own.to_string() : std::string("127.0.0.1");
    run_ = std::make_unique<proxies::PacRun>(
        loop_, companion_file("culvert-pac"),
        proxies::PacRun::Question{running_->url, service_.host, service_.port, own},
        static_cast<proxies::NameLookup&>(*this), static_cast<proxies::PacRun::Listener&>(*this));
    return;
  }
  if (dhcp_) return;
  if (wpad_exists_ && !std::exchange(network_has_script_, true)) {
    start_script({"http://wpad/wpad.dat", "WPAD by DNS", false});
    return go_on();
  }
  if (wpad_ || desktop_) return;
  if (!std::exchange(asked_users_, true)) {
    add_of_users(/*passing=*/true);
    if (!scripts_.empty()) return go_on();
  }
  if (phase_ == Phase::kAsking && found_.empty() && sources_.ask_network && network_)
    return probe_gateways();
  if (!probes_.empty() || kinds_.busy() || announcements_) return;
  phase_ = Phase::kDone;
  listener_.on_finding_done();
}

void ProxyFinder::on_timer(loop::Timer& timer) {
  if (&timer == &start_ && !begun_) return begin();
  if (&timer == &start_) {  // what ended is destroyed outside its own calls
    ended_run_.reset();
    ended_probes_.clear();
    return go_on();
  }
  if (wpad_) wpad_answered(false, "no name server answered within a second");
}

void ProxyFinder::on_dhcp_answer(proxies::DhcpAsker&, const proxies::DhcpAnswer* answer,
                                 const IpAddress& from) {
  if (answer == nullptr) {
    step("DHCP", "no server answered");
  } else {
    captive_portal_ = answer->captive_portal;
    const auto who = "DHCP server " + from.to_string();
    if (answer->pac_url.empty()) {
      step(who, "names no PAC script (option 252)");
    } else {
      step(who, "names the PAC script " + answer->pac_url + " (option 252)");
      network_has_script_ = true;
      start_script({answer->pac_url, "DHCP option 252 of " + from.to_string(), false});
    }
  }
  dhcp_.reset();
  go_on();
}

void ProxyFinder::on_resolved(resolver::DnsRequest& request,
                              Result<std::vector<IpAddress>> addresses) {
  if (wpad_ && &request == &*wpad_)
    return wpad_answered(addresses.has_value(), addresses ? "is " + addresses->front().to_string()
                                                          : std::string("does not resolve"));
  std::string v4;
  if (addresses)
    for (const auto& address : *addresses)
      if (v4.empty() && address.is_v4()) v4 = address.to_string();
  auto* const answer = std::exchange(pac_answer_, nullptr);
  pac_name_.reset();
  if (answer != nullptr) answer->on_looked_up(v4);
}

void ProxyFinder::wpad_answered(bool exists, const std::string& why) {
  step("the name wpad", why);
  wpad_exists_ = exists;
  name_limit_.stop();
  wpad_.reset();
  go_on();
}

void ProxyFinder::look_up(const std::string& host, Answer& answer) {
  pac_answer_ = &answer;
  pac_name_.emplace(dns_, host, static_cast<resolver::DnsRequest::Listener&>(*this));
}

void ProxyFinder::on_pac_answer(proxies::PacRun&, Result<proxies::PacAnswer> answer) {
  const auto script = *std::exchange(running_, std::nullopt);
  pac_name_.reset();
  pac_answer_ = nullptr;
  ended_run_ = std::move(run_);
  start_.start(Duration::zero());
  if (!answer) return step("the PAC script " + script.url, answer.error().detail);
  const bool any = !answer->urls.empty();
  step("the PAC script " + script.url,
       any ? "says " + joined(answer->urls) + (answer->direct ? ", or direct" : "")
           : std::string("says direct"));
  std::vector<proxies::Hint> hints;
  for (auto& url : answer->urls)
    hints.push_back({std::move(url), script.source, script.trusted, script.passing});
  add_named(hints);
}

void ProxyFinder::on_proxy_announced(const std::string& url, const IpAddress& by) {
  const auto who = "SLP, by " + by.to_string();
  step(who, "names the proxy " + url);
  add_named({{url, who, false}});
}

// Nobody is made to knock at machines of other networks, or at all of this one.
void ProxyFinder::on_gateway_announced(const IpAddress& gateway) {
  if (gateway == network_->gateway || gateway == network_->own ||
      !network_->prefix.contains(gateway) || gateways_.size() == kMostGateways ||
      std::ranges::find(gateways_, gateway) != gateways_.end())
    return;
  step("UPnP, by " + gateway.to_string(), "is a gateway, too");
  gateways_.push_back(gateway);
  if (phase_ == Phase::kProbing) probe(gateway);
}

void ProxyFinder::on_announcements_ended() {
  announcements_.reset();
  go_on();
}

void ProxyFinder::probe_gateways() {
  phase_ = Phase::kProbing;
  probe(network_->gateway);
  for (const auto& other : gateways_) probe(other);
}

void ProxyFinder::probe(const IpAddress& gateway) {
  for (const auto port : kUsualPorts)
    probes_.push_back(std::make_unique<proxies::Probe>(
        loop_, SocketAddress{gateway, port},
        proxies::probe_request(service_, /*through_proxy=*/true), kProbeLimit,
        static_cast<proxies::Probe::Listener&>(*this)));
}

void ProxyFinder::on_heard(proxies::Probe& probe, Bytes heard, bool last, int error) {
  const auto spoken =
      error == 0 || !heard.empty() ? proxies::judge_probe(heard, last) : proxies::Spoken::kUnknown;
  if (spoken == proxies::Spoken::kUndecided) return;
  const auto at = probe.to().to_string();
  const bool used = probe.to().ip == network_->gateway;
  step((used ? "the gateway's port " : "another gateway's port ") + at,
       error != 0 && heard.empty() ? std::strerror(error) : std::string(to_string(spoken)));
  if (const auto scheme = scheme_of(spoken); !scheme.empty())
    add(std::vector<proxies::Hint>{
        {scheme + "://" + at,
         used ? "an open port of the gateway" : "an open port of another gateway", false}});
  const auto found = std::find_if(probes_.begin(), probes_.end(),
                                  [&](const auto& one) { return one.get() == &probe; });
  ended_probes_.splice(ended_probes_.end(), probes_, found);
  start_.start(Duration::zero());
}

}  // namespace culvert::agent
