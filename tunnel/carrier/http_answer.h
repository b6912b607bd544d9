// tunnel/carrier/http_answer.h: the head of an HTTP/1 answer, and how long the body behind it is
// (RFC 9112 section 6.3), as a proxy or a web server sends it to us.
//
// Tolerant where real proxies are sloppy (bare LF, no reason phrase, folded lines), strict where a
// guess would be dangerous (two lengths, broken chunks). Sans-IO. Bounds: 64 KiB of head, 256
// fields; a body is never kept.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tunnel/base/bytes.h"
#include "tunnel/base/result.h"

namespace culvert::carrier {

struct HttpAnswer {
  int minor_version = 1;  // of HTTP/1
  int status = 0;         // 100 to 599
  std::string reason;
  struct Field {
    std::string name;  // lower case
    std::string value;
  };
  std::vector<Field> fields;

  std::vector<std::string_view> all(std::string_view name) const;       // lower case
  std::string_view first(std::string_view name) const;                  // empty: there is none
  bool has_token(std::string_view name, std::string_view token) const;  // of a list, lower case
  bool closes() const;              // no other request can follow on this connection
  std::string status_line() const;  // for people: "403 Forbidden", printable
};

// Gives nullopt while the head is not complete; else `taken` is its length. kProtocol.
Result<std::optional<HttpAnswer>> parse_http_answer(Bytes received, std::size_t& taken);

// Passes over the body of an answer to anything but HEAD and a successful CONNECT.
class HttpBody {
 public:
  static Result<HttpBody> behind(const HttpAnswer& head);

  bool ended() const { return state_ == State::kEnded; }
  bool lasts_until_close() const { return state_ == State::kUntilClose; }
  Result<std::size_t> skip(Bytes received);  // gives how much of it was the body

 private:
  enum class State : std::uint8_t { kLength, kChunkSize, kChunk, kTrailer, kUntilClose, kEnded };
  Result<std::size_t> skip_line(Bytes received);

  State state_ = State::kEnded;
  std::uint64_t left_ = 0;  // of the body or chunk
};

}  // namespace culvert::carrier
