#include "agent/program_connect.h"

#include <sys/socket.h>

#include "tunnel/base/log.h"

namespace culvert::agent {

ProgramConnect::ProgramConnect(std::unique_ptr<HeldConnect> held, std::string name,
                               Listener& listener)
    : held_(std::move(held)), name_(std::move(name)), port_(held_->to().port), listener_(listener) {
  held_->set_listener(*this);
}

ProgramConnect::~ProgramConnect() {
  if (waiting_at_ != nullptr) waiting_at_->cancel(*this);
  drop_stream("the agent stops");
}

void ProgramConnect::call_endpoint(PeerSessions& peers) {
  peers_ = &peers;
  if (held_->port() != 0) open_endpoint(held_->port());
}

void ProgramConnect::on_connecting_from(HeldConnect&, std::uint16_t port) {
  if (peers_ != nullptr && waiting_at_ == nullptr && link_ == nullptr) open_endpoint(port);
}

void ProgramConnect::open_endpoint(std::uint16_t caller_port) {
  caller_port_ = caller_port;
  waiting_at_ = peers_;
  peers_->open(name_, {control::Target::Kind::kEndpointPort, "", port_, 0, caller_port}, *this);
}

void ProgramConnect::call_ordinary(Uplink& uplink) {
  const auto opened = uplink.open({control::Target::Kind::kForward, name_, port_}, *this);
  if (!opened) fail_connect(opened.error());
}

void ProgramConnect::call_after_direct(loop::Loop& loop, resolver::DnsClient& dns, Uplink& uplink) {
  then_ = &uplink;
  direct_.emplace(loop, dns, name_, port_, static_cast<DirectAttempt::Listener&>(*this));
}

void ProgramConnect::call_directly(loop::Loop& loop, resolver::DnsClient& dns) {
  direct_.emplace(loop, dns, name_, port_, static_cast<DirectAttempt::Listener&>(*this));
}

void ProgramConnect::on_direct(UniqueFd connected, const Error& why) {
  direct_.reset();
  if (connected) {
    destination_ = std::move(connected);
    return held_->complete();
  }
  if (then_ == nullptr) return fail_connect(why);
  log::info("connect",
            {{"event", "not-direct"}, {"to", name_}, {"port", port_}, {"why", why.detail}});
  call_ordinary(*then_);
}

void ProgramConnect::on_stream_opening(session::SessionLink& link, mux::StreamId stream) {
  waiting_at_ = nullptr;
  link_ = &link;
  stream_ = stream;
}

void ProgramConnect::on_opening_failed(const Error& why) {
  waiting_at_ = nullptr;
  fail_connect(why);
}

void ProgramConnect::on_stream_accepted() {
  completing_ = true;
  held_->complete();
}

void ProgramConnect::on_stream_reset(const Error& why) {
  link_ = nullptr;
  if (completing_) {
    reset_ = true;  // connected and reset at once: the program shall see both, in that order
    return;
  }
  // An agent of before there were callers' ports.
  if (why.code == ErrorCode::kProtocol && caller_port_ != 0) return open_endpoint(0);
  fail_connect(why);
}

void ProgramConnect::fail_connect(const Error& why) {
  log::debug("connect", {{"event", "failed"},
                         {"to", name_},
                         {"port", port_},
                         {"error", to_string(why.code)},
                         {"why", why.detail}});
  // ECONNRESET from connect() is what no program expects: before the far end had accepted, a lost
  // session means that it was not reached.
  const bool lost = why.code == ErrorCode::kReset || why.code == ErrorCode::kClosed ||
                    why.code == ErrorCode::kProtocol;
  held_->fail(lost ? ErrorCode::kHostUnreachable : why.code);
  listener_.on_program_connect_ended(*this);
}

void ProgramConnect::on_connect_completed(HeldConnect&, UniqueFd ours) {
  if (destination_)
    return listener_.on_program_connected_directly(*this, std::move(ours), std::move(destination_));
  if (reset_) {
    const linger at_once{1, 0};
    ::setsockopt(ours.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    ours.reset();
    return listener_.on_program_connect_ended(*this);
  }
  auto& link = *std::exchange(link_, nullptr);
  listener_.on_program_connected(*this, link, stream_, std::move(ours));
}

void ProgramConnect::on_connect_abandoned(HeldConnect&) {
  listener_.on_program_connect_ended(*this);
}

void ProgramConnect::drop_stream(std::string_view why) {
  if (link_ == nullptr) return;
  link_->refuse(stream_, ErrorCode::kReset, why);
  link_ = nullptr;
}

}  // namespace culvert::agent
