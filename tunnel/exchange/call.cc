#include "tunnel/exchange/call.h"

#include <cassert>

#include "tunnel/exchange/server.h"

namespace culvert::exchange {

Call::Call(Server& server, const ExchangeKeys& keys, const ExchangeKeys::Token& token,
           const Request& request, const RequestHead& head, Random& random, Listener& listener)
    : server_(&server),
      keys_(keys),
      number_(token.number),
      request_(request),
      version_1_1_(head.version_1_1),
      keep_alive_(head.keep_alive),
      random_(random),
      listener_(listener),
      opener_(keys.request_key(token.number)) {}

Call::~Call() {
  if (server_ != nullptr) server_->leave(*this);
}

void Call::receive_body(Bytes content, TimePoint now) {
  body_.append(content);
  if (server_ != nullptr)
    server_->on_body(*this, now);
  else
    body_.pop(body_.size());
}

void Call::receive_body_end(TimePoint now) {
  body_complete_ = true;
  if (server_ != nullptr) server_->on_body_end(*this, now);
}

void Call::output_sent(std::size_t count) {
  output_.pop(count);
  output_.release_if_empty();
}

void Call::start() {
  std::array<std::byte, kSaltSize> salt;
  random_.fill(salt);
  sealer_.emplace(keys_.response_key(salt));
  content_.append(salt);
}

void Call::put(const Piece& piece) {
  assert(!finished_);
  if (!sealer_) start();
  auto text = encode(piece);
  sealer_->seal(text, content_);
}

void Call::send_head(std::optional<std::size_t> length) {
  head_sent_ = true;
  std::string head =
      "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
      "Cache-Control: no-store, no-transform\r\nPragma: no-cache\r\nX-Accel-Buffering: no\r\n";
  if (length)
    head += "Content-Length: " + std::to_string(*length) + "\r\n";
  else if (version_1_1_)
    head += "Transfer-Encoding: chunked\r\n";
  else
    keep_alive_ = false;  // the end of the connection is the end of the body
  head += keep_alive_ ? (version_1_1_ ? "\r\n" : "Connection: keep-alive\r\n\r\n")
                      : "Connection: close\r\n\r\n";
  output_.append(as_bytes(head));
}

void Call::flush() {
  if (!head_sent_) send_head(std::nullopt);
  if (!content_.empty()) {
    if (version_1_1_) {
      char size[32];
      const int length = std::snprintf(size, sizeof size, "%zx\r\n", content_.size());
      output_.append(as_bytes({size, static_cast<std::size_t>(length)}));
    }
    output_.append(content_.peek());
    if (version_1_1_) output_.append(as_bytes("\r\n"));
    content_.pop(content_.size());
    content_.release_if_empty();
  }
  listener_.on_call_output();
}

void Call::finish() {
  put(End{});
  if (head_sent_) {
    flush();
    if (version_1_1_) output_.append(as_bytes("0\r\n\r\n"));
  } else {
    if (!body_complete_) keep_alive_ = false;  // the rest of the request is not waited for
    send_head(content_.size());
    output_.append(content_.peek());
    content_.pop(content_.size());
    content_.release_if_empty();
  }
  finished_ = true;
  listener_.on_call_output();
}

}  // namespace culvert::exchange
