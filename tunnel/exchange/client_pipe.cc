#include "tunnel/exchange/client_pipe.h"

#include <array>
#include <cerrno>
#include <cstring>

namespace culvert::exchange {

using loop::IoResult;
using State = IoResult::State;

namespace {

constexpr std::size_t kReadSize = 128 * 1024;

}  // namespace

struct ClientPipe::Lane final : loop::BytePipe::Listener {
  Lane(ClientPipe& o, LaneId number, std::unique_ptr<BytePipe> p)
      : owner(o), id(number), pipe(std::move(p)) {}
  void on_readable() override { owner.read_lane(*this); }
  void on_writable() override { owner.flush(*this); }
  void on_broken(int error) override { owner.lane_broke(*this, error); }

  ClientPipe& owner;
  LaneId id;
  std::unique_ptr<BytePipe> pipe;
  bool ended = false;  // nothing more is read from it
};

ClientPipe::ClientPipe(loop::Loop& loop, std::unique_ptr<Client> client,
                       std::unique_ptr<BytePipe> first_lane, std::unique_ptr<LaneSource> lanes,
                       std::shared_ptr<Capabilities> notes)
    : Deferred(loop),
      client_(std::move(client)),
      source_(std::move(lanes)),
      notes_(std::move(notes)),
      timer_(loop, *this) {
  if (first_lane) add_lane(std::move(first_lane));
  schedule();
}

ClientPipe::~ClientPipe() { take_leave(ErrorCode::kClosed); }

void ClientPipe::take_leave(ErrorCode why) {
  if (std::exchange(left_, true)) return;
  client_->take_leave(loop::Loop::precise_now(), why);
  for (const auto& [id, lane] : lanes_)
    if (!lane->ended) flush(*lane);
  lanes_.clear();
  source_.reset();
  timer_.stop();
}

void ClientPipe::abort() { take_leave(ErrorCode::kReset); }

void ClientPipe::add_lane(std::unique_ptr<BytePipe> pipe) {
  const auto id = next_lane_++;
  auto lane = std::make_unique<Lane>(*this, id, std::move(pipe));
  lane->pipe->set_listener(lane.get());
  lane->pipe->set_interest(/*readable=*/true, /*writable=*/false);
  lanes_.emplace(id, std::move(lane));
  client_->dialled(id, loop::Loop::precise_now());
}

void ClientPipe::on_lane(std::unique_ptr<BytePipe> pipe, const Error& why) {
  if (pipe)
    add_lane(std::move(pipe));
  else
    client_->dial_failed(why, loop::Loop::precise_now());
  schedule();
}

void ClientPipe::read_lane(Lane& lane) {
  if (lane.ended) return;
  static thread_local std::array<std::byte, kReadSize> buffer;
  const auto got = lane.pipe->read(buffer);
  if (got.state == State::kBlocked) return;
  const auto now = loop::Loop::precise_now();
  if (got.state == State::kMoved) {
    client_->receive(lane.id, Bytes{buffer}.first(got.count), now);
  } else if (got.state == State::kEnd) {
    lane.ended = true;
    lane.pipe->set_interest(false, false);
    client_->lane_ended(lane.id, "the other side ended an HTTP connection", now);
  } else {
    return lane_broke(lane, got.error);
  }
  schedule();
}

void ClientPipe::lane_broke(Lane& lane, int error) {
  if (std::exchange(lane.ended, true)) return;
  const auto* const known = lane.pipe->failure();
  const std::string why = known != nullptr
                              ? known->detail
                              : "an HTTP connection broke: " + std::string(std::strerror(error));
  lane.pipe->set_interest(false, false);
  client_->lane_ended(lane.id, why, loop::Loop::precise_now());
  schedule();
}

void ClientPipe::flush(Lane& lane) {
  while (!lane.ended) {
    const auto out = client_->pending_output(lane.id);
    if (out.empty()) break;
    const auto put = lane.pipe->write(out);
    if (put.state == State::kFailed) return lane_broke(lane, put.error);
    if (put.state != State::kMoved) break;
    client_->output_sent(lane.id, put.count, loop::Loop::precise_now());
    if (!left_) schedule();
  }
  if (!lane.ended)
    lane.pipe->set_interest(/*readable=*/true, !client_->pending_output(lane.id).empty());
}

void ClientPipe::move_lanes() {
  client_->pump(loop::Loop::precise_now());
  if (notes_ != nullptr && *notes_ != client_->learned()) *notes_ = client_->learned();
  for (const auto& [id, lane] : lanes_)
    if (!lane->ended) flush(*lane);
  for (const auto id : client_->take_closed()) lanes_.erase(id);
  for (auto count = client_->lanes_to_dial(); count != 0; --count) {
    client_->dialling();
    source_->dial(*this);
  }
  const auto due = client_->next_deadline();
  if (due == armed_for_ && timer_.running()) return;
  armed_for_ = due;
  if (!due) return timer_.stop();
  timer_.start(std::max<Duration>(*due - loop::Loop::precise_now(), std::chrono::milliseconds{1}));
}

void ClientPipe::on_timer(loop::Timer&) {
  armed_for_.reset();
  client_->tick(loop::Loop::precise_now());
  schedule();
}

bool ClientPipe::has_news() const {
  return !client_->readable().empty() || client_->peer_ended() || client_->failure();
}

// The owner may destroy the pipe from inside its events.
void ClientPipe::run_deferred() {
  if (left_) return;
  move_lanes();
  if (listener_ == nullptr) return;
  if (std::exchange(told_, listener_) != listener_) told_readable_ = told_writable_ = false;
  // Each is told once until it is acted on: an owner that only notes an event acts on it behind
  // this in the loop's queue, and would never be reached if telling it led to telling it again.
  if (write_due()) {
    told_writable_ = true;
    if (read_due()) schedule();
    return listener_->on_writable();
  }
  if (read_due()) {
    told_readable_ = true;
    return listener_->on_readable();
  }
  if (client_->failure() && !std::exchange(told_broken_, true))
    listener_->on_broken(std::max(1, to_errno(client_->failure()->code)));
}

IoResult ClientPipe::read(MutableBytes into) {
  told_readable_ = false;
  const auto ready = client_->readable();
  if (!ready.empty()) {
    const auto count = std::min(into.size(), ready.size());
    std::memcpy(into.data(), ready.data(), count);
    client_->consumed(count);
    schedule();  // more to read, or more that may come
    return IoResult::moved(count);
  }
  if (client_->peer_ended()) return IoResult::end();
  if (const auto* why = failure()) {
    told_broken_ = true;
    return IoResult::failed(std::max(1, to_errno(why->code)));
  }
  return IoResult::blocked();
}

IoResult ClientPipe::write(Bytes from) {
  told_writable_ = false;
  if (const auto* why = failure()) {
    told_broken_ = true;
    return IoResult::failed(std::max(1, to_errno(why->code)));
  }
  const auto count = client_->write(from);
  if (count == 0) return IoResult::blocked();
  schedule();
  return IoResult::moved(count);
}

void ClientPipe::set_interest(bool readable, bool writable) {
  want_read_ = readable;
  want_write_ = writable;
  told_readable_ = told_readable_ && readable;
  told_writable_ = told_writable_ && writable;
  if (read_due() || write_due() || told_ != listener_) schedule();
}

void ClientPipe::end_writing() {
  client_->end_writing();
  schedule();
}

const Error* ClientPipe::failure() const {
  return client_->failure() ? &*client_->failure() : nullptr;
}

}  // namespace culvert::exchange
