// Frames of a hostile media peer, in pieces: what comes out says the same when it is framed again.
#include <algorithm>
#include <cstdlib>

#include "tunnel/flow/media_frames.h"

using namespace culvert;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const auto input = std::as_bytes(std::span{data + 1, size - 1});
  const std::size_t piece = 1 + data[0];
  flow::MediaFrames frames;
  ByteVector again;
  for (std::size_t at = 0; at < input.size(); at += piece) {
    const auto part = input.subspan(at, std::min(piece, input.size() - at));
    std::ranges::copy(part, frames.prepare(part.size()).begin());
    frames.commit(part.size());
    while (const auto packet = frames.next()) append(again, flow::media_frame(*packet));
  }
  // All but empty frames and the last, incomplete one.
  std::size_t at = 0;
  for (std::size_t in = 0; in + 2 <= input.size();) {
    const auto length =
        std::to_integer<std::size_t>(input[in]) << 8 | std::to_integer<std::size_t>(input[in + 1]);
    if (length > input.size() - in - 2) break;
    if (length != 0) {
      const auto frame = input.subspan(in, 2 + length);
      if (at + frame.size() > again.size() ||
          !std::ranges::equal(frame, Bytes(again).subspan(at, frame.size())))
        std::abort();
      at += frame.size();
    }
    in += 2 + length;
  }
  if (at != again.size()) std::abort();
  return 0;
}
