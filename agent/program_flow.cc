#include "agent/program_flow.h"

namespace culvert::agent {

ProgramFlow::~ProgramFlow() {
  if (opening_) listener_.cancel_opening(*this);
  close();
}

void ProgramFlow::send(Bytes datagram, TimePoint now) {
  last_used_ = now;
  if (link_ != nullptr) return link_->send_datagram(stream_, datagram);
  if (held_.size() < kMostHeld && held_octets_ + datagram.size() <= kMostHeldOctets) {
    held_octets_ += datagram.size();
    held_.emplace_back(datagram.begin(), datagram.end());
  }
  if (opening_) return;
  opening_ = true;
  listener_.open_stream(*this);
}

void ProgramFlow::batch_sent() {
  if (link_ != nullptr) link_->schedule();
}

void ProgramFlow::close() {
  if (link_ != nullptr) std::exchange(link_, nullptr)->refuse(stream_, ErrorCode::kClosed, "idle");
}

void ProgramFlow::take_over(session::SessionLink& link, mux::StreamId stream, TimePoint now) {
  if (std::exchange(opening_, false)) listener_.cancel_opening(*this);
  close();
  begun_by_peer_ = true;
  last_used_ = now;
  link.attach(stream, *this);
  link.accept(stream);
  on_stream_opening(link, stream);
}

void ProgramFlow::on_stream_opening(session::SessionLink& link, mux::StreamId stream) {
  opening_ = false;
  link_ = &link;
  stream_ = stream;
  for (const auto& datagram : std::exchange(held_, {})) link.send_datagram(stream, datagram);
  held_octets_ = 0;
  link.schedule();
}

void ProgramFlow::on_opening_failed(const Error& why) {
  opening_ = false;
  held_ = {};
  held_octets_ = 0;
  listener_.on_flow_failed(*this, why);
}

// Octets in order have no place here.
void ProgramFlow::on_stream_readable() {
  if (link_ == nullptr) return;
  if (link_->streams().at_end(stream_)) return link_->streams().end_taken(stream_);
  std::exchange(link_, nullptr)
      ->refuse(stream_, ErrorCode::kProtocol, "data on a flow of datagrams");
}

void ProgramFlow::on_stream_reset(const Error& why) {
  link_ = nullptr;
  listener_.on_flow_failed(*this, why);
}

}  // namespace culvert::agent
