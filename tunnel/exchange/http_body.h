// tunnel/exchange/http_body.h: takes the content out of an HTTP/1 body, however it is framed and
// however it was cut. Keeps nothing of it. Sans-IO.
#pragma once
#include "tunnel/exchange/http_head.h"

namespace culvert::exchange {

class BodyReader {
 public:
  BodyReader() = default;  // no body: complete
  explicit BodyReader(const BodyFraming& framing);

  struct Step {
    std::size_t taken = 0;
    Bytes content;  // a part of what was taken
  };
  // Call again while something was taken and not complete(). kProtocol: broken chunks.
  Result<Step> step(Bytes received);
  bool complete() const { return state_ == State::kComplete; }
  // The connection ended. True: so did the body, in order.
  bool end();

 private:
  enum class State : std::uint8_t {
    kComplete,
    kCounted,  // `left_` octets of a body, or of a chunk
    kUntilEnd,
    kChunkSize,
    kChunkExtension,  // up to the end of the line
    kChunkEnd,        // CR LF behind a chunk
    kTrailer,
  };
  Result<Step> chunk_line(Bytes received);

  State state_ = State::kComplete;
  bool chunked_ = false;
  bool saw_digit_ = false, saw_cr_ = false, line_empty_ = true;
  std::uint64_t left_ = 0;
  std::size_t overhead_ = 0;  // octets of a chunk's size line, or of the trailer
};

}  // namespace culvert::exchange
