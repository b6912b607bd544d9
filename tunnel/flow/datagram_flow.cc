#include "tunnel/flow/datagram_flow.h"

#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "tunnel/loop/local_address.h"

namespace culvert::flow {
bool DatagramBudget::spend(std::size_t octets, TimePoint now) {
  const double passed = std::chrono::duration<double>(now - filled_).count();
  filled_ = now;
  for (auto* const bucket : {&datagrams_, &octets_})
    bucket->level = std::min(bucket->rate, bucket->level + passed * bucket->rate);
  if (datagrams_.level < 1 || octets_.level < static_cast<double>(octets)) {
    ++refused_;
    return false;
  }
  datagrams_.level -= 1;
  octets_.level -= static_cast<double>(octets);
  return true;
}

DatagramFlow::DatagramFlow(loop::Loop& loop, session::SessionLink& link, mux::StreamId stream,
                           UniqueFd socket, DatagramFlows& owner)
    : loop_(loop),
      link_(link),
      stream_(stream),
      owner_(owner),
      socket_(loop, std::move(socket), *this),
      local_(loop::local_address(socket_.fd())),
      peer_(loop::peer_address(socket_.fd())),
      last_used_(loop.now()) {
  link_.attach(stream_, *this);
}

DatagramFlow::~DatagramFlow() {
  if (!stream_gone_) link_.detach(stream_);
}

void DatagramFlow::close() {
  if (!std::exchange(stream_gone_, true)) link_.refuse(stream_, ErrorCode::kClosed, "idle");
}

void DatagramFlow::send(std::span<const mux::ArrivedDatagram> datagrams) {
  last_used_ = loop_.now();
  loop::UdpWriter writer(socket_.fd(), nullptr);
  for (const auto& one : datagrams)
    if (owner_.budget_ == nullptr || owner_.budget_->spend(one.data.size(), last_used_))
      writer.add(one.data);
  writer.flush();
  if (writer.error() == ECONNREFUSED) fail(writer.error());
}

// Before it was connected, the socket may have heard somebody else.
void DatagramFlow::on_received(loop::UdpSocket&, const SocketAddress& from, Bytes data,
                               std::size_t segment) {
  if (from != peer_) return;
  loop::for_each_datagram(data, segment, [this](Bytes one) { link_.send_datagram(stream_, one); });
}

void DatagramFlow::on_batch_ended(loop::UdpSocket&) {
  last_used_ = loop_.now();
  link_.schedule();
}

void DatagramFlow::on_receive_failed(loop::UdpSocket&, int error) { fail(error); }

// Its program shall see what it would see natively: of ICMP messages, these two mean a failure to
// UDP, the others pass unnoticed (RFC 1122 section 4.1.3.3).
void DatagramFlow::fail(int error) {
  if (error != ECONNREFUSED && error != EHOSTUNREACH && error != EACCES) return;
  if (!std::exchange(stream_gone_, true))
    link_.refuse(stream_, from_errno(error), std::strerror(error));
  owner_.drop(*this);
}

// Octets in order have no place here.
void DatagramFlow::on_stream_readable() {
  if (link_.streams().at_end(stream_)) return link_.streams().end_taken(stream_);
  if (!std::exchange(stream_gone_, true))
    link_.refuse(stream_, ErrorCode::kProtocol, "data on a flow of datagrams");
  owner_.drop(*this);
}

void DatagramFlow::on_stream_reset(const Error&) {
  stream_gone_ = true;
  owner_.drop(*this);
}

void DatagramFlows::add(session::SessionLink& link, mux::StreamId stream, UniqueFd socket,
                        const std::vector<ByteVector>& first,
                        std::unique_ptr<DatagramFlow::Companion> companion) {
  auto& flow = *flows_.emplace_back(
      std::make_unique<DatagramFlow>(loop_, link, stream, std::move(socket), *this));
  flow.accompany(std::move(companion));
  if (!timer_) timer_.emplace(loop_, static_cast<loop::Timer::Listener&>(*this));
  if (!timer_->running()) timer_->start(kIdle);
  std::vector<mux::ArrivedDatagram> all;
  all.reserve(first.size());
  for (const auto& one : first) all.push_back({stream, one});
  if (!all.empty()) flow.send(all);
}

bool DatagramFlows::has_local(const SocketAddress& address) const {
  return std::ranges::any_of(flows_, [&](const auto& flow) { return flow->local() == address; });
}

void DatagramFlows::drop(DatagramFlow& dropped) {
  std::erase_if(flows_, [&](const auto& flow) { return flow.get() == &dropped; });
}

void DatagramFlows::on_timer(loop::Timer&) {
  const auto now = loop_.now();
  auto next = now + Duration{kIdle};
  std::erase_if(flows_, [&](const auto& flow) {
    const auto ends = flow->last_used() + Duration{kIdle};
    if (ends <= now) {
      flow->close();
      return true;
    }
    next = std::min(next, ends);
    return false;
  });
  if (!flows_.empty()) timer_->start(std::max<Duration>(next - now, std::chrono::seconds{1}));
}

}  // namespace culvert::flow
