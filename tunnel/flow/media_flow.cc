#include "tunnel/flow/media_flow.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cstring>

namespace culvert::flow {
namespace {

constexpr std::size_t kRead = 16 * 1024;
constexpr int kReads = 16;  // in a turn, so that others get theirs

}  // namespace

MediaFlow::MediaFlow(loop::Loop& loop, session::SessionLink& link, mux::StreamId stream,
                     UniqueFd connected, const Budgets& budgets, Listener& listener)
    : MediaFlow(loop, link, std::move(connected), budgets, listener) {
  link_.attach(stream_ = stream, *this);
  stream_gone_ = false;
}

Result<std::unique_ptr<MediaFlow>> MediaFlow::call(loop::Loop& loop, session::SessionLink& link,
                                                   const control::Target& target,
                                                   UniqueFd connected, const Budgets& budgets,
                                                   Listener& listener) {
  std::unique_ptr<MediaFlow> flow(
      new MediaFlow(loop, link, std::move(connected), budgets, listener));
  const auto stream = link.open(target, *flow);
  if (!stream) return culvert::fail(stream.error());
  flow->stream_ = *stream;
  flow->stream_gone_ = false;
  link.schedule();
  return flow;
}

MediaFlow::MediaFlow(loop::Loop& loop, session::SessionLink& link, UniqueFd connected,
                     const Budgets& budgets, Listener& listener)
    : loop_(loop),
      link_(link),
      budgets_(budgets),
      listener_(listener),
      socket_(loop, std::move(connected)),
      last_used_(loop.now()),
      timer_(loop, *this) {
  // What waits shall wait here, where its age is known: the kernel takes more only when it has sent
  // what it has.
  const int one = 1;
  ::setsockopt(socket_.fd(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &one, sizeof one);
  socket_.set_listener(this);
  socket_.set_interest(true, false);
  timer_.start(kIdle);
}

MediaFlow::~MediaFlow() {
  if (!stream_gone_) link_.detach(stream_);
}

void MediaFlow::send(Bytes datagram) {
  last_used_ = loop_.now();
  auto* const budget = budgets_.to_host;
  if (budget != nullptr && !budget->spend(datagram.size(), last_used_)) return;
  if (waiting_.size() >= kMostWaiting) {  // the oldest is the least use
    ++dropped_;
    waiting_.erase(waiting_.begin() + (written_ == 0 ? 0 : 1));
  }
  waiting_.push_back({last_used_, media_frame(datagram)});
}

void MediaFlow::begin(const std::vector<ByteVector>& first) {
  for (const auto& one : first) send(one);
  write();
}

void MediaFlow::on_stream_datagrams(std::span<const mux::ArrivedDatagram> datagrams) {
  for (const auto& one : datagrams) send(one.data);
  write();
}

void MediaFlow::write() {
  const auto now = loop_.now();
  while (!waiting_.empty()) {
    auto& first = waiting_.front();
    if (written_ == 0 && now - first.since > Duration{kLate}) {
      ++dropped_;
      waiting_.pop_front();
      continue;
    }
    const auto moved = socket_.write(Bytes(first.frame).subspan(written_));
    if (moved.state == loop::IoResult::State::kFailed) return on_broken(moved.error);
    if (moved.state == loop::IoResult::State::kBlocked) break;
    written_ += moved.count;
    if (written_ < first.frame.size()) continue;
    written_ = 0;
    waiting_.pop_front();
  }
  socket_.set_interest(true, !waiting_.empty());
}

void MediaFlow::on_readable() {
  for (int reads = 0; reads < kReads; ++reads) {
    const auto moved = socket_.read(arrived_.prepare(kRead));
    if (moved.state == loop::IoResult::State::kBlocked) break;
    if (moved.state == loop::IoResult::State::kFailed) return on_broken(moved.error);
    if (moved.state == loop::IoResult::State::kEnd)
      return end({ErrorCode::kClosed, "the far end has closed its connection"});
    arrived_.commit(moved.count);
    last_used_ = loop_.now();
    while (const auto packet = arrived_.next()) {
      if (packet->size() > mux::kMaxDatagram) continue;
      auto* const budget = budgets_.from_host;
      if (budget == nullptr || budget->spend(packet->size(), last_used_))
        link_.send_datagram(stream_, *packet);
    }
  }
  link_.schedule();
}

void MediaFlow::on_broken(int error) { end({ErrorCode::kClosed, std::strerror(error)}); }

// Octets in order have no place here.
void MediaFlow::on_stream_readable() {
  if (link_.streams().at_end(stream_)) return link_.streams().end_taken(stream_);
  end({ErrorCode::kProtocol, "data on a flow of datagrams"});
}

void MediaFlow::on_stream_reset(const Error& why) {
  stream_gone_ = true;
  listener_.on_media_flow_ended(*this, why);
}

void MediaFlow::on_timer(loop::Timer&) {
  const auto left = last_used_ + Duration{kIdle} - loop_.now();
  if (left <= Duration::zero()) return end({ErrorCode::kClosed, "idle"});
  timer_.start(std::max<Duration>(left, std::chrono::seconds{1}));
}

void MediaFlow::end(const Error& why) {
  if (!std::exchange(stream_gone_, true)) link_.refuse(stream_, why.code, why.detail);
  listener_.on_media_flow_ended(*this, why);
}

}  // namespace culvert::flow
