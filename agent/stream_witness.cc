#include "agent/stream_witness.h"

#include "tunnel/loop/tcp_socket.h"

namespace culvert::agent {

StreamWitness::StreamWitness(const OwnEndpoint& self, const SocketAddress& server,
                             Listener& listener)
    : loop_(self.loop),
      server_(server),
      listener_(listener),
      survey_({{0, server, /*proof=*/true}}, self.random),
      timer_(self.loop, *this) {
  dial_.emplace(loop_, server_, kLimit, static_cast<loop::TcpDial::Listener&>(*this));
}

void StreamWitness::on_dialled(loop::TcpDial&, UniqueFd fd, int error) {
  const auto question = survey_.next(loop_.now());
  if (error != 0 || !question) return listener_.on_stream_seen(*this);
  pipe_ = std::make_unique<loop::TcpSocket>(loop_, std::move(fd));
  pipe_->set_listener(this);
  pipe_->set_interest(/*readable=*/true, /*writable=*/false);
  pipe_->write(question->message);  // into an empty socket: whole, or no answer comes
  timer_.start(kLimit);
  dial_.reset();  // last: it is the caller
}

void StreamWitness::on_readable() {
  std::byte buffer[stun::kMostOctets];
  const auto got = pipe_->read(MutableBytes{buffer}.first(sizeof buffer - received_.size()));
  using State = loop::IoResult::State;
  if (got.state == State::kBlocked) return;
  if (got.state != State::kMoved) return listener_.on_stream_seen(*this);
  append(received_, Bytes{buffer}.first(got.count));
  if (received_.size() < stun::kHeader) return;
  const auto size = stun::size_of_message(received_);
  if (size && received_.size() < *size) return;
  if (size) survey_.receive(Bytes{received_}.first(*size), server_);
  listener_.on_stream_seen(*this);
}

}  // namespace culvert::agent
