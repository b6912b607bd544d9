#include "tunnel/carrier/http_answer.h"

#include <algorithm>
#include <charconv>

#include "tunnel/base/text.h"
#include "tunnel/carrier/opening_layer.h"

namespace culvert::carrier {
namespace {

constexpr std::size_t kMaxHead = 64 * 1024;
constexpr std::size_t kMaxFields = 256;
constexpr std::size_t kMaxLine = 4096;  // of a chunk's size or of a trailer

tl::unexpected<Error> broken(const std::string& what) {
  return fail(ErrorCode::kProtocol, "the answer is not proper HTTP: " + what);
}

std::string lowered(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), ascii_lower);
  return out;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r'))
    text.remove_suffix(1);
  return text;
}

// Up to LF, which is taken off `text` with a CR before it.
std::optional<std::string_view> take_line(std::string_view& text) {
  const auto end = text.find('\n');
  if (end == text.npos) return std::nullopt;
  auto line = text.substr(0, end);
  text.remove_prefix(end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

Result<HttpAnswer> read_status_line(std::string_view line) {
  constexpr std::string_view kVersion = "HTTP/1.";
  if (!line.starts_with(kVersion) || line.size() < 12 || line[8] != ' ' || !is_digit(line[7]))
    return fail(ErrorCode::kProtocol, "no HTTP there: it answered '" + printable(line) + "'");
  HttpAnswer answer;
  answer.minor_version = line[7] - '0';
  const auto code = line.substr(9, 3);
  const bool longer = line.size() > 12 && line[12] != ' ';
  if (!std::ranges::all_of(code, is_digit) || longer || code[0] == '0' || code[0] > '5')
    return broken("'" + printable(line) + "'");
  answer.status = (code[0] - '0') * 100 + (code[1] - '0') * 10 + (code[2] - '0');
  if (line.size() > 13) answer.reason = trim(line.substr(13));
  return answer;
}

Result<void> read_field(std::string_view line, HttpAnswer& answer) {
  if (line.find('\0') != line.npos) return broken("a header has a zero octet");
  if (line.front() == ' ' || line.front() == '\t') {  // RFC 9112 section 5.2: folded
    if (answer.fields.empty()) return broken("its first header begins with a space");
    answer.fields.back().value += " " + std::string(trim(line));
    return {};
  }
  const auto colon = line.find(':');
  if (colon == line.npos || colon == 0) return broken("'" + printable(line) + "' is no header");
  if (answer.fields.size() == kMaxFields) return broken("it has more than 256 headers");
  answer.fields.push_back(
      {lowered(trim(line.substr(0, colon))), std::string(trim(line.substr(colon + 1)))});
  return {};
}

// Where the head ends, or npos.
std::size_t head_end(std::string_view text) {
  for (auto at = text.find('\n'); at != text.npos; at = text.find('\n', at + 1)) {
    if (text.substr(at + 1).starts_with('\n')) return at + 2;
    if (text.substr(at + 1).starts_with("\r\n")) return at + 3;
  }
  return text.npos;
}

}  // namespace

std::vector<std::string_view> HttpAnswer::all(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const auto& field : fields)
    if (field.name == name) values.emplace_back(field.value);
  return values;
}

std::string_view HttpAnswer::first(std::string_view name) const {
  const auto found = std::ranges::find(fields, name, &Field::name);
  return found == fields.end() ? std::string_view{} : std::string_view(found->value);
}

bool HttpAnswer::has_token(std::string_view name, std::string_view token) const {
  for (std::string_view list : all(name)) {
    while (!list.empty()) {
      const auto comma = std::min(list.find(','), list.size());
      if (lowered(trim(list.substr(0, comma))) == token) return true;
      list.remove_prefix(std::min(comma + 1, list.size()));
    }
  }
  return false;
}

