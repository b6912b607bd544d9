// RFC 4571 framing, whole and in pieces.
#include "tunnel/flow/media_frames.h"

#include <gtest/gtest.h>

#include <random>

namespace culvert::flow {
namespace {

void feed(MediaFrames& frames, Bytes octets) {
  const auto room = frames.prepare(octets.size());
  std::copy(octets.begin(), octets.end(), room.begin());
  frames.commit(octets.size());
}

TEST(MediaFrames, APacketGoesBehindItsLengthInNetworkOrder) {
  EXPECT_EQ(to_hex(media_frame(as_bytes("abc"))), "0003616263");
  EXPECT_EQ(to_hex(media_frame(ByteVector(0x1234))).substr(0, 4), "1234");
  EXPECT_EQ(media_frame(ByteVector(kMostMedia)).size(), kMostMedia + 2);
}

TEST(MediaFrames, FramesWithoutAPacketArePassedOver) {
  MediaFrames frames;
  feed(frames, from_hex("0000 0000 0001 41 0000"));
  ASSERT_TRUE(frames.next());
  EXPECT_EQ(frames.next(), std::nullopt);
}

TEST(MediaFrames, PacketsComeOutWholeHoweverTheyArrive) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::vector<ByteVector> sent;
  ByteVector wire;
  for (int i = 0; i < 200; ++i) {
    const std::size_t size = i == 100 ? kMostMedia : 1 + random() % 1500;
    sent.emplace_back(size, static_cast<std::byte>(random()));
    append(wire, media_frame(sent.back()));
  }
  MediaFrames frames;
  std::vector<ByteVector> got;
  for (std::size_t at = 0; at < wire.size();) {
    const auto count = std::min<std::size_t>(wire.size() - at, 1 + random() % 3000);
    feed(frames, Bytes(wire).subspan(at, count));
    at += count;
    while (const auto packet = frames.next()) got.emplace_back(packet->begin(), packet->end());
  }
  EXPECT_EQ(got, sent);
}

}  // namespace
}  // namespace culvert::flow
