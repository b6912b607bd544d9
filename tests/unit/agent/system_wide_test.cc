#include "agent/system_wide.h"

#include <gmock/gmock.h>

#include "agent/ip_packet.h"
#include "agent/syn_catcher.h"
#include "tunnel/base/byte_codec.h"

namespace culvert::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

SystemWide some_setting() {
  SystemWide setting;
  setting.users = {1000, 1001};
  setting.slices = {"user.slice/user-7.slice"};
  setting.socket = "/run/culvert/agent.sock";
  setting.agent_uid = 110;
  setting.pool = *IpPrefix::parse("127.64.0.0/10");
  setting.domains = "example.net";
  setting.name_server = *SocketAddress::parse("127.64.53.0:53");
  return setting;
}

TEST(SystemWide, IsReadAsItWasWritten) {
  auto setting = some_setting();
  EXPECT_EQ(*parse_system_wide(to_text(setting)), setting);
  setting.all = true;
  setting.forwarding = "10.20.0.0/16 !10.0.0.0/8 0.0.0.0/0 ::/0";
  EXPECT_EQ(*parse_system_wide(to_text(setting)), setting);
}

TEST(SystemWide, NamesTheLineThatNobodyHasWritten) {
  const auto text = to_text(some_setting());
  for (const char* line :
       {"USERS=alice", "SLICES=../escape", "SLICES=a\"b", "SLICES=/absolute", "ALL=no",
        "CULVERT_DNS=here", "CULVERT_FORWARD=10.0.0.0/8 x", "ELSE=1", "no equals sign"}) {
    const auto parsed = parse_system_wide(text + line);
    ASSERT_FALSE(parsed) << line;
    EXPECT_THAT(parsed.error().detail, HasSubstr(line));
  }
}

TEST(SystemWide, NeedsAPoolAndAnAgent) {
  EXPECT_FALSE(parse_system_wide(""));
  EXPECT_FALSE(parse_system_wide("ALL=yes\nCULVERT_AGENT=/run/culvert/agent.sock\n"));
  EXPECT_FALSE(parse_system_wide("ALL=yes\nCULVERT_POOL=127.64.0.0/10\n"));
  EXPECT_FALSE(parse_system_wide("CULVERT_AGENT=/a\nCULVERT_POOL=::/10\n"));
}

TEST(SystemWide, MatchesTheChosenAloneAndTheAgentNever) {
  const auto rules = system_wide_rules(some_setting(), "unified/");
  EXPECT_THAT(rules, HasSubstr("meta skuid { 1000, 1001 } jump chosen"));
  EXPECT_THAT(rules, HasSubstr("level 2 \"unified/user.slice/user-7.slice\" jump chosen"));
  const auto own = rules.find("    meta skuid 110 accept\n");
  ASSERT_NE(own, std::string::npos);
  EXPECT_LT(own, rules.find("jump chosen"));
}

TEST(SystemWide, TracksConnectionsOnlyWhereAddressesAreForwarded) {
  auto setting = some_setting();
  setting.name_server.reset();
  EXPECT_FALSE(forwards_addresses(setting));
  EXPECT_THAT(system_wide_rules(setting, ""), Not(HasSubstr("ct mark")));
  setting.forwarding = "::/0 !10.0.0.0/8";
  EXPECT_FALSE(forwards_addresses(setting));
  setting.forwarding = "!10.0.0.0/8 0.0.0.0/0";
  EXPECT_TRUE(forwards_addresses(setting));
  const auto rules = system_wide_rules(setting, "");
  EXPECT_THAT(rules, HasSubstr("ct mark"));
  EXPECT_LT(rules.find("ip daddr 10.0.0.0/8 accept"), rules.find("ip daddr 0.0.0.0/0 tcp"));
}

ByteVector make_syn(std::size_t options, std::uint8_t flags) {
  ByteVector packet;
  put_ip_header(packet, IPPROTO_TCP, 20 + options, *IpAddress::parse("127.0.0.1"),
                *IpAddress::parse("127.64.1.2"));
  Writer writer(packet);
  writer.u16(40'000);
  writer.u16(80);
  writer.u32(0xdeadbeef);
  writer.u32(0);
  writer.u8(static_cast<std::uint8_t>((20 + options) / 4 << 4));
  writer.u8(flags);
  writer.u16(65'535);
  writer.u16(0x1234);  // a checksum that lo has left undone
  writer.u16(0);
  packet.resize(packet.size() + options, std::byte{1});
  return packet;
}

TEST(CaughtSyn, IsWhatTheProgramSentWithATrueChecksumAndNoData) {
  auto packet = make_syn(20, 0x02);
  packet.resize(packet.size() + 10, std::byte{7});
  const auto caught = parse_syn(packet);
  ASSERT_TRUE(caught);
  EXPECT_EQ(caught->syn.program.to_string(), "127.0.0.1:40000");
  EXPECT_EQ(caught->syn.to.to_string(), "127.64.1.2:80");
  EXPECT_EQ(caught->syn.sequence, 0xdeadbeef);
  ASSERT_EQ(caught->packet.size(), 60u);
  EXPECT_EQ(internet_checksum(Bytes{caught->packet}.subspan(12), IPPROTO_TCP + 40), 0);
}

TEST(CaughtSyn, IsNothingThatIsCutShortOrNoSyn) {
  const auto whole = make_syn(20, 0x02);
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(parse_syn(Bytes{whole}.first(size))) << size;
  EXPECT_FALSE(parse_syn(make_syn(0, 0x12)));
  EXPECT_FALSE(parse_syn(make_syn(0, 0x04)));
}

}  // namespace
}  // namespace culvert::agent
