#include "agent/datagram_ports.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "agent/virtual_port.h"
#include "shim/wire.h"
#include "tunnel/base/log.h"
#include "tunnel/flow/datagram_flow.h"
#include "tunnel/loop/local_address.h"

namespace culvert::agent {
namespace {

constexpr std::uint16_t kFirstOrdinaryPort = 1024;

// Where the agent may not bind low ports, or another program has the port on all addresses, another
// port of the virtual address serves: programs that connect() do not notice.
Result<VirtualPort> bind_somewhere(const SocketAddress& to) {
  auto bound = bind_virtual_port(to);
  if (bound || bound.error().code == ErrorCode::kExhausted) return bound;
  const auto why = bound.error().detail;
  if (to.port < kFirstOrdinaryPort)
    bound = bind_virtual_port({to.ip, static_cast<std::uint16_t>(CULVERT_LOW_PORT_BASE + to.port)});
  if (!bound) bound = bind_virtual_port({to.ip, 0});
  if (bound)
    log::info("datagrams", {{"event", "elsewhere"},
                            {"for", to.to_string()},
                            {"at", bound->at.to_string()},
                            {"why", why}});
  return bound;
}

std::optional<IcmpUnreachable> icmp_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kRefused: return IcmpUnreachable::kPort;
    case ErrorCode::kHostUnreachable:
    case ErrorCode::kNameUnknown:
    case ErrorCode::kTimedOut: return IcmpUnreachable::kHost;
    case ErrorCode::kNetworkUnreachable: return IcmpUnreachable::kNetwork;
    case ErrorCode::kNotPermitted: return IcmpUnreachable::kProhibited;
    default: return std::nullopt;  // the next datagram tries again
  }
}

}  // namespace

DatagramPorts::DatagramPorts(loop::Loop& loop, const IpAddress& seats, Handler& handler)
    : loop_(loop),
      handler_(handler),
      destroyed_(loop, IpPrefix{IpAddress::v4(0), 0}, *this, Protocol::kUdp),
      seats_(seats),
      share_desk_(loop, *this),
      timer_(loop, *this) {
  if (auto refusal = Refusal::open()) refusal_.emplace(std::move(*refusal));
}

DatagramPorts::~DatagramPorts() = default;

Result<DatagramPort*> DatagramPorts::port_for(const SocketAddress& to) {
  const auto found = ports_.find(to);
  if (found != ports_.end()) {
    auto& port = *found->second;
    if (port.is_bound()) return &port;
    // One that was never bound may be elsewhere.
    auto bound = port.shut_until() ? bind_virtual_port(port.bound()) : bind_somewhere(to);
    if (bound) port.open_again(std::move(bound->socket), bound->at);
    if (bound) return &port;
    if (port.in_use()) return fail(bound.error());
    ports_.erase(found);
  }
  if (ports_.size() >= kMostPorts)
    return fail(ErrorCode::kExhausted, "programs send to " + std::to_string(kMostPorts) +
                                           " virtual addresses and ports already");
  auto bound = bind_somewhere(to);
  if (!bound) return fail(bound.error());
  auto port = std::make_unique<DatagramPort>(loop_, to, bound->at, std::move(bound->socket),
                                             static_cast<DatagramPort::Owner&>(*this));
  return ports_.emplace(to, std::move(port)).first->second.get();
}

void DatagramPorts::ask(std::unique_ptr<DatagramQuestion> question) {
  const auto port = port_for(question->to());
  if (!port) {
    log::warning("datagrams", {{"event", "refused"},
                               {"to", question->to().to_string()},
                               {"pid", question->asker().pid},
                               {"why", port.error().detail}});
    return question->fail(port.error().code);
  }
  (*port)->asked_for(loop_.now());
  look_again_in(Duration{kLinger});
  const auto& [cookie, own_port, at] = question->sender();
  if (own_port != 0) {
    const SocketAddress program{at, own_port};
    const auto socket = diag_.find_any(Protocol::kUdp, program, question->to());
    if (socket && socket->cookie == cookie &&
        question->asker().may_speak_for(cookie, socket->uid) && sockets_.size() < kMostFlows)
      (*port)->add_flow(program, cookie);
  }
  question->send_there((*port)->bound());
}

Result<SocketAddress> DatagramPorts::open_for(const SocketAddress& to) {
  const auto port = port_for(to);
  if (!port) return fail(port.error());
  (*port)->asked_for(loop_.now());
  look_again_in(Duration{kLinger});
  return (*port)->bound();
}

void DatagramPorts::open_stream(const SocketAddress& to, const ProgramFlow& flow,
                                StreamOpening& opening) {
  look_again_in(Duration{flow::kIdle});
  handler_.open_datagrams(to, flow.port_to_tell(), opening);
}

void DatagramPorts::cancel_opening(StreamOpening& opening) { handler_.cancel_datagrams(opening); }

std::optional<std::uint64_t> DatagramPorts::admit(const SocketAddress& program,
                                                  const SocketAddress& bound,
                                                  const ProgramFlow* asked) {
  if (sockets_.size() >= kMostFlows) return std::nullopt;
  const auto socket = diag_.find_any(Protocol::kUdp, program, bound);
  // Gone already. Whose it was, nobody can say.
  if (!socket)
    return handler_.may_everybody_send() ? std::optional<std::uint64_t>{0} : std::nullopt;
  if (handler_.may_send(socket->uid)) return socket->cookie;
  const auto server =
      asked == nullptr ? std::nullopt : diag_.find_any(Protocol::kUdp, asked->program(), bound);
  if (!server || server->uid != socket->uid) return std::nullopt;
  return socket->cookie;
}

