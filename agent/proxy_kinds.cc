#include "agent/proxy_kinds.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace culvert::agent {

using carrier::ProxyKind;
using proxies::Spoken;

std::vector<ProxyKind> other_kinds(ProxyKind named, Spoken heard) {
  const bool http = named == ProxyKind::kHttp, ftp = named == ProxyKind::kFtp;
  const bool socks =
      named == ProxyKind::kSocks4 || named == ProxyKind::kSocks4a || named == ProxyKind::kSocks5;
  switch (heard) {
    case Spoken::kHttpProxy:
    case Spoken::kWebServer: return http ? std::vector<ProxyKind>{} : std::vector{ProxyKind::kHttp};
    case Spoken::kSocks5: return socks ? std::vector<ProxyKind>{} : std::vector{ProxyKind::kSocks5};
    case Spoken::kSocks4: return socks ? std::vector<ProxyKind>{} : std::vector{ProxyKind::kSocks4};
    case Spoken::kSocks:  // or who speaks TLS alone
      if (http) return {ProxyKind::kSocks5, ProxyKind::kHttps};
      return socks ? std::vector<ProxyKind>{} : std::vector{ProxyKind::kSocks5};
    case Spoken::kFtp: return ftp ? std::vector<ProxyKind>{} : std::vector{ProxyKind::kFtp};
    default: return {};
  }
}

ProxyKinds::ProxyKinds(loop::Loop& loop, resolver::DnsClient& dns, HostPort service,
                       Listener& listener)
    : loop_(loop),
      dns_(dns),
      service_(std::move(service)),
      listener_(listener),
      start_(loop, *this),
      clear_(loop, *this) {}

void ProxyKinds::check(const carrier::Proxy& named) {
  if (!named.before.empty()) return;
  const auto same = [&](const carrier::Proxy& other) { return other.at == named.at; };
  if (std::ranges::any_of(waiting_, same) ||
      std::ranges::any_of(checks_, [&](const Check& one) { return same(one.named); }))
    return;
  waiting_.push_back(named);
  if (!start_.running()) start_.start(kAfter);
}

void ProxyKinds::hurry() {
  if (!waiting_.empty()) start_.start(Duration::zero());
}

void ProxyKinds::stop() {
  start_.stop();
  waiting_.clear();
  ended_.splice(ended_.end(), checks_);
  clear_.start(Duration::zero());
}

void ProxyKinds::on_timer(loop::Timer& timer) {
  if (&timer == &clear_) {  // what ended is destroyed outside its own calls
    ended_.clear();
    if (!busy()) listener_.on_kinds_checked();
    return;
  }
  for (auto& named : std::exchange(waiting_, {})) {
    auto& check = checks_.emplace_back(Check{std::move(named), nullptr, nullptr});
    if (const auto address = IpAddress::parse(check.named.at.host))
      ask(check, *address);
    else
      check.name = std::make_unique<resolver::DnsRequest>(
          dns_, check.named.at.host, static_cast<resolver::DnsRequest::Listener&>(*this));
  }
}

void ProxyKinds::ask(Check& check, const IpAddress& address) {
  check.probe =
      std::make_unique<proxies::Probe>(loop_, SocketAddress{address, check.named.at.port},
                                       proxies::probe_request(service_, /*through_proxy=*/true),
                                       kLimit, static_cast<proxies::Probe::Listener&>(*this));
}

void ProxyKinds::on_resolved(resolver::DnsRequest& request,
                             Result<std::vector<IpAddress>> addresses) {
  const auto check =
      std::ranges::find_if(checks_, [&](const Check& one) { return one.name.get() == &request; });
  if (check == checks_.end()) return;
  if (!addresses || addresses->empty()) return end(check);
  ask(*check, addresses->front());
}

void ProxyKinds::on_heard(proxies::Probe& probe, Bytes heard, bool last, int error) {
  const auto check =
      std::ranges::find_if(checks_, [&](const Check& one) { return one.probe.get() == &probe; });
  if (check == checks_.end()) return;
  // To hang up is an answer, and silence is none: judge_probe() cannot tell them apart.
  const bool silent = heard.empty() && error != 0 && error != ECONNRESET;
  const auto spoken = silent ? Spoken::kUnknown : proxies::judge_probe(heard, last);
  if (spoken == Spoken::kUndecided) return;
  std::vector<carrier::Proxy> others;
  for (const auto kind : other_kinds(check->named.kind, spoken)) {
    auto other = check->named;
    other.kind = kind;
    // What was meant for TLS alone does not go in clear.
    if (check->named.kind == ProxyKind::kHttps) other.forget_credentials();
    others.push_back(std::move(other));
  }
  const auto named = check->named;
  end(check);
  listener_.on_kind_heard(named, spoken, others);
}

void ProxyKinds::end(std::list<Check>::iterator check) {
  ended_.splice(ended_.end(), checks_, check);
  clear_.start(Duration::zero());
}

}  // namespace culvert::agent
