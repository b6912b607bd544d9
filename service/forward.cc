#include "service/forward.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "resolver/virtual_name.h"
#include "service/far_end.h"
#include "tunnel/base/log.h"

namespace culvert::service {

Forward::Forward(const Context& context, session::SessionLink& link, mux::StreamId stream,
                 const control::Target& target, std::string_view endpoint, Listener& listener)
    : context_(context),
      link_(link),
      stream_(stream),
      target_(target),
      endpoint_(endpoint),
      listener_(listener),
      deadline_(context.loop.now() + context.connect_limit) {
  link_.attach(stream_, *this);
}

Forward::~Forward() {
  if (!stream_gone_) link_.detach(stream_);
}

// Nothing but a strictly written address is taken for one ("127.1", "0x7f.1" and "2130706433" are
// not): everything else is a name, and what a name gives is judged like any address.
void Forward::start() {
  if (const auto literal = IpAddress::parse(target_.host); literal) {
    addresses_ = {*literal};
    return connect_next();
  }
  const auto name = resolver::canonical_name(target_.host);
  if (!name) return refuse({ErrorCode::kNameUnknown, name.error().detail});
  resolving_.emplace(context_.dns, *name, static_cast<resolver::DnsRequest::Listener&>(*this));
}

void Forward::on_resolved(resolver::DnsRequest&, Result<std::vector<IpAddress>> addresses) {
  resolving_.reset();
  if (!addresses) return refuse(addresses.error());
  addresses_ = std::move(*addresses);
  if (addresses_.size() > kMaxAddresses) addresses_.resize(kMaxAddresses);
  connect_next();
}

void Forward::connect_next() {
  while (next_ < addresses_.size()) {
    const auto left = static_cast<std::int64_t>(addresses_.size() - next_);
    const auto permitted =
        context_.guard.check({addresses_[next_++], target_.port}, context_.named_by);
    if (!permitted) {
      if (!denial_) denial_ = permitted.error();
      continue;
    }
    const auto limit = (deadline_ - context_.loop.now()) / left;
    if (limit <= Duration::zero()) {
      failure_ = Error{ErrorCode::kTimedOut, "no address of " + target_.host + " answered in time"};
      break;
    }
    dial_.emplace(context_.loop, *permitted, limit, static_cast<loop::TcpDial::Listener&>(*this));
    return;
  }
  if (failure_) return refuse(*failure_);
  if (denial_) return refuse(*denial_);
  refuse({ErrorCode::kHostUnreachable, target_.host + " has no address"});
}

void Forward::on_dialled(loop::TcpDial& dial, UniqueFd fd, int error) {
  const auto to = dial.to();
  dial_.reset();
  if (error != 0) {
    failure_ = Error{from_errno(error),
                     "cannot connect to " + to.to_string() + ": " + std::strerror(error)};
    return connect_next();
  }
  if (context_.named_by == NamedBy::kEndpoint)
    if (const auto fine = check_far_end(context_.guard, fd); !fine) return refuse(fine.error());
  if (log::enabled(log::Level::kDebug))  // else the texts would be made for nobody
    log::debug("forward", {{"event", "connected"},
                           {"endpoint", endpoint_},
                           {"host", target_.host},
                           {"to", to.to_string()}});
  stream_gone_ = true;
  listener_.on_forward_connected(*this, std::move(fd));
}

void Forward::refuse(const Error& why) {
  const bool denied = why.code == ErrorCode::kNotPermitted;
  if (!denied || listener_.may_log())
    log::write(denied ? log::Level::kWarning : log::Level::kDebug, "forward",
               {{"event", denied ? "denied" : "failed"},
                {"endpoint", endpoint_},
                {"host", target_.host},
                {"port", target_.port},
                {"why", why.detail}});
  stream_gone_ = true;
  link_.refuse(stream_, why.code, why.detail);
  listener_.on_forward_ended(*this);
}

void Forward::on_stream_reset(const Error&) {
  stream_gone_ = true;
  listener_.on_forward_ended(*this);
}

}  // namespace culvert::service
