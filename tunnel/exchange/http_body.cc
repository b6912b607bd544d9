#include "tunnel/exchange/http_body.h"

#include <algorithm>

namespace culvert::exchange {
namespace {

constexpr std::size_t kMaxChunkLine = 256;
constexpr std::size_t kMaxTrailer = 4096;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

tl::unexpected<Error> broken() {
  return fail(ErrorCode::kProtocol, "the chunks of an HTTP body are broken");
}

}  // namespace

BodyReader::BodyReader(const BodyFraming& framing) {
  using Kind = BodyFraming::Kind;
  switch (framing.kind) {
    case Kind::kNone: break;
    case Kind::kLength:
      left_ = framing.length;
      if (left_ != 0) state_ = State::kCounted;
      break;
    case Kind::kChunked:
      chunked_ = true;
      state_ = State::kChunkSize;
      break;
    case Kind::kUntilEnd: state_ = State::kUntilEnd; break;
  }
}

bool BodyReader::end() {
  if (state_ == State::kUntilEnd) state_ = State::kComplete;
  return complete();
}

Result<BodyReader::Step> BodyReader::step(Bytes received) {
  if (received.empty()) return Step{};
  switch (state_) {
    case State::kComplete: return Step{};
    case State::kUntilEnd: return Step{received.size(), received};
    case State::kCounted: {
      const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, received.size()));
      left_ -= count;
      if (left_ == 0) {
        state_ = chunked_ ? State::kChunkEnd : State::kComplete;
        saw_cr_ = false;
      }
      return Step{count, received.first(count)};
    }
    case State::kChunkSize:
    case State::kChunkExtension:
    case State::kChunkEnd:
    case State::kTrailer: break;
  }
  return chunk_line(received);
}

// Everything between the chunks' content, octet by octet (RFC 9112 section 7.1).
Result<BodyReader::Step> BodyReader::chunk_line(Bytes received) {
  std::size_t taken = 0;
  while (taken < received.size() && state_ != State::kComplete && state_ != State::kCounted) {
    const char c = static_cast<char>(received[taken++]);
    if (++overhead_ > (state_ == State::kTrailer ? kMaxTrailer : kMaxChunkLine)) return broken();
    if (saw_cr_ && c != '\n') return broken();
    if (c == '\r') {
      if (state_ == State::kChunkSize && !saw_digit_) return broken();
      saw_cr_ = true;
      continue;
    }
    const bool line_end = c == '\n';
    if (line_end && !saw_cr_) return broken();
    saw_cr_ = false;
    if (state_ == State::kChunkEnd) {
      if (!line_end) return broken();
      state_ = State::kChunkSize;
      overhead_ = 0;
      left_ = 0;
      saw_digit_ = false;
    } else if (state_ == State::kTrailer) {
      if (line_end && line_empty_) state_ = State::kComplete;
      line_empty_ = line_end;
    } else if (line_end) {
      state_ = left_ != 0 ? State::kCounted : State::kTrailer;
      overhead_ = 0;
      line_empty_ = true;
    } else if (state_ == State::kChunkSize) {
      if (const int digit = hex_value(c); digit >= 0) {
        if (left_ >> 56 != 0) return broken();
        left_ = left_ << 4 | static_cast<std::uint64_t>(digit);
        saw_digit_ = true;
      } else {
        if (!saw_digit_ || (c != ';' && c != ' ' && c != '\t')) return broken();
        state_ = State::kChunkExtension;
      }
    }
  }
  return Step{taken, {}};
}

}  // namespace culvert::exchange
