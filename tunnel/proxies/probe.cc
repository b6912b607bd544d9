#include "tunnel/proxies/probe.h"

#include <array>
#include <cerrno>

#include "tunnel/loop/tcp_socket.h"
#include "tunnel/proxies/probe_answer.h"

namespace culvert::proxies {

Probe::Probe(loop::Loop& loop, const SocketAddress& to, std::string request, Duration limit,
             Listener& listener)
    : loop_(loop),
      request_(std::move(request)),
      listener_(listener),
      dial_(loop, to, limit, *this),
      timer_(loop, *this) {
  timer_.start(limit);
}

void Probe::tell(bool last, int error) {
  if (last) {
    timer_.stop();
    if (pipe_) pipe_->set_interest(false, false);
  }
  listener_.on_heard(*this, heard_, last, error);
}

void Probe::on_dialled(loop::TcpDial&, UniqueFd fd, int error) {
  if (error != 0) return tell(/*last=*/true, error);
  pipe_ = std::make_unique<loop::TcpSocket>(loop_, std::move(fd));
  pipe_->set_listener(this);
  pipe_->set_interest(/*readable=*/true, /*writable=*/true);
}

void Probe::on_writable() {
  const auto put = pipe_->write(as_bytes(request_));
  if (put.state == loop::IoResult::State::kFailed) return tell(/*last=*/true, put.error);
  if (put.state == loop::IoResult::State::kMoved) request_.erase(0, put.count);
  if (request_.empty()) pipe_->set_interest(/*readable=*/true, /*writable=*/false);
}

void Probe::on_readable() {
  std::array<std::byte, 4096> buffer;
  const auto got = pipe_->read(buffer);
  switch (got.state) {
    case loop::IoResult::State::kBlocked: return;
    case loop::IoResult::State::kEnd: return tell(/*last=*/true, 0);
    case loop::IoResult::State::kFailed: return tell(/*last=*/true, got.error);
    case loop::IoResult::State::kMoved: break;
  }
  append(heard_, Bytes{buffer}.first(got.count));
  tell(/*last=*/heard_.size() >= kMostHeard, 0);
}

void Probe::on_broken(int error) { tell(/*last=*/true, error); }
void Probe::on_timer(loop::Timer&) { tell(/*last=*/true, ETIMEDOUT); }

}  // namespace culvert::proxies
