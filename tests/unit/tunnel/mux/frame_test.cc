#include "tunnel/mux/frame.h"

#include <gtest/gtest.h>

#include <random>

namespace culvert::mux {
namespace {

ByteVector bytes_of(const Frame& frame) {
  ByteVector out;
  append_frame(out, frame);
  EXPECT_EQ(out.size(), frame_size(frame));
  return out;
}

TEST(Frame, EveryKindSurvivesTheWire) {
  const ByteVector payload(100, std::byte{7});
  const Frame frames[] = {Open{StreamId{1}, 65536, payload},
                          Data{StreamId{3}, 1u << 20, true, payload},
                          Data{kControlStream, 0, false, {}},
                          Window{StreamId{2}, 1000, 900, true},
                          Reset{StreamId{4}, ErrorCode::kRefused, "why"},
                          Ping{42},
                          Pong{43}};
  for (const auto& frame : frames) {
    const auto wire = bytes_of(frame);
    Bytes in{wire};
    const auto taken = take_frame(in);
    ASSERT_TRUE(taken && *taken);
    EXPECT_TRUE(in.empty());
    EXPECT_EQ(bytes_of(**taken), wire);
  }
}

TEST(Frame, AnEmptyRecordHasNoFrame) {
  Bytes in;
  const auto taken = take_frame(in);
  ASSERT_TRUE(taken);
  EXPECT_FALSE(*taken);
}

TEST(Frame, EveryTruncationIsAnError) {
  const auto wire = bytes_of(Window{StreamId{2}, 1000, 900, false});
  for (std::size_t size = 1; size < wire.size(); ++size) {
    Bytes in = Bytes{wire}.first(size);
    EXPECT_FALSE(take_frame(in)) << size;
  }
}

TEST(Frame, MalformedHeadersAreErrors) {
  const auto refused = [](std::string_view hex) {
    const auto wire = from_hex(hex);
    Bytes in{wire};
    return !take_frame(in);
  };
  EXPECT_TRUE(refused("09 00 0000 00000001 0000000000000000")) << "unknown type";
  EXPECT_TRUE(refused("02 02 0000 00000001 0000000000000000")) << "unknown flag";
  EXPECT_TRUE(refused("02 00 4001 00000001 0000000000000000")) << "payload over 16 KiB";
  EXPECT_TRUE(refused("04 00 0000 00000001 0000000000000000")) << "RESET without a reason code";
  EXPECT_TRUE(refused("04 00 0000 00000001 00000000000000ff")) << "RESET with an unknown code";
  EXPECT_TRUE(refused("05 00 0000 00000001 0000000000000000")) << "PING on a stream";
  EXPECT_TRUE(refused("02 00 0000 00000001 8000000000000000")) << "offset beyond 2^62";
}

}  // namespace
}  // namespace culvert::mux
