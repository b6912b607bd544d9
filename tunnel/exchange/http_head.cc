#include "tunnel/exchange/http_head.h"

#include <algorithm>
#include <charconv>

#include "tunnel/base/text.h"

namespace culvert::exchange {
namespace {

struct Lines {
  std::string_view start;
  std::vector<HttpField> fields;
  std::size_t size = 0;
};

bool is_token(std::string_view text) {  // RFC 9110 section 5.6.2
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), ascii_lower);
  return out;
}

tl::unexpected<Error> malformed(const char* what) {
  return fail(ErrorCode::kProtocol, std::string("this is no HTTP/1 message: ") + what);
}

Result<std::optional<Lines>> read_lines(Bytes received) {
  const auto text = as_text(received.first(std::min(received.size(), kMaxHttpHead)));
  Lines out;
  std::size_t at = 0;
  while (true) {
    const auto end = text.find('\n', at);
    if (end == std::string_view::npos) {
      if (received.size() >= kMaxHttpHead) return malformed("its head is too long");
      return std::optional<Lines>{};
    }
    if (end == at || text[end - 1] != '\r') return malformed("a line does not end with CR LF");
    const auto line = text.substr(at, end - 1 - at);
    at = end + 1;
    if (line.find_first_of(std::string_view("\0\r", 2)) != std::string_view::npos)
      return malformed("a control character in its head");
    if (out.start.empty()) {
      if (line.empty()) return malformed("it begins with an empty line");
      out.start = line;
      continue;
    }
    if (line.empty()) break;
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon)))
      return malformed("a field without a name");
    out.fields.push_back(
        {lower(line.substr(0, colon)), std::string(trimmed(line.substr(colon + 1)))});
  }
  out.size = at;
  return std::optional(std::move(out));
}

bool lists(const std::vector<HttpField>& fields, std::string_view name, std::string_view word) {
  for (const auto& field : fields) {
    if (field.name != name) continue;
    std::string_view rest = field.value;
    while (!rest.empty()) {
      const auto comma = rest.find(',');
      if (lower(trimmed(rest.substr(0, comma))) == word) return true;
      rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
    }
  }
  return false;
}

Result<BodyFraming> framing_of(const std::vector<HttpField>& fields, BodyFraming::Kind otherwise) {
  std::optional<std::uint64_t> length;
  bool chunked = false;
  for (const auto& field : fields) {
    if (field.name == "transfer-encoding") {
      if (chunked || lower(field.value) != "chunked") return malformed("unknown transfer coding");
      chunked = true;
    } else if (field.name == "content-length") {
      std::uint64_t value = 0;
      const auto* const last = field.value.data() + field.value.size();
      const auto [end, error] = std::from_chars(field.value.data(), last, value);
      if (error != std::errc{} || end != last || (length && *length != value))
        return malformed("a bad Content-Length");
      length = value;
    }
  }
  if (chunked && length) return malformed("both Content-Length and chunks");
  if (chunked) return BodyFraming{BodyFraming::Kind::kChunked, 0};
  if (length) return BodyFraming{BodyFraming::Kind::kLength, *length};
  return BodyFraming{otherwise, 0};
}

bool read_version(std::string_view text, bool& version_1_1) {
  if (text != "HTTP/1.1" && text != "HTTP/1.0") return false;
  version_1_1 = text.back() == '1';
  return true;
}

bool stays(const std::vector<HttpField>& fields, bool version_1_1) {
  return version_1_1 ? !lists(fields, "connection", "close")
                     : lists(fields, "connection", "keep-alive");
}

}  // namespace

const std::string* ResponseHead::find(std::string_view lower_case_name) const {
  for (const auto& field : fields)
    if (field.name == lower_case_name) return &field.value;
  return nullptr;
}

Result<std::optional<RequestHead>> read_request_head(Bytes received) {
  const auto lines = read_lines(received);
  if (!lines) return fail(lines.error());
  if (!*lines) return std::optional<RequestHead>{};
  const auto start = (*lines)->start;
  const auto first = start.find(' '), last = start.rfind(' ');
  if (first == std::string_view::npos || first == last) return malformed("a bad request line");
  RequestHead head;
  head.method = start.substr(0, first);
  head.target = start.substr(first + 1, last - first - 1);
  const bool printable =
      std::ranges::all_of(head.target, [](char c) { return c > ' ' && c <= '~'; });
  if (!is_token(head.method) || head.target.empty() || !printable ||
      !read_version(start.substr(last + 1), head.version_1_1))
    return malformed("a bad request line");
  const auto body = framing_of((*lines)->fields, BodyFraming::Kind::kNone);
  if (!body) return fail(body.error());
  head.body = *body;
  head.keep_alive = stays((*lines)->fields, head.version_1_1);
  head.size = (*lines)->size;
  return std::optional(std::move(head));
}

Result<std::optional<ResponseHead>> read_response_head(Bytes received) {
  auto lines = read_lines(received);
  if (!lines) return fail(lines.error());
  if (!*lines) return std::optional<ResponseHead>{};
  const auto start = (*lines)->start;
  bool version_1_1 = false;
  ResponseHead head;
  if (start.size() < 12 || !read_version(start.substr(0, 8), version_1_1) || start[8] != ' ' ||
      std::from_chars(start.data() + 9, start.data() + 12, head.status).ptr != start.data() + 12 ||
      head.status < 100 || (start.size() > 12 && start[12] != ' '))
    return malformed("a bad status line");
  if (start.size() > 13) head.reason = start.substr(13);
  const bool empty = head.status < 200 || head.status == 204 || head.status == 304;
  const auto body = framing_of((*lines)->fields, BodyFraming::Kind::kUntilEnd);
  if (!body) return fail(body.error());
  if (!empty) head.body = *body;
  head.keep_alive =
      stays((*lines)->fields, version_1_1) && head.body.kind != BodyFraming::Kind::kUntilEnd;
  head.fields = std::move((*lines)->fields);
  head.size = (*lines)->size;
  return std::optional(std::move(head));
}

}  // namespace culvert::exchange
