#include "tunnel/flow/flow.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "tunnel/base/byte_codec.h"
#include "tunnel/flow/flow_list.h"

namespace culvert::flow {
namespace {

// What one record holds beside the headers of its frames and what else is to be said. A few octets
// more than whole records went as a record and a system call of their own, and at the far end as
// three calls and a packet to the destination [strace: 9 calls for each 256 KiB there, now 3].
constexpr std::size_t kRecordful = 63 * 1024;
constexpr std::size_t kReadAtOnce = 4 * kRecordful;   // measured knee of a copying hop: 256 KiB
constexpr std::size_t kMixedReadAtOnce = kRecordful;  // beside a dialogue (mux/traffic_mix.h)
constexpr std::size_t kBulk = 32 * 1024;
constexpr std::size_t kMostRest = 1u << 20;

}  // namespace

using loop::IoResult;
using State = IoResult::State;

Flow::Flow(loop::Loop& loop, session::SessionLink& link, mux::StreamId stream, UniqueFd socket)
    : link_(link), socket_(loop, std::move(socket)), stream_(stream) {
  socket_.set_listener(this);
  socket_.make_room_for_bulk();
  link_.attach(stream_, *this);
  up_ended_ = link_.streams().finished(stream_);
  down_ended_ = link_.streams().end_was_taken(stream_);
  // What came before this flow was made is written from the loop: its owner is not ready yet.
  socket_full_ = link_.streams().has_data(stream_) || link_.streams().at_end(stream_);
  if (!down_ended_) socket_.set_reset_on_close(true);
  update_interest();
}

Flow::~Flow() {
  if (stream_gone_) return;
  link_.detach(stream_);
  if (link_.streams().knows(stream_) && !(up_ended_ && down_ended_)) {
    link_.streams().reset(stream_, ErrorCode::kReset, "the connection was dropped");
    link_.schedule();
  }
}

void Flow::end() { FlowList::drop(*this); }

void Flow::update_interest() {
  socket_.set_interest(!up_ended_ && !stream_full_, !down_ended_ && socket_full_);
}

void Flow::on_readable() {
  if (pump_up()) update_interest();
}

// Small reads go through one buffer of the thread: an interactive stream must not hold room for a
// bulk one. Bulk is read straight into the send queue.
IoResult Flow::read_socket() {
  auto& streams = link_.streams();
  if (bulk_) {
    const auto room =
        streams.prepare_write(stream_, streams.mixed() ? kMixedReadAtOnce : kReadAtOnce);
    const auto got = socket_.read(room);
    if (got.state == State::kMoved) streams.wrote(stream_, got.count);
    bulk_ = got.state == State::kMoved && got.count >= kBulk;
    return got;
  }
  static thread_local std::array<std::byte, kRecordful> buffer;
  const auto got =
      socket_.read(MutableBytes{buffer}.first(std::min(buffer.size(), streams.room(stream_))));
  if (got.state == State::kMoved) streams.write(stream_, Bytes{buffer}.first(got.count));
  bulk_ = got.state == State::kMoved && got.count >= kBulk;
  return got;
}

// The octet itself follows with the next turn, so that the mark leaves before it.
bool Flow::tell_urgent() {
  const bool told = urgent_told_;
  urgent_told_ = false;
  if (told || !socket_.at_urgent_mark()) return false;
  auto& streams = link_.streams();
  std::array<std::byte, 8> mark;
  store_be(mark.data(), streams.written(stream_));
  streams.send_datagram(stream_, mark, loop::Loop::precise_now());
  link_.schedule();
  return urgent_told_ = true;
}

void Flow::on_datagram_ahead(Bytes datagram) {
  if (datagram.size() != 8) return;
  const auto at = load_be<std::uint64_t>(datagram.data());
  if (at >= link_.streams().consumed_so_far(stream_)) urgent_at_ = at;
}

// What is before the mark, or the urgent octet alone: true.
bool Flow::cut_at_urgent(std::span<Bytes>& pieces) {
  if (urgent_at_ == kNone) return false;
  auto before = urgent_at_ - link_.streams().consumed_so_far(stream_);
  if (before == 0) {
    pieces = pieces.first(1);
    pieces[0] = pieces[0].first(1);
    return true;
  }
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (pieces[i].size() < before) {
      before -= pieces[i].size();
      continue;
    }
    pieces[i] = pieces[i].first(static_cast<std::size_t>(before));
    pieces = pieces.first(i + 1);
    break;
  }
  return false;
}

