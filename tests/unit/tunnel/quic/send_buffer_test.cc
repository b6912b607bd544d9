#include "tunnel/quic/send_buffer.h"

#include <gtest/gtest.h>

#include <random>

namespace culvert::quic {
namespace {

TEST(SendBuffer, OctetsStayWhereTheyAreUntilTheyAreAcknowledged) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 engine(seed);
  const auto below = [&](std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(engine);
  };
  SendBuffer buffer;
  struct Sent {
    const std::byte* at;
    std::size_t count;
    std::uint64_t offset;
  };
  std::vector<Sent> sent;
  std::uint64_t written = 0, offset = 0, acknowledged = 0;
  for (int i = 0; i < 20'000; ++i) {
    ByteVector data(1 + below(3000));
    for (std::size_t k = 0; k < data.size(); ++k) data[k] = static_cast<std::byte>(written + k);
    written += buffer.write(data);
    const auto next = buffer.next();
    const auto count = below(next.octets() + 1);
    const auto first = std::min(count, next.piece[0].size());
    if (first > 0) sent.push_back({next.piece[0].data(), first, offset});
    if (count > first) sent.push_back({next.piece[1].data(), count - first, offset + first});
    buffer.sent(count);
    offset += count;
    if (below(3) == 0) {
      acknowledged += below(offset - acknowledged + 1);
      buffer.acknowledged(acknowledged);
      std::erase_if(sent, [&](const Sent& one) { return one.offset + one.count <= acknowledged; });
    }
    if (sent.empty()) continue;
    const auto& one = sent[below(sent.size())];
    const auto k = one.count - 1;
    ASSERT_EQ(one.at[k], static_cast<std::byte>(one.offset + k));
  }
  EXPECT_EQ(buffer.held(), written - acknowledged);
  EXPECT_LE(buffer.unsent(), SendBuffer::kMostUnsent);
}

TEST(SendBuffer, TakesNoMoreThanHasRoom) {
  SendBuffer buffer;
  const ByteVector much(2 * SendBuffer::kMostUnsent);
  EXPECT_EQ(buffer.write(much), SendBuffer::kMostUnsent);
  EXPECT_EQ(buffer.write(much), 0u);
  buffer.sent(buffer.next().octets());
  EXPECT_EQ(buffer.write(much), SendBuffer::kMostPieces * SendBuffer::kBlock);
}

}  // namespace
}  // namespace culvert::quic
