#include "service/visitor.h"

#include <cassert>
#include <cstring>

#include "service/first_bytes.h"
#include "service/web_page.h"
#include "tunnel/carrier/stack.h"
#include "tunnel/carrier/tls_layer.h"
#include "tunnel/carrier/websocket.h"
#include "tunnel/exchange/server_connection.h"

namespace culvert::service {
namespace {

constexpr std::size_t kMostReplies = 4096;  // octets, of FTP

}  // namespace

Visitor::Visitor(const Context& context, std::unique_ptr<loop::BytePipe> pipe,
                 const SocketAddress& from, Outside outside, Listener& listener)
    : context_(context),
      listener_(listener),
      from_{from.ip.canonical(), from.port},
      outside_(outside),
      pipe_(std::move(pipe)),
      timer_(context.loop, *this),
      silence_(context.loop, *this) {
  pipe_->set_listener(this);
  pipe_->set_interest(/*readable=*/true, /*writable=*/false);
  timer_.start(context.limit);
}

void Visitor::leave(const std::string& why) {
  if (state_ == State::kGone) return;
  state_ = State::kGone;
  timer_.stop();
  silence_.stop();
  data_port_.reset();
  if (pipe_) {
    pipe_->set_listener(nullptr);
    pipe_->set_interest(false, false);
  }
  listener_.on_visitor_gone(*this, why);
}

std::string_view Visitor::carrier() const {
  if (outside_ == Outside::kExchange) return "http";
  if (outside_ == Outside::kFiles) return "ftp-pair";
  if (state_ == State::kFtp) return "ftp";
  if (in_websocket_) return in_tls_ ? "websocket-tls" : "websocket";
  return in_tls_ ? "tls" : "tcp";
}

void Visitor::on_timer(loop::Timer& timer) {
  if (&timer == &silence_) return greet_ftp();
  leave("it took too long");
}

void Visitor::on_broken(int error) { leave(std::strerror(error)); }

void Visitor::on_readable() {
  std::byte buffer[4096];
  const auto got = pipe_->read(buffer);
  using IoState = loop::IoResult::State;
  if (got.state == IoState::kBlocked) return;
  if (got.state == IoState::kEnd) return leave("it ended the connection");
  if (got.state == IoState::kFailed) return leave(std::strerror(got.error));
  if (state_ == State::kEndingWeb) return;  // what a browser still says is not of interest
  silence_.stop();
  append(received_, Bytes{buffer}.first(got.count));
  if (state_ == State::kFtp) return read_ftp();
  if (state_ == State::kSorting) return sort();
  if (state_ == State::kReadingWeb) return read_web();
}

void Visitor::sort() {
  const auto spoken = recognise(received_);
  if (outside_ != Outside::kNothing && (spoken == Spoken::kTls || spoken == Spoken::kHttp))
    return leave("it spoke TLS or HTTP within an exchange, or within files");
  switch (spoken) {
    case Spoken::kUndecided: return;
    case Spoken::kCulvert: return greet();
    case Spoken::kTls:
      if (in_tls_ || in_websocket_) return leave("it spoke TLS within TLS or a WebSocket");
      return unwrap_tls();
    case Spoken::kHttp:
      if (in_websocket_) return leave("it spoke HTTP within a WebSocket");
      state_ = State::kReadingWeb;
      return read_web();
    case Spoken::kUnknown: return leave("it spoke nothing that is known here");
  }
}

void Visitor::unwrap_tls() {
  in_tls_ = true;
  unwrap(carrier::TlsLayer::server(context_.tls), received_);
}

// Upgraded at any path: reverse proxies map paths as they like.
void Visitor::unwrap_websocket(std::string_view key, Bytes behind) {
  in_websocket_ = true;
  state_ = State::kSorting;
  unwrap(carrier::WebSocket::server(key), behind);
}

void Visitor::unwrap(std::unique_ptr<carrier::Layer> layer, Bytes received) {
  pipe_ =
      std::make_unique<carrier::Stack>(context_.loop, std::move(pipe_), std::move(layer), received);
  received_.clear();
  pipe_->set_listener(this);
  pipe_->set_interest(/*readable=*/true, /*writable=*/false);
}

void Visitor::greet() {
  state_ = State::kGreeting;
  greeter_.emplace(context_.loop, std::move(pipe_), std::move(received_), context_.identity,
                   context_.random, context_.limit,
                   static_cast<session::Greeter::Listener&>(*this));
}

void Visitor::on_greeted(session::Greeter&, session::ResponderHandshake::Greeting& greeting) {
  if (state_ != State::kGreeting) return;
  state_ = State::kJudged;
  timer_.stop();  // now it is the listener that limits the time
  listener_.on_hello(*this, greeting);
}

void Visitor::answer(const control::HelloAnswer& answer) {
  if (state_ == State::kGone) return;
  assert(state_ == State::kJudged);
  state_ = State::kAnswering;
  greeter_->answer(answer);
}

void Visitor::on_answered(session::Greeter&) {
  if (state_ != State::kAnswering) return;
  listener_.on_answered(*this);
  leave("answered");
}

void Visitor::on_greeting_failed(session::Greeter&, const Error& why) { leave(why.detail); }

void Visitor::read_web() {
  const auto exchange = exchange::looks_like_exchange(received_);
  if (!exchange) return;
  if (*exchange) {
    pipe_->set_listener(nullptr);
    listener_.on_requests(*this);
    return leave("it brings requests of an exchange");
  }
  const auto request = parse_http_request(received_);
  if (!request) return;
  if (!request->websocket_key.empty())
    return unwrap_websocket(request->websocket_key, Bytes{received_}.subspan(request->size));
  state_ = State::kAnsweringWeb;
  page_ = web_answer(*request);
  received_.clear();
  pipe_->set_interest(/*readable=*/false, /*writable=*/true);
}

void Visitor::greet_after(Duration silence, const SocketAddress& here,
                          const FtpDataPort::Range& ports) {
  if (state_ != State::kSorting || !received_.empty()) return;
  data_ports_ = ports;
  ftp_.emplace(here, static_cast<FtpControl::Doors&>(*this));
  silence_.start(silence);
}

void Visitor::greet_ftp() {
  state_ = State::kFtp;
  page_ = FtpControl::kGreeting;
  pipe_->set_interest(/*readable=*/true, /*writable=*/true);
}

void Visitor::read_ftp() {
  const bool transferred = ftp_->transferring();
  auto replies = ftp_->receive(std::exchange(received_, {}));
  if (!replies) return leave(replies.error().detail);
  page_ += *replies;
  if (page_.size() > kMostReplies) return leave("it reads no replies");
  pipe_->set_interest(/*readable=*/true, /*writable=*/!page_.empty());
  if (!transferred && ftp_->transferring()) listener_.on_file_asked(*this);
  offer_half();
}

std::optional<std::uint16_t> Visitor::open_data_port() {
  data_port_.emplace(context_.loop, from_.ip, static_cast<FtpDataPort::Listener&>(*this));
  return data_port_->open(data_ports_, context_.random);
}

void Visitor::on_data(std::unique_ptr<loop::BytePipe> data) {
  if (state_ != State::kFtp || offered_) return;
  data_ = std::move(data);
  offer_half();
}

// The proxy may ask for the file before it connects, or after.
void Visitor::offer_half() {
  if (state_ != State::kFtp || !ftp_->half() || data_ == nullptr || offered_) return;
  offered_ = true;
  data_port_.reset();
  listener_.on_half(*this);
}

void Visitor::on_writable() {
  if (state_ != State::kAnsweringWeb && state_ != State::kFtp) return;
  const auto put = pipe_->write(as_bytes(page_));
  using IoState = loop::IoResult::State;
  if (put.state == IoState::kFailed) return leave(std::strerror(put.error));
  if (put.state == IoState::kMoved) page_.erase(0, put.count);
  if (!page_.empty()) return;
  if (state_ == State::kFtp) {
    if (ftp_->over()) return leave("it said goodbye");
    return pipe_->set_interest(/*readable=*/true, /*writable=*/false);
  }
  // Closing at once would reset the connection if there is unread input, and the reset can
  // overtake the page (RFC 9112 section 9.6).
  state_ = State::kEndingWeb;
  pipe_->end_writing();
  pipe_->set_interest(/*readable=*/true, /*writable=*/false);
}

}  // namespace culvert::service