bool Flow::pump_up() {
  auto& streams = link_.streams();
  if (streams.room(stream_) == 0) {
    stream_full_ = true;
    streams.want_writable(stream_);
    return true;
  }
  if (tell_urgent()) return true;
  const auto got = read_socket();
  switch (got.state) {
    case State::kMoved: link_.schedule(); return true;
    case State::kBlocked: return true;
    case State::kEnd:
      up_ended_ = true;
      streams.finish(stream_);
      link_.schedule();
      return end_if_done();
    case State::kFailed: return abort_stream(got.error);
  }
  return true;
}

void Flow::on_stream_writable() {
  stream_full_ = false;
  update_interest();
}

void Flow::on_stream_readable() {
  if (socket_full_ && !link_.streams().is_reset(stream_)) return;
  if (pump_down()) update_interest();
}

void Flow::on_writable() {
  socket_full_ = false;
  if (pump_down()) update_interest();
}

bool Flow::pump_down() {
  auto& streams = link_.streams();
  while (true) {
    std::array<Bytes, mux::Mux::kMostPieces> pieces;
    auto some = std::span{pieces}.first(streams.pieces(stream_, pieces));
    if (some.empty()) break;
    const bool urgent = cut_at_urgent(some);
    std::size_t size = 0;
    for (const auto& piece : some) size += piece.size();
    const auto put = urgent ? socket_.write_urgent(some[0][0]) : socket_.write(some);
    if (put.state == State::kFailed) return abort_stream(put.error);
    if (put.state != State::kMoved) return find_full();
    socket_full_ = put.count < size;
    if (urgent) urgent_at_ = kNone;
    streams.consumed(stream_, put.count);
    link_.schedule();
    if (socket_full_) return find_full();
  }
  if (down_ended_ || !streams.at_end(stream_)) return true;
  down_ended_ = true;
  socket_.set_reset_on_close(false);      // it has got all
  if (!up_ended_) socket_.end_writing();  // else closing it says the same
  streams.end_taken(stream_);
  link_.schedule();
  return end_if_done();
}

// Whoever is behind the socket may be slow, or have stopped reading: the loop finds out.
bool Flow::find_full() {
  socket_full_ = true;
  auto& streams = link_.streams();
  if (!streams.is_reset(stream_)) return true;
  socket_.abort_behind(streams.readable(stream_));
  link_.detach(stream_);
  streams.reset(stream_, ErrorCode::kReset);  // the peer has done so: nothing goes out
  stream_gone_ = true;
  end();
  return false;
}

void Flow::on_broken(int error) { abort_stream(error); }

// What had come before the connection broke, and had no room in the stream.
ByteQueue Flow::read_rest() {
  ByteQueue rest;
  while (!up_ended_ && rest.size() < kMostRest) {
    const auto got = socket_.read(rest.prepare(kReadAtOnce).first(kReadAtOnce));
    if (got.state != State::kMoved) break;
    rest.commit(got.count);
  }
  return rest;
}

bool Flow::abort_stream(int error) {
  auto& streams = link_.streams();
  link_.detach(stream_);
  if (streams.knows(stream_))
    streams.reset_behind(stream_, read_rest().peek(), from_errno(error), std::strerror(error),
                         loop::Loop::precise_now());
  link_.schedule();
  stream_gone_ = true;
  end();
  return false;
}

void Flow::on_stream_reset(const Error&) {
  stream_gone_ = true;
  socket_.abort_behind({});
  end();
}

bool Flow::end_if_done() {
  if (!up_ended_ || !down_ended_) return true;
  link_.detach(stream_);
  stream_gone_ = true;
  end();
  return false;
}

}  // namespace culvert::flow
