#include "tunnel/quic/quic_pipe.h"

#include <cerrno>

#include "tunnel/loop/udp_socket.h"

namespace culvert::quic {

using loop::IoResult;
using loop::Loop;

Result<std::unique_ptr<QuicPipe>> QuicPipe::make(Loop& loop, const Connection::Settings& settings,
                                                 std::unique_ptr<DatagramChannel> channel) {
  auto connection = Connection::make(settings, Loop::precise_now());
  if (!connection) return fail(std::move(connection.error()));
  return std::unique_ptr<QuicPipe>(new QuicPipe(loop, *std::move(connection), std::move(channel)));
}

QuicPipe::QuicPipe(Loop& loop, std::unique_ptr<Connection> connection,
                   std::unique_ptr<DatagramChannel> channel)
    : Deferred(loop),
      connection_(std::move(connection)),
      channel_(std::move(channel)),
      timer_(loop, *this) {
  channel_->set_listener(this);
  schedule();
}

QuicPipe::~QuicPipe() {
  if (destroyed_ != nullptr) *destroyed_ = true;
  abort();
  channel_->set_listener(nullptr);
}

void QuicPipe::abort() {
  if (aborted_) return;
  aborted_ = true;
  if (connection_->failure() == nullptr) flush();
  connection_->close();
  flush();
}

void QuicPipe::on_datagrams(Bytes data, std::size_t segment) {
  const auto now = Loop::precise_now();
  loop::for_each_datagram(data, segment, [&](Bytes one) { connection_->receive(one, now); });
  schedule();
}

void QuicPipe::on_channel_writable() { schedule(); }

void QuicPipe::on_channel_broken(int error) {
  channel_error_ = error;
  schedule();
}

void QuicPipe::on_timer(loop::Timer&) {
  armed_for_.reset();
  connection_->tick(Loop::precise_now());
  schedule();
}

void QuicPipe::run_deferred() {
  flush();
  arm_timer();
  tell();
}

void QuicPipe::flush() {
  if (channel_error_ != 0) return;
  while (true) {
    if (unsent_.empty()) unsent_ = connection_->pack(Loop::precise_now());
    if (unsent_.empty()) return;
    unsent_ = unsent_.subspan(channel_->send(unsent_));
    if (!unsent_.empty()) return;  // on_channel_writable() follows
  }
}

void QuicPipe::arm_timer() {
  const auto due = connection_->next_deadline();
  if (due == armed_for_) return;
  armed_for_ = due;
  if (!due) return timer_.stop();
  timer_.start(*due - Loop::precise_now());
}

int QuicPipe::broken_error() const {
  if (channel_error_ != 0) return channel_error_;
  const auto* const why = connection_->failure();
  if (why == nullptr) return 0;
  const int error = to_errno(why->code);
  return error != 0 ? error : ECONNRESET;
}

// Once: what the owner then reads or writes schedules the next time.
bool QuicPipe::tell() {
  bool destroyed = false;
  destroyed_ = &destroyed;
  const auto call = [&](auto member, auto... arguments) {
    if (listener_ != nullptr && !aborted_) (listener_->*member)(arguments...);
    return !destroyed;
  };
  const bool broken = broken_error() != 0;
  if (want_read_ && (connection_->readable() || connection_->at_end() || broken)) {
    if (!call(&BytePipe::Listener::on_readable)) return false;
  } else if (broken && !told_broken_) {
    told_broken_ = true;
    if (!call(&BytePipe::Listener::on_broken, broken_error())) return false;
  }
  if (want_write_ && (connection_->room() > 0 || broken))
    if (!call(&BytePipe::Listener::on_writable)) return false;
  destroyed_ = nullptr;
  return true;
}

IoResult QuicPipe::read(MutableBytes into) {
  if (const auto count = connection_->read(into); count > 0) {
    schedule();  // the peer may send more now
    return IoResult::moved(count);
  }
  if (connection_->at_end()) return IoResult::end();
  const int error = broken_error();
  return error != 0 ? IoResult::failed(error) : IoResult::blocked();
}

IoResult QuicPipe::write(Bytes from) {
  if (const int error = broken_error(); error != 0) return IoResult::failed(error);
  const auto count = connection_->write(from);
  if (count == 0) return IoResult::blocked();
  schedule();
  return IoResult::moved(count);
}

void QuicPipe::set_interest(bool readable, bool writable) {
  want_read_ = readable;
  want_write_ = writable;
  if (readable || writable) schedule();
}

void QuicPipe::end_writing() {
  connection_->end_writing();
  schedule();
}

}  // namespace culvert::quic
