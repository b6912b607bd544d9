#include "agent/shim_question.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstring>

#include "agent/failure_memory.h"
#include "agent/refusal.h"
#include "tunnel/base/byte_codec.h"

namespace culvert::agent {
namespace {

culvert_question_packet packet_of(culvert_question kind) {
  culvert_question_packet packet{};
  packet.magic = CULVERT_WIRE_MAGIC;
  packet.version = CULVERT_WIRE_VERSION;
  packet.kind = static_cast<std::uint16_t>(kind);
  return packet;
}

Result<ShimQuestion> parse(const culvert_question_packet& packet) {
  return parse_question(std::as_bytes(std::span{&packet, 1}));
}

culvert_question_packet connect_to(std::uint16_t family) {
  auto packet = packet_of(CULVERT_ASK_CONNECT);
  packet.cookie = 7;
  packet.family = family;
  packet.port = 443;
  const std::uint8_t mapped[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 64, 3, 9};
  if (family == AF_INET6) {
    std::memcpy(&packet.address[0], &mapped[0], 16);
  } else {
    std::memcpy(&packet.address[0], &mapped[12], 4);
  }
  return packet;
}

TEST(ShimQuestion, TakesAMappedAddressForTheIpv4AddressItIs) {
  for (const std::uint16_t family : {std::uint16_t{AF_INET}, std::uint16_t{AF_INET6}}) {
    const auto question = parse(connect_to(family));
    ASSERT_TRUE(question) << question.error().detail;
    EXPECT_EQ(question->address.to_string(), "127.64.3.9:443");
    EXPECT_EQ(question->cookie, 7u);
  }
}

TEST(ShimQuestion, LeavesOtherIpv6AddressesAsTheyAre) {
  auto packet = connect_to(AF_INET6);
  const std::uint8_t translated[16] = {0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, 192, 0, 2, 1};
  std::memcpy(&packet.address[0], &translated[0], 16);
  const auto question = parse(packet);
  ASSERT_TRUE(question);
  EXPECT_EQ(question->address.to_string(), "[64:ff9b::c000:201]:443");
}

TEST(ShimQuestion, RefusesWhatTheShimWouldNotSend) {
  EXPECT_FALSE(parse_question({}));
  auto packet = connect_to(AF_INET);
  EXPECT_FALSE(parse_question(std::as_bytes(std::span{&packet, 1}).first(100)));
  packet.cookie = 0;
  EXPECT_FALSE(parse(packet));
  packet = connect_to(AF_INET);
  packet.port = 0;
  EXPECT_FALSE(parse(packet));
  packet = connect_to(AF_UNIX);
  EXPECT_FALSE(parse(packet));
  packet = packet_of(CULVERT_ASK_NAME);
  EXPECT_FALSE(parse(packet)) << "no name";
  std::memset(&packet.name[0], 'a', sizeof packet.name);
  EXPECT_FALSE(parse(packet)) << "a name without its end";
  packet = packet_of(CULVERT_ASK_WHY);
  EXPECT_FALSE(parse(packet)) << "no host";
  packet = packet_of(CULVERT_ASK_AGENT);
  EXPECT_TRUE(parse(packet));
  packet.kind = 0;
  EXPECT_FALSE(parse(packet));
  packet.kind = CULVERT_ASK_WHY + 1;
  EXPECT_FALSE(parse(packet));
  packet = packet_of(CULVERT_ASK_AGENT);
  packet.version = CULVERT_WIRE_VERSION + 1;
  const auto other = parse(packet);
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().detail.find("one release"), std::string::npos);
}

TEST(ShimQuestion, CutsAnAnswersNameToItsField) {
  const auto answer = make_answer(CULVERT_FOUND, {}, std::string(1000, 'x'));
  EXPECT_EQ(answer.name[sizeof answer.name - 1], '\0');
  EXPECT_EQ(make_error_answer(CULVERT_FAIL, 111).error, 111);
}

TEST(FailureMemory, RemembersForSomeTimeAndForgetsTheOldestFirst) {
  FailureMemory memory;
  const TimePoint start{};
  memory.remember(1, 110, start);
  memory.remember(1, 113, start);
  EXPECT_EQ(memory.ask(1, start), 113);
  EXPECT_EQ(memory.ask(2, start), std::nullopt);
  EXPECT_EQ(memory.ask(1, start + FailureMemory::kKeepFor), 113);
  EXPECT_EQ(memory.ask(1, start + FailureMemory::kKeepFor + Duration{1}), std::nullopt);
  for (std::uint64_t cookie = 1; cookie <= FailureMemory::kMost + 10; ++cookie)
    memory.remember(cookie, 111, start);
  EXPECT_EQ(memory.size(), FailureMemory::kMost);
  EXPECT_EQ(memory.ask(10, start), std::nullopt);
  EXPECT_EQ(memory.ask(11, start), 111);
}

// RFC 1071: the sum over a correct part, its checksum included, is all ones.
std::uint16_t sum_of(Bytes bytes, std::uint32_t sum = 0) {
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2)
    sum += load_be<std::uint16_t>(bytes.data() + i);
  while ((sum >> 16) != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

TEST(Refusal, ForgesPacketsWithRightChecksums) {
  const HeldSyn syn{
      {IpAddress::v4(INADDR_LOOPBACK), 40'000}, {IpAddress::v4(0x7f400309), 443}, 0xffffffff};
  const auto reset = make_reset(syn);
  ASSERT_EQ(reset.size(), 40u);
  EXPECT_EQ(sum_of(Bytes{reset}.first(20)), 0xffff);
  EXPECT_EQ(sum_of(Bytes{reset}.subspan(12), IPPROTO_TCP + 20), 0xffff);
  EXPECT_EQ(load_be<std::uint32_t>(reset.data() + 28), 0u) << "sequence + 1, round the corner";
  const auto unreachable = make_unreachable(syn, IcmpUnreachable::kHost);
  ASSERT_EQ(unreachable.size(), 56u);
  EXPECT_EQ(sum_of(Bytes{unreachable}.subspan(20)), 0xffff);
  EXPECT_EQ(load_be<std::uint16_t>(unreachable.data() + 20), 0x0301);
  EXPECT_EQ(load_be<std::uint32_t>(unreachable.data() + 52), 0xffffffffu);
}

}  // namespace
}  // namespace culvert::agent