bool HttpAnswer::closes() const {
  // Proxies say it in Proxy-Connection, too, though no RFC knows it.
  if (has_token("connection", "close") || has_token("proxy-connection", "close")) return true;
  return minor_version == 0 && !has_token("connection", "keep-alive") &&
         !has_token("proxy-connection", "keep-alive");
}

std::string HttpAnswer::status_line() const {
  return std::to_string(status) + (reason.empty() ? "" : " " + printable(reason));
}

Result<std::optional<HttpAnswer>> parse_http_answer(Bytes received, std::size_t& taken) {
  auto text = as_text(received);
  constexpr std::string_view kBegin = "HTTP/1.";
  const auto known = std::min(text.size(), kBegin.size());
  if (text.substr(0, known) != kBegin.substr(0, known)) {
    const auto line = text.substr(0, std::min(text.find('\n'), text.size()));
    return fail(ErrorCode::kProtocol, "no HTTP there: it answered '" + printable(trim(line)) + "'");
  }
  const auto end = head_end(text);
  if (end == text.npos && text.size() > kMaxHead) return broken("its head is longer than 64 KiB");
  if (end == text.npos) return std::optional<HttpAnswer>{};
  if (end > kMaxHead) return broken("its head is longer than 64 KiB");
  taken = end;
  text = text.substr(0, end);
  auto answer = read_status_line(*take_line(text));
  if (!answer) return fail(answer.error());
  while (const auto line = take_line(text)) {
    if (line->empty()) break;
    CULVERT_RETURN_IF_ERROR(read_field(*line, *answer));
  }
  return std::optional<HttpAnswer>{*std::move(answer)};
}

Result<HttpBody> HttpBody::behind(const HttpAnswer& head) {
  HttpBody body;
  if (head.status < 200 || head.status == 204 || head.status == 304) return body;
  if (!head.first("transfer-encoding").empty()) {
    if (!head.has_token("transfer-encoding", "chunked"))
      return broken("its body is encoded as '" + printable(head.first("transfer-encoding")) + "'");
    body.state_ = State::kChunkSize;
    return body;
  }
  const auto lengths = head.all("content-length");
  if (lengths.empty()) {
    body.state_ = State::kUntilClose;
    return body;
  }
  const auto text = lengths.front();
  if (std::ranges::any_of(lengths, [&](auto other) { return other != text; }))
    return broken("it has two lengths");
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), body.left_);
  if (error != std::errc{} || rest != text.data() + text.size())
    return broken("its length is '" + printable(text) + "'");
  body.state_ = body.left_ == 0 ? State::kEnded : State::kLength;
  return body;
}

Result<std::size_t> HttpBody::skip(Bytes received) {
  switch (state_) {
    case State::kEnded: return 0;
    case State::kUntilClose: return received.size();
    case State::kLength:
    case State::kChunk: {
      const auto count = std::min<std::uint64_t>(left_, received.size());
      left_ -= count;
      if (left_ == 0) state_ = state_ == State::kLength ? State::kEnded : State::kChunkSize;
      return count;
    }
    case State::kChunkSize:
    case State::kTrailer: return skip_line(received);
  }
  return 0;
}

Result<std::size_t> HttpBody::skip_line(Bytes received) {
  auto text = as_text(received);
  const auto line = take_line(text);
  if (!line && received.size() > kMaxLine) return broken("a line of its chunked body is too long");
  if (!line) return 0;
  const auto taken = received.size() - text.size();
  if (state_ == State::kTrailer) {
    if (line->empty()) state_ = State::kEnded;
    return taken;
  }
  if (line->empty()) return taken;  // the end of the chunk before
  const auto size = trim(line->substr(0, line->find(';')));
  const auto [rest, error] = std::from_chars(size.data(), size.data() + size.size(), left_, 16);
  if (error != std::errc{} || rest != size.data() + size.size())
    return broken("a chunk's size is '" + printable(size) + "'");
  state_ = left_ == 0 ? State::kTrailer : State::kChunk;
  return taken;
}

}  // namespace culvert::carrier
