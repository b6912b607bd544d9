#include "agent/datagram_port.h"

#include <algorithm>

#include "tunnel/flow/datagram_flow.h"

namespace culvert::agent {

DatagramPort::DatagramPort(loop::Loop& loop, const SocketAddress& to, const SocketAddress& bound,
                           UniqueFd socket, Owner& owner)
    : loop_(loop), to_(to), bound_(bound), owner_(owner), last_used_(loop.now()) {
  if (socket) open_again(std::move(socket), bound);
}

void DatagramPort::open_again(UniqueFd socket, const SocketAddress& bound) {
  shut_until_.reset();
  bound_ = bound;
  socket_.emplace(loop_, std::move(socket), static_cast<loop::UdpSocket::Listener&>(*this));
}

void DatagramPort::shut(TimePoint now) {
  socket_.reset();
  shut_until_ = now + Duration{kShut};
}

void DatagramPort::add_flow(const SocketAddress& program, std::uint64_t cookie) {
  auto& place = flows_[key(program)];
  if (place != nullptr && place->cookie() == cookie) return;
  place = std::make_unique<ProgramFlow>(program, cookie, loop_.now(),
                                        static_cast<ProgramFlow::Listener&>(*this));
  owner_.on_flow_made(*this, *place);
}

void DatagramPort::take_over_flow(const SocketAddress& program, std::uint64_t cookie,
                                  session::SessionLink& link, mux::StreamId stream) {
  last_used_ = loop_.now();
  add_flow(program, cookie);
  flows_.at(key(program))->take_over(link, stream, last_used_);
}

// A program may send and end at once: the datagram is older than the news of its end.
void DatagramPort::retire_flow(const SocketAddress& program, std::uint64_t cookie) {
  if (socket_) socket_->read_now();
  const auto found = flows_.find(key(program));
  if (found == flows_.end() || found->second->cookie() != cookie) return;
  leaving_.push_back(std::move(found->second));
  leaving_.back()->used(loop_.now());
  flows_.erase(found);
  // The program that ended may be started again, and bind this port on 0.0.0.0.
  if (flows_.empty()) shut(loop_.now());
}

ProgramFlow* DatagramPort::flow_of(const SocketAddress& program) {
  if (const auto found = flows_.find(key(program)); found != flows_.end())
    return found->second.get();
  auto* const asked = called();
  const auto cookie = owner_.admit(program, bound_, asked);
  if (!cookie) return nullptr;
  // The socket that was asked, from another address of this machine: the same to the far end.
  if (asked != nullptr && asked->program().port == program.port) return asked;
  add_flow(program, *cookie);
  return flows_.at(key(program)).get();
}

ProgramFlow* DatagramPort::called() {
  const auto found = std::find_if(flows_.begin(), flows_.end(),
                                  [](const auto& entry) { return entry.second->begun().open(); });
  return found == flows_.end() ? nullptr : found->second.get();
}

// A server may answer from another port than the one that was asked (TFTP: RFC 1350, section 4).
void DatagramPort::open_stream(ProgramFlow& flow, StreamOpening& opening) {
  auto* const asked = flow.may_go_beside() ? called() : nullptr;
  flow.goes_beside(asked != nullptr);
  if (asked == nullptr) return owner_.open_stream(to_, flow, opening);
  const auto& [link, begun] = asked->begun();
  const control::Target target{control::Target::Kind::kBesideUdp, "", flow.program().port,
                               static_cast<std::uint32_t>(begun)};
  const auto stream = link->open(target, opening);
  if (!stream) return opening.on_opening_failed(stream.error());
  opening.on_stream_opening(*link, *stream);
}

void DatagramPort::on_received(loop::UdpSocket&, const SocketAddress& from, Bytes data,
                               std::size_t segment) {
  last_used_ = loop_.now();
  auto* const flow = from.ip.is_v4() ? flow_of(from) : nullptr;
  if (flow == nullptr) return;
  loop::for_each_datagram(data, segment, [&](Bytes one) { flow->send(one, last_used_); });
  flow->batch_sent();
}

void DatagramPort::on_flow_answered(ProgramFlow& flow,
                                    std::span<const mux::ArrivedDatagram> datagrams) {
  last_used_ = loop_.now();
  if (!is_here(flow)) {
    // Its socket is gone. If another one is there by now, the far end finds it by calling again.
    if (flow.begun().open())
      flow.refuse(
          owner_.is_anybody_at(flow.program(), *this) ? ErrorCode::kClosed : ErrorCode::kRefused,
          "the program has closed its socket");
    return;
  }
  flow.used(last_used_);
  const int seat = socket_ && bound_ == to_ ? -1 : owner_.seat_of(to_.port);
  if (!socket_ && seat < 0) return;
  loop::UdpWriter writer(seat < 0 ? socket_->fd() : seat, &flow.program(),
                         seat < 0 ? nullptr : &to_.ip);
  for (const auto& one : datagrams) writer.add(one.data);
}

bool DatagramPort::is_here(const ProgramFlow& flow) const {
  const auto at = flows_.find(key(flow.program()));
  return at != flows_.end() && at->second.get() == &flow;
}

bool DatagramPort::on_flow_answered_beside(ProgramFlow& flow, session::SessionLink& link,
                                           mux::StreamId stream, std::uint16_t port) {
  return is_here(flow) && owner_.open_beside(*this, flow, port, link, stream);
}

void DatagramPort::on_flow_failed(ProgramFlow& flow, const Error& why) {
  owner_.on_flow_refused(*this, flow, why);
}

void DatagramPort::on_flow_let_go(ProgramFlow& flow) {
  if (is_here(flow)) owner_.on_flow_let_go(*this);
}

std::optional<TimePoint> DatagramPort::close_idle(TimePoint now) {
  std::optional<TimePoint> next;
  const auto is_over = [&](const ProgramFlow& flow, Duration after) {
    const auto ends = flow.last_used() + after;
    if (ends <= now) return true;
    next = next ? std::min(*next, ends) : ends;
    return false;
  };
  for (const auto& [at, flow] : flows_)
    if (flow->open() && is_over(*flow, flow::kIdle)) flow->close();
  // Nobody here has asked for these: the peer could fill us with them.
  std::erase_if(flows_, [&](const auto& entry) {
    auto& flow = *entry.second;
    const bool over =
        flow.begun_by_peer() && !flow.opening() && (!flow.open() || is_over(flow, flow::kIdle));
    if (!over) return false;
    if (owner_.is_connected(flow.program(), *this)) {
      flow.keep();
      return false;
    }
    owner_.on_flow_left(*this, flow);
    return true;
  });
  // One that is still opening is told how that ends, and has something to send then.
  for (const auto& flow : leaving_)
    if (flow->opening()) flow->used(now);
  std::erase_if(leaving_, [&](const auto& flow) { return is_over(*flow, kLeave); });
  return next;
}

}  // namespace culvert::agent
