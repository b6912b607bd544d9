#include "agent/direct_attempt.h"

#include <cstring>

namespace culvert::agent {

DirectAttempt::DirectAttempt(loop::Loop& loop, resolver::DnsClient& dns, const std::string& host,
                             std::uint16_t port, Listener& listener)
    : loop_(loop),
      port_(port),
      listener_(listener),
      deadline_(loop.now() + Duration{kLimit}),
      timer_(loop, *this) {
  if (const auto address = IpAddress::parse(host)) {
    addresses_ = {*address};
    timer_.start(Duration::zero());
    return;
  }
  failure_ = {ErrorCode::kTryAgain, "no name server answered in time"};
  timer_.start(kLimit);
  resolving_.emplace(dns, host, static_cast<resolver::DnsRequest::Listener&>(*this));
}

void DirectAttempt::on_resolved(resolver::DnsRequest&, Result<std::vector<IpAddress>> addresses) {
  resolving_.reset();
  timer_.stop();
  if (!addresses) return fail(addresses.error());
  addresses_ = std::move(*addresses);
  if (addresses_.size() > kMostAddresses) addresses_.resize(kMostAddresses);
  dial_next();
}

void DirectAttempt::dial_next() {
  const auto left = deadline_ - loop_.now();
  if (next_ == addresses_.size() || left <= Duration::zero()) return fail(failure_);
  const auto limit = left / static_cast<std::int64_t>(addresses_.size() - next_);
  dial_.emplace(loop_, SocketAddress{addresses_[next_++], port_}, limit,
                static_cast<loop::TcpDial::Listener&>(*this));
}

void DirectAttempt::on_dialled(loop::TcpDial& dial, UniqueFd fd, int error) {
  const auto to = dial.to();
  dial_.reset();
  if (error == 0) return listener_.on_direct(std::move(fd), {});
  failure_ = {from_errno(error), to.to_string() + ": " + std::strerror(error)};
  dial_next();
}

void DirectAttempt::fail(const Error& why) {
  listener_.on_direct(UniqueFd{}, Error(why));  // a copy: it may be ours, and we be gone
}

}  // namespace culvert::agent