bool DatagramPorts::is_anybody_at(const SocketAddress& program, const DatagramPort& port) {
  return diag_.find_any(Protocol::kUdp, program, port.to()).has_value();
}

bool DatagramPorts::may_answer(const SocketAddress& from, const SocketAddress& caller,
                               const SocketAddress& asked) {
  if (!from.ip.is_v4()) return false;
  const auto socket = diag_.find_any(Protocol::kUdp, from, caller);
  if (!socket) return handler_.may_everybody_send();
  if (handler_.may_send(socket->uid)) return true;
  const auto server = diag_.find_any(Protocol::kUdp, asked, caller);
  return server && server->uid == socket->uid;
}

void DatagramPorts::on_flow_made(DatagramPort& port, const ProgramFlow& flow) {
  destroyed_.want(true);
  sockets_.emplace(flow.cookie(), Place{&port, flow.program()});
  look_again_in(Duration{kLinger});
}

void DatagramPorts::on_flow_left(DatagramPort& port, const ProgramFlow& flow) {
  const auto [first, last] = sockets_.equal_range(flow.cookie());
  const auto place = std::find_if(first, last, [&](const auto& entry) {
    return entry.second.port == &port && entry.second.program == flow.program();
  });
  if (place != last) sockets_.erase(place);
  if (sockets_.empty()) destroyed_.want(false);
}

bool DatagramPorts::is_connected(const SocketAddress& program, const DatagramPort& port) {
  const auto socket = diag_.find_any(Protocol::kUdp, program, port.bound());
  return socket && socket->remote == port.bound();
}

// The same address on another port is bound, and only the program that was answered hears from it.
bool DatagramPorts::open_beside(DatagramPort& port, const ProgramFlow& flow, std::uint16_t from,
                                session::SessionLink& link, mux::StreamId stream) {
  if (flow.cookie() == 0 || sockets_.count(flow.cookie()) >= kMostBeside ||
      sockets_.size() >= kMostFlows)
    return false;
  const auto beside = port_for({port.to().ip, from});
  if (!beside || *beside == &port) return false;
  (*beside)->take_over_flow(flow.program(), flow.cookie(), link, stream);
  look_again_in(Duration{flow::kIdle});
  return true;
}

void DatagramPorts::on_flow_refused(DatagramPort& port, const ProgramFlow& flow, const Error& why) {
  log::debug("datagrams", {{"event", "refused"},
                           {"to", port.to().to_string()},
                           {"error", to_string(why.code)},
                           {"why", why.detail}});
  const auto code = icmp_of(why.code);
  if (!code) return;
  if (refusal_) {
    refusal_->send(flow.program().ip, make_udp_unreachable(flow.program(), port.bound(), *code));
  } else if (*code == IcmpUnreachable::kPort) {
    // Not here: this may be called while the port's socket is read.
    look_again_in(Duration::zero());
    to_shut_.insert(port.to());
  }
}

void DatagramPorts::on_socket_destroyed(std::uint64_t cookie) {
  const auto [first, last] = sockets_.equal_range(cookie);
  if (first == last) return;
  std::vector<Place> places;  // what is read in between may add others
  for (auto one = first; one != last; ++one) places.push_back(one->second);
  sockets_.erase(first, last);
  for (const auto& place : places) {
    place.port->retire_flow(place.program, cookie);
    place.port->asked_for(loop_.now());
  }
  if (sockets_.empty()) destroyed_.want(false);
  look_again_in(Duration{DatagramPort::kLeave});
}

void DatagramPorts::on_events_lost() {
  std::vector<std::uint64_t> gone;
  for (const auto& [cookie, place] : sockets_) {
    const auto socket = diag_.find_any(Protocol::kUdp, place.program, place.port->bound());
    if (!socket || socket->cookie != cookie) gone.push_back(cookie);
  }
  for (const auto cookie : gone) on_socket_destroyed(cookie);
}

void DatagramPorts::look_again_in(Duration after) {
  const auto at = loop_.now() + after;
  if (armed_for_ && *armed_for_ <= at) return;
  armed_for_ = at;
  timer_.start(after);
}

void DatagramPorts::on_timer(loop::Timer&) {
  armed_for_.reset();
  const auto now = loop_.now();
  on_socket_destroyed(0);  // of sockets that were gone when they were looked for
  for (const auto& to : std::exchange(to_shut_, {}))
    if (const auto found = ports_.find(to); found != ports_.end() && !found->second->shut_until())
      found->second->shut(now);
  std::optional<TimePoint> next;
  const auto remind = [&](TimePoint at) { next = next ? std::min(*next, at) : at; };
  for (auto at = ports_.begin(); at != ports_.end();) {
    auto& port = *at->second;
    if (const auto idle = port.close_idle(now)) remind(*idle);
    const auto ends = port.last_used() + Duration{kLinger};
    if (port.flow_count() == 0 && (ends <= now || port.for_peers_alone())) {
      at = ports_.erase(at);
      continue;
    }
    if (port.flow_count() == 0) remind(ends);
    if (const auto until = port.shut_until(); until && port.in_use()) {
      if (*until <= now) (void)port_for(port.to());
      if (port.shut_until()) remind(now + Duration{DatagramPort::kShut});
    }
    ++at;
  }
  if (next) look_again_in(*next - now);
}

}  // namespace culvert::agent
