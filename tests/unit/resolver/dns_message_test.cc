#include "resolver/dns_message.h"

#include <gtest/gtest.h>

#include <random>

#include "tunnel/base/byte_codec.h"

namespace culvert::resolver {
namespace {

// id 0x4711, RD, one question for `name` as it stands.
ByteVector question(std::string_view name, std::uint16_t type = dns::kA,
                    std::uint16_t additional = 0) {
  ByteVector out;
  Writer writer(out);
  writer.u16(0x4711);
  writer.u16(0x0100);
  writer.u16(1);
  writer.u32(0);
  writer.u16(additional);
  while (!name.empty()) {
    const auto label = name.substr(0, name.find('.'));
    writer.u8(static_cast<std::uint8_t>(label.size()));
    writer.bytes(as_bytes(label));
    name.remove_prefix(std::min(name.size(), label.size() + 1));
  }
  writer.u8(0);
  writer.u16(type);
  writer.u16(dns::kInternet);
  return out;
}

void put_opt(ByteVector& out, std::uint16_t size, std::uint32_t flags = 0) {
  Writer writer(out);
  writer.u8(0);
  writer.u16(dns::kOpt);
  writer.u16(size);
  writer.u32(flags);
  writer.u16(0);
}

std::uint16_t word(Bytes message, std::size_t at) { return load_be<std::uint16_t>(&message[at]); }

TEST(DnsMessage, ReadsAQuestionAndKeepsItsCase) {
  const auto message = question("WeB.Example.NET");
  const auto query = parse_dns_query(message);
  ASSERT_TRUE(query);
  EXPECT_EQ(query->fault, Rcode::kNoError);
  EXPECT_EQ(query->name, "web.example.net");
  const auto answer = make_dns_address(*query, IpAddress::v4(0x7f400102));
  EXPECT_EQ(word(answer, 0), 0x4711);
  EXPECT_EQ(word(answer, 2), 0x8580);  // QR, AA, RD, RA
  EXPECT_NE(as_text(answer).find("WeB"), std::string_view::npos);
  EXPECT_EQ(as_text(answer).substr(answer.size() - 4), std::string_view("\x7f\x40\x01\x02", 4));
}

TEST(DnsMessage, SaysNoWithTheZoneSoThatNobodyRemembersIt) {
  const auto query = parse_dns_query(question("gone.site.example.net"));
  const auto answer = make_dns_answer(*query, Rcode::kNoSuchName, "example.net");
  EXPECT_EQ(rcode_of(answer), Rcode::kNoSuchName);
  EXPECT_EQ(word(answer, 8), 1);
  const auto at = word(answer, dns::kHeader + query->question.size()) & 0x3fff;
  EXPECT_EQ(as_text(answer).substr(static_cast<std::size_t>(at), 8), "\7example");
  EXPECT_EQ(load_be<std::uint32_t>(&answer[answer.size() - 4]), 0u);
  EXPECT_EQ(word(make_dns_answer(*query, Rcode::kNoSuchName, "example.org"), 8), 0);
}

TEST(DnsMessage, AnswersEdnsInKindAndRefusesAnotherVersion) {
  auto message = question("a.example", dns::kA, 1);
  put_opt(message, 4096, 0x8000);
  const auto query = parse_dns_query(message);
  ASSERT_TRUE(query);
  EXPECT_TRUE(query->has_edns && query->dnssec_ok);
  EXPECT_EQ(query->most_octets, dns::kLargestUdp);
  EXPECT_EQ(word(make_dns_answer(*query, Rcode::kNoError), 10), 1);

  message = question("a.example", dns::kA, 1);
  put_opt(message, 512, 1u << 16);
  EXPECT_EQ(parse_dns_query(message)->fault, Rcode::kBadVersion);
}

TEST(DnsMessage, CutsWhatDoesNotFitAndSaysSo) {
  auto message = question("a.example", dns::kA, 1);
  put_opt(message, 600);
  const auto query = parse_dns_query(message);
  ByteVector large(601, std::byte{0});
  store_be(large.data() + 2, std::uint16_t{0x8180});
  EXPECT_EQ(fit_dns_answer(*query, ByteVector(600)).size(), 600u);
  const auto cut = fit_dns_answer(*query, large);
  EXPECT_LT(cut.size(), 100u);
  EXPECT_EQ(word(cut, 2), 0x8380);
  EXPECT_EQ(word(cut, 4), 1);
  EXPECT_EQ(word(cut, 6), 0);
}

TEST(DnsMessage, NeverAnswersAnAnswer) {
  auto message = question("a.example");
  message[2] |= std::byte{0x80};
  EXPECT_FALSE(parse_dns_query(message));
  EXPECT_FALSE(parse_dns_query(Bytes{message}.first(11)));
}

TEST(DnsMessage, NamesWhatIsWrongWithAQuestion) {
  const auto fault = [](ByteVector message) { return parse_dns_query(message)->fault; };
  auto message = question("a.example");
  message[2] = std::byte{0x28};  // UPDATE
  EXPECT_EQ(fault(message), Rcode::kNotImplemented);
  for (const std::size_t count_at : {4u, 6u, 8u, 10u}) {
    message = question("a.example");
    message[count_at + 1] = std::byte{2};
    EXPECT_EQ(fault(message), Rcode::kFormatError) << count_at;
  }
  message = question("a.example");
  message[12] = std::byte{0xc0};  // points somewhere
  EXPECT_EQ(fault(message), Rcode::kFormatError);
  message = question("a.example");
  message.push_back(std::byte{0});
  EXPECT_EQ(fault(message), Rcode::kFormatError);
  message.resize(message.size() - 2);
  EXPECT_EQ(fault(message), Rcode::kFormatError);
  message = question("a.example", dns::kA, 2);
  put_opt(message, 512);
  put_opt(message, 512);
  EXPECT_EQ(fault(message), Rcode::kFormatError);
}

TEST(DnsMessage, ShowsOctetsThatNoHostNameHas) {
  EXPECT_EQ(parse_dns_query(question("a b\x01.example.net"))->name, "a?b?.example.net");
}

TEST(DnsMessage, ReadsTheNamesOfAddresses) {
  EXPECT_EQ(address_of_pointer_name("4.3.2.1.in-addr.arpa"), IpAddress::v4(0x01020304));
  for (const auto* name : {"3.2.1.in-addr.arpa", "4.3.2.1", "a.3.2.1.in-addr.arpa",
                           "4.3.2.1.0.in-addr.arpa", "256.3.2.1.in-addr.arpa", ""})
    EXPECT_FALSE(address_of_pointer_name(name)) << name;
}

TEST(DnsMessage, SurvivesEveryCutAndEveryChangedOctet) {
  auto message = question("web.example.net", dns::kAny, 1);
  put_opt(message, 1400);
  for (std::size_t size = 0; size < message.size(); ++size)
    (void)parse_dns_query(Bytes{message}.first(size));
  std::mt19937 random(7);
  for (int i = 0; i < 20'000; ++i) {
    auto changed = message;
    for (int n = 0; n < 3; ++n)
      changed[random() % changed.size()] = static_cast<std::byte>(random());
    const auto query = parse_dns_query(changed);
    if (!query) continue;
    EXPECT_LE(make_dns_answer(*query, query->fault, "example.net").size(), dns::kSmallestUdp);
  }
}

}  // namespace
}  // namespace culvert::resolver
