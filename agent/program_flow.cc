#include "agent/program_flow.h"

namespace culvert::agent {

ProgramFlow::~ProgramFlow() {
  if (opening_) listener_.cancel_opening(*this);
  close();
}

void ProgramFlow::send(Bytes datagram, TimePoint now) {
  last_used_ = now;
  if (const auto& open = leg(); open.open()) return open.link->send_datagram(open.stream, datagram);
  if (held_.size() < kMostHeld && held_octets_ + datagram.size() <= kMostHeldOctets) {
    held_octets_ += datagram.size();
    held_.emplace_back(datagram.begin(), datagram.end());
  }
  if (opening_) return;
  opening_ = true;
  listener_.open_stream(*this, *this);
}

void ProgramFlow::batch_sent() {
  if (leg().open()) leg().link->schedule();
}

void ProgramFlow::close() { refuse(ErrorCode::kClosed, "idle"); }

void ProgramFlow::refuse(ErrorCode code, std::string_view reason) {
  for (auto* const leg : {&own_, &theirs_.leg})
    if (leg->open()) std::exchange(leg->link, nullptr)->refuse(leg->stream, code, reason);
}

// Of two that the far end has begun, it uses the later one.
void ProgramFlow::take_over(session::SessionLink& link, mux::StreamId stream, TimePoint now) {
  if (std::exchange(opening_, false)) listener_.cancel_opening(*this);
  auto& before = theirs_.leg;
  if (before.open()) before.link->refuse(before.stream, ErrorCode::kClosed, "begun anew");
  before = {&link, stream};
  begun_by_peer_ = true;
  last_used_ = now;
  link.attach(stream, theirs_);
  link.accept(stream);
  send_held();
}

void ProgramFlow::on_stream_opening(session::SessionLink& link, mux::StreamId stream) {
  opening_ = false;
  own_ = {&link, stream};
  send_held();
}

void ProgramFlow::send_held() {
  const auto& open = leg();
  for (const auto& datagram : held_) open.link->send_datagram(open.stream, datagram);
  drop_held();
  open.link->schedule();
}

void ProgramFlow::drop_held() {
  held_ = {};
  held_octets_ = 0;
}

void ProgramFlow::on_opening_failed(const Error& why) {
  opening_ = false;
  drop_held();
  listener_.on_flow_failed(*this, why);
}

// Octets in order have no place here.
void ProgramFlow::refuse_data(Leg& leg) {
  if (!leg.open()) return;
  if (leg.link->streams().at_end(leg.stream)) return leg.link->streams().end_taken(leg.stream);
  std::exchange(leg.link, nullptr)
      ->refuse(leg.stream, ErrorCode::kProtocol, "data on a flow of datagrams");
}

void ProgramFlow::on_stream_reset(const Error& why) {
  own_ = {};
  if (beside_ && why.code != ErrorCode::kClosed) {
    beside_refused_ = true;
    return;
  }
  if (theirs_.leg.open()) return;
  if (why.code == ErrorCode::kProtocol && std::exchange(tells_port_, false)) return;
  listener_.on_flow_failed(*this, why);
}

void ProgramFlow::Theirs::on_stream_reset(const Error& why) {
  leg = {};
  if (flow.open() || flow.opening()) return;
  if (why.code == ErrorCode::kRefused) flow.listener_.on_flow_failed(flow, why);
  flow.listener_.on_flow_let_go(flow);
}

}  // namespace culvert::agent
