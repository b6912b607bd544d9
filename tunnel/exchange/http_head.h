// tunnel/exchange/http_head.h: heads of HTTP/1 requests and answers (RFC 9112), read strictly: what
// two implementations could understand differently is refused, not guessed.
//
// Sans-IO; knows no body and no meaning of fields but those that frame the body. An own reader,
// because http-parser in Debian 12 is archived upstream and llhttp is not packaged for C.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "tunnel/base/bytes.h"
#include "tunnel/base/result.h"

namespace culvert::exchange {

// Middleboxes add fields; nobody measured adds more than 2 KB.
inline constexpr std::size_t kMaxHttpHead = 16 * 1024;

struct HttpField {
  std::string name;  // lower case
  std::string value;
};

// How the octets behind a head end (RFC 9112 section 6.3).
struct BodyFraming {
  enum class Kind : std::uint8_t { kNone, kLength, kChunked, kUntilEnd };
  Kind kind = Kind::kNone;
  std::uint64_t length = 0;  // of kLength
};

struct RequestHead {
  std::string method, target;
  bool version_1_1 = false;
  bool keep_alive = false;  // the connection serves another request afterwards
  BodyFraming body;
  std::size_t size = 0;  // of the head, in octets
};

struct ResponseHead {
  int status = 0;
  std::string reason;  // for people
  bool keep_alive = false;
  BodyFraming body;
  std::vector<HttpField> fields;
  std::size_t size = 0;

  const std::string* find(std::string_view lower_case_name) const;
};

// nullopt: not complete. kProtocol: no HTTP/1 head, or one too long.
Result<std::optional<RequestHead>> read_request_head(Bytes received);
Result<std::optional<ResponseHead>> read_response_head(Bytes received);

}  // namespace culvert::exchange
