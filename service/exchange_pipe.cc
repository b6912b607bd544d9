#include "service/exchange_pipe.h"

#include <cerrno>
#include <cstring>

namespace culvert::service {

using loop::IoResult;

namespace {

constexpr Duration kLinger = std::chrono::seconds{5};

}  // namespace

Exchange::Exchange(loop::Loop& loop, const crypto::PublicKey& name, exchange::ExchangeKeys keys,
                   Listener& listener)
    : Deferred(loop),
      name_(name),
      server_(std::move(keys), loop::Loop::precise_now()),
      listener_(listener),
      timer_(loop, *this) {
  schedule();
}

Exchange::~Exchange() {
  if (pipe_ != nullptr) pipe_->exchange_ = nullptr;
}

std::unique_ptr<loop::BytePipe> Exchange::make_pipe() {
  auto pipe = std::make_unique<ExchangePipe>(*this);
  pipe_ = pipe.get();
  return pipe;
}

void Exchange::left_alone() {
  pipe_ = nullptr;
  alone_ = true;
  alone_until_ = loop::Loop::precise_now() + kLinger;
  schedule();
}

void Exchange::run_deferred() {
  if (over_) return;
  const auto now = loop::Loop::precise_now();
  server_.pump(now);
  const bool done = server_.failure() || server_.all_acknowledged() || now >= alone_until_;
  if (alone_ && done) {
    over_ = true;
    timer_.stop();
    return listener_.on_exchange_over(*this);
  }
  arm();
  if (pipe_ != nullptr) pipe_->tell();
}

void Exchange::arm() {
  auto due = server_.next_deadline();
  if (alone_) due = due ? std::min(*due, alone_until_) : alone_until_;
  if (!due) return timer_.stop();
  timer_.start(std::max<Duration>(*due - loop::Loop::precise_now(), std::chrono::milliseconds{1}));
}

void Exchange::on_timer(loop::Timer&) {
  server_.tick(loop::Loop::precise_now());
  schedule();
}

ExchangePipe::~ExchangePipe() {
  if (exchange_ != nullptr) exchange_->left_alone();
}

bool ExchangePipe::has_news() const {
  if (exchange_ == nullptr) return true;
  const auto& server = exchange_->server_;
  return !server.readable().empty() || server.peer_ended() || server.failure();
}

void ExchangePipe::tell() {
  if (listener_ == nullptr) return;
  const bool read_due = want_read_ && has_news();
  // In turn, as tunnel/exchange/client_pipe.cc says.
  if (want_write_ && exchange_->server_.room() != 0 &&
      !(read_due && std::exchange(wrote_last_, false))) {
    wrote_last_ = true;
    if (read_due) exchange_->schedule();
    return listener_->on_writable();
  }
  if (read_due) return listener_->on_readable();
  const auto& failure = exchange_->server_.failure();
  if (failure && !std::exchange(told_broken_, true))
    listener_->on_broken(std::max(1, to_errno(failure->code)));
}

IoResult ExchangePipe::read(MutableBytes into) {
  if (exchange_ == nullptr) return IoResult::failed(ECONNRESET);
  auto& server = exchange_->server_;
  const auto ready = server.readable();
  if (!ready.empty()) {
    const auto count = std::min(into.size(), ready.size());
    std::memcpy(into.data(), ready.data(), count);
    server.consumed(count);
    exchange_->schedule();
    return IoResult::moved(count);
  }
  if (server.peer_ended()) return IoResult::end();
  if (server.failure()) {
    told_broken_ = true;
    return IoResult::failed(std::max(1, to_errno(server.failure()->code)));
  }
  return IoResult::blocked();
}

IoResult ExchangePipe::write(Bytes from) {
  if (exchange_ == nullptr) return IoResult::failed(ECONNRESET);
  auto& server = exchange_->server_;
  if (server.failure()) {
    told_broken_ = true;
    return IoResult::failed(std::max(1, to_errno(server.failure()->code)));
  }
  const auto count = server.write(from);
  if (count == 0) return IoResult::blocked();
  exchange_->schedule();
  return IoResult::moved(count);
}

void ExchangePipe::set_interest(bool readable, bool writable) {
  want_read_ = readable;
  want_write_ = writable;
  if (exchange_ == nullptr) return;
  if ((want_read_ && has_news()) || (want_write_ && exchange_->server_.room() != 0))
    exchange_->schedule();
}

void ExchangePipe::end_writing() {
  if (exchange_ == nullptr) return;
  exchange_->server_.end_writing();
  exchange_->schedule();
}

void ExchangePipe::abort() {
  if (exchange_ == nullptr) return;
  exchange_->server_.abort(ErrorCode::kReset);
  exchange_->left_alone();
  exchange_ = nullptr;
}

const Error* ExchangePipe::failure() const {
  if (exchange_ == nullptr || !exchange_->server_.failure()) return nullptr;
  return &*exchange_->server_.failure();
}

}  // namespace culvert::service
