// service/http_request.h: the head of one HTTP/1 request, read strictly (RFC 9112; S12): what two
// implementations could understand differently is refused, not guessed.
//
// Only what a request for a page needs: no body is ever taken. Sans-IO, allocates nothing.
#pragma once
#include <optional>
#include <string_view>

#include "tunnel/base/bytes.h"

namespace culvert::service {

inline constexpr std::size_t kMaxHttpHead = 8 * 1024;    // else 431
inline constexpr std::size_t kMaxHttpTarget = 2 * 1024;  // else 414

struct HttpRequest {
  int status = 200;         // or why it is refused: 400, 405, 414, 431, 501, 505
  bool head = false;        // HEAD: the answer has no body
  std::string_view target;  // borrowed from the input; only with 200
  std::size_t size = 0;     // of the head; only with 200
  // Sec-WebSocket-Key of a proper upgrade (RFC 6455 section 4.2.1), else empty; borrowed.
  std::string_view websocket_key = {};
};

// nullopt: the head is not complete. Gives the same verdict for the same head, however it was cut,
// except that some refusals come early.
std::optional<HttpRequest> parse_http_request(Bytes received);

}  // namespace culvert::service
