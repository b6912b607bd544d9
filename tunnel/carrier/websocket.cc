#include "tunnel/carrier/websocket.h"

#include <algorithm>
#include <cassert>

#include "tunnel/carrier/digests.h"
#include "tunnel/carrier/opening_layer.h"

namespace culvert::carrier {
namespace {

constexpr std::size_t kMaxFrame = 64 * 1024;
constexpr std::size_t kDataLimit = 64 * 1024;
constexpr std::size_t kOutputLimit = 128 * 1024;
constexpr std::size_t kPongLimit = 4 * 1024;  // behind so much output pings go unanswered
constexpr int kMostInterim = 8;
// Behind its answer nothing comes before the client has spoken.
constexpr std::size_t kMaxAnswer = 80 * 1024;

std::string meaning_of(const HttpAnswer& answer) {
  if (answer.status / 100 == 3)
    return "a redirect to '" + printable(answer.first("location")) +
           "': a captive portal wants to be visited with a browser first";
  switch (answer.status) {
    case 407: return "the proxy wants to know who asks";
    case 403: return "it is forbidden on the way";
    case 502:
    case 503:
    case 504: return "what is on the way does not reach the service";
    default: return "something on the way does not pass the upgrade on";
  }
}

}  // namespace

std::string websocket_accept(std::string_view key) {
  const auto text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  return to_base64(sha1(as_bytes(text)));
}

std::unique_ptr<WebSocket> WebSocket::client(const Request& request, Random& random,
                                             std::shared_ptr<ProxyLogin> login) {
  std::unique_ptr<WebSocket> layer(new WebSocket(/*is_client=*/true, &random));
  layer->request_ = request;
  if (login != nullptr) layer->question_.emplace(std::move(login));
  layer->ask();
  return layer;
}

void WebSocket::ask() {
  std::array<std::byte, 16> nonce;
  random_->fill(nonce);
  const auto key = to_base64(nonce);
  accept_ = websocket_accept(key);
  const auto login = question_ ? question_->authorization("GET", request_.target) : std::string();
  output_.append(as_bytes("GET " + request_.target + " HTTP/1.1\r\nHost: " + request_.host +
                          "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
                          "Sec-WebSocket-Key: " + key + "\r\nSec-WebSocket-Version: 13\r\n" +
                          (login.empty() ? "" : "Proxy-Authorization: " + login + "\r\n") +
                          request_.more_fields + "\r\n"));
}

std::unique_ptr<WebSocket> WebSocket::server(std::string_view key) {
  std::unique_ptr<WebSocket> layer(new WebSocket(/*is_client=*/false, nullptr));
  layer->output_.append(
      as_bytes("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
               "Connection: Upgrade\r\nSec-WebSocket-Accept: " +
               websocket_accept(key) + "\r\n\r\n"));
  layer->state_ = State::kOpen;
  return layer;
}

tl::unexpected<Error> WebSocket::stop(Error why) {
  failure_ = std::move(why);
  return fail(*failure_);
}

bool WebSocket::wants_input() const {
  return !failure_ && !peer_ended_ && data_.size() < kDataLimit &&
         output_.size() < 2 * kOutputLimit;
}

Result<void> WebSocket::receive(Bytes wire) {
  MutableBytes none;
  return receive_into(wire, none);
}

Result<void> WebSocket::receive_into(Bytes wire, MutableBytes& room) {
  if (failure_) return fail(*failure_);
  if (state_ == State::kOpen) return take_frames(wire, room);
  append(answer_, wire);
  CULVERT_RETURN_IF_ERROR(take_answer());
  if (state_ != State::kOpen) return {};
  const auto rest = std::exchange(answer_, {});
  return take_frames(rest, room);
}

Result<void> WebSocket::take_answer() {
  while (state_ != State::kOpen) {
    std::size_t taken = 0;
    if (question_ && question_->is_open()) {
      if (answer_.empty()) return {};
      const auto passed = question_->pass_over(answer_);
      if (!passed) return stop(passed.error());
      if (*passed == 0 && question_->is_open()) return {};  // a line of it that is not complete
      answer_.erase(answer_.begin(), answer_.begin() + static_cast<std::ptrdiff_t>(*passed));
      if (!question_->is_open() && !question_->waits()) ask();
      continue;
    }
    const auto answer = parse_http_answer(answer_, taken);
    if (!answer) return stop(answer.error());
    if (!*answer && answer_.size() > kMaxAnswer)
      return stop({ErrorCode::kProtocol, "the answer to the WebSocket upgrade does not end"});
    if (!*answer) return {};
    answer_.erase(answer_.begin(), answer_.begin() + static_cast<std::ptrdiff_t>(taken));
    if (const auto good = judge(**answer); !good) return stop(good.error());
  }
  return {};
}

Result<void> WebSocket::judge(const HttpAnswer& answer) {
  const bool interim = answer.status < 200 && answer.status != 101;
  if (interim && ++interim_ <= kMostInterim) return {};
  if (answer.status == 407 && question_) {
    CULVERT_RETURN_IF_ERROR(question_->take(answer));
    if (!question_->is_open() && !question_->waits()) ask();
    return {};
  }
  if (answer.status != 101)
    return fail(answer.status == 407 ? ErrorCode::kAuthentication : ErrorCode::kProtocol,
                "the WebSocket upgrade was answered with " + answer.status_line() + ": " +
                    meaning_of(answer));
  const bool upgraded =
      answer.has_token("upgrade", "websocket") && answer.has_token("connection", "upgrade");
  if (!upgraded || answer.all("sec-websocket-accept").size() != 1 ||
      answer.first("sec-websocket-accept") != accept_)
    return fail(ErrorCode::kProtocol,
                "the answer to the WebSocket upgrade belongs to another request, or to none");
  if (!answer.first("sec-websocket-extensions").empty() ||
      !answer.first("sec-websocket-protocol").empty())
    return fail(ErrorCode::kProtocol,
                "the answer to the WebSocket upgrade chooses what was not "
                "offered");
  state_ = State::kOpen;
  if (end_requested_) return end_writing();
  return {};
}

Result<void> WebSocket::take_frames(Bytes wire, MutableBytes& room) {
  using Event = WebSocketReader::Event;
  while (!wire.empty() && !peer_ended_) {  // behind Close nothing has a meaning
    const auto event = reader_.next(wire, data_, room);
    if (!event) return stop(event.error());
    if (*event == Event::kClose) peer_ended_ = true;
    if (*event == Event::kPing && output_.size() < kPongLimit && !output_ended_)
      put(WebSocketOpcode::kPong, reader_.control());
  }
  return {};
}

Result<void> WebSocket::receive_end() {
  if (failure_) return fail(*failure_);
  if (peer_ended_) return {};
  return stop({ErrorCode::kReset, state_ == State::kOpen
                                      ? "the WebSocket was cut without a closing frame"
                                      : "the connection was closed at the WebSocket upgrade"});
}

void WebSocket::consumed(std::size_t count) {
  data_.pop(count);
  data_.release_if_empty();
}

void WebSocket::output_sent(std::size_t count) {
  output_.pop(count);
  output_.release_if_empty();
}

Result<std::size_t> WebSocket::write(Bytes data) {
  if (failure_) return fail(*failure_);
  assert(!end_requested_);
  std::size_t taken = 0;
  while (state_ == State::kOpen && taken < data.size() && output_.size() < kOutputLimit) {
    const auto piece = data.subspan(taken, std::min(kMaxFrame, data.size() - taken));
    put(WebSocketOpcode::kBinary, piece);
    taken += piece.size();
  }
  return taken;
}

void WebSocket::put(WebSocketOpcode opcode, Bytes payload) {
  std::optional<WebSocketMask> mask;
  if (random_ != nullptr) random_->fill(mask.emplace());
  append_websocket_frame(output_, opcode, payload, mask);
}

Result<void> WebSocket::end_writing() {
  if (failure_) return fail(*failure_);
  end_requested_ = true;
  if (state_ != State::kOpen || output_ended_) return {};
  constexpr std::array kNormal{std::byte{0x03}, std::byte{0xe8}};  // 1000: section 7.4.1
  put(WebSocketOpcode::kClose, kNormal);
  output_ended_ = true;
  return {};
}

}  // namespace culvert::carrier
