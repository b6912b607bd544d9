#include "tunnel/exchange/server_connection.h"

#include "tunnel/exchange/server.h"

namespace culvert::exchange {
namespace {

constexpr std::string_view kPrefix = "/c/";
constexpr std::size_t kNameSize = 43;  // 32 octets as base64url

std::string_view path_of(std::string_view target) {
  const auto scheme = target.find("://");
  if (target.starts_with('/') || scheme == std::string_view::npos) return target;
  const auto path = target.find('/', scheme + 3);
  return path == std::string_view::npos ? std::string_view{} : target.substr(path);
}

}  // namespace

std::optional<ExchangeTarget> parse_target(std::string_view target) {
  const auto path = path_of(target);
  if (!path.starts_with(kPrefix) || path.size() < kPrefix.size() + kNameSize + 2 ||
      path[kPrefix.size() + kNameSize] != '/')
    return std::nullopt;
  const auto raw = from_base64url(path.substr(kPrefix.size(), kNameSize));
  if (raw.size() != crypto::PublicKey::kSize) return std::nullopt;
  return ExchangeTarget{crypto::PublicKey(Bytes{raw}.first<crypto::PublicKey::kSize>()),
                        path.substr(kPrefix.size() + kNameSize + 1)};
}

std::string make_target(const crypto::PublicKey& exchange, std::string_view token) {
  return std::string(kPrefix) + exchange.to_string() + "/" + std::string(token);
}

std::optional<bool> looks_like_exchange(Bytes received) {
  const auto text = as_text(received);
  const auto line_end = text.find('\n');
  if (line_end == std::string_view::npos && text.size() < 2048) return std::nullopt;
  const auto line = text.substr(0, line_end);
  const auto first = line.find(' '), last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return false;
  return parse_target(line.substr(first + 1, last - first - 1)).has_value();
}

ServerConnection::ServerConnection(Directory& directory, Random& random, Listener& listener)
    : directory_(directory), random_(random), listener_(listener) {}

ServerConnection::~ServerConnection() = default;

void ServerConnection::receive(Bytes octets, TimePoint now) {
  input_.append(octets);
  process(now);
}

void ServerConnection::process(TimePoint now) {
  while (!closing_) {
    if (!call_ && !begin(now)) break;
    if (closing_) break;
    while (!call_->body_complete()) {
      const auto step = body_.step(input_.peek());
      if (!step) {
        closing_ = true;
        break;
      }
      if (!step->content.empty()) call_->receive_body(step->content, now);
      input_.pop(step->taken);
      if (body_.complete()) {
        call_->receive_body_end(now);
      } else if (step->taken == 0) {
        break;
      }
    }
    if (!call_->finished()) break;
    if (!call_->keep_alive() || !call_->body_complete()) closing_ = true;
    if (!call_->pending_output().empty()) break;
    call_.reset();
  }
  input_.release_if_empty();
}

bool ServerConnection::begin(TimePoint now) {
  const auto head = read_request_head(input_.peek());
  if (!head) {
    refuse("400 Bad Request");
    return true;
  }
  if (!*head) return false;
  const auto& request = **head;
  const auto target = parse_target(request.target);
  const bool get = request.method == "GET", post = request.method == "POST";
  if (!target || (!get && !post)) {
    refuse("404 Not Found");
    return true;
  }
  if (request.body.kind == BodyFraming::Kind::kLength && request.body.length > kMaxBody) {
    refuse("413 Content Too Large");
    return true;
  }
  auto found = directory_.find(*target);
  if (found.server == nullptr && !found.keys) {
    refuse("404 Not Found");
    return true;
  }
  const bool sends =
      found.request.kind == RequestKind::kPost || found.request.kind == RequestKind::kPostStream;
  if (sends != post) {
    refuse("400 Bad Request");
    return true;
  }
  body_ = BodyReader(request.body);
  auto* server = found.server;
  if (server == nullptr) {
    strange_ = std::make_unique<Server>(std::move(*found.keys), now);
    strange_->abort(ErrorCode::kClosed);
    server = strange_.get();
  }
  call_ = std::make_unique<Call>(*server, server->keys(), found.token, found.request, request,
                                 random_, static_cast<Call::Listener&>(*this));
  input_.pop(request.size);
  server->on_begin(*call_, now);
  if (body_.complete() && !call_->body_complete()) call_->receive_body_end(now);
  return true;
}

void ServerConnection::refuse(std::string_view status) {
  output_.append(as_bytes("HTTP/1.1 " + std::string(status) +
                          "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
  closing_ = true;
  input_.pop(input_.size());
}

Bytes ServerConnection::pending_output() const {
  if (call_ && !call_->pending_output().empty()) return call_->pending_output();
  return output_.peek();
}

void ServerConnection::output_sent(std::size_t count, TimePoint now) {
  if (call_ && !call_->pending_output().empty()) {
    call_->output_sent(count);
    if (call_->finished() && call_->pending_output().empty()) {
      if (!call_->keep_alive() || !call_->body_complete()) closing_ = true;
      call_.reset();
      strange_.reset();
      process(now);
    }
    return;
  }
  output_.pop(count);
}

}  // namespace culvert::exchange
