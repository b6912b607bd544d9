// What a gateway says of itself by SSDP, and what culvert-igd is told and answers.
#include <gtest/gtest.h>

#include "tunnel/portmap/igd_answer.h"
#include "tunnel/portmap/ssdp.h"

namespace culvert::portmap {
namespace {

const IpAddress kGateway = IpAddress::v4(0x0a010001);

Result<std::string> decode(const std::string& location,
                           const std::string& type =
                               "urn:schemas-"
                               "upnp-org:device:InternetGatewayDevice:1",
                           const std::string& first = "HTTP/1.1 200 OK") {
  const auto text = first + "\r\nCache-Control: max-age=120\r\nst: " + type +
                    "\r\nLOCATION:  " + location + " \r\nSERVER: Debian\r\n\r\n";
  return decode_igd_answer(as_bytes(text), kGateway);
}

TEST(Ssdp, TheQuestionIsASearchForAGateway) {
  const auto octets = encode_igd_search(kGateway);
  const std::string text(as_text(octets));
  EXPECT_TRUE(text.starts_with("M-SEARCH * HTTP/1.1\r\nHOST: 10.1.0.1:1900\r\n")) << text;
  EXPECT_TRUE(text.ends_with("\r\n\r\n"));
}

TEST(Ssdp, TheDescriptionOfTheGatewayIsFound) {
  const auto url = decode("http://10.1.0.1:5000/rootDesc.xml");
  ASSERT_TRUE(url) << url.error().detail;
  EXPECT_EQ(*url, "http://10.1.0.1:5000/rootDesc.xml");
  const auto parts = parse_gateway_url(*url, kGateway);
  ASSERT_TRUE(parts);
  EXPECT_EQ(parts->port, 5000);
  EXPECT_EQ(parts->path, "/rootDesc.xml");
  EXPECT_EQ(parse_gateway_url("HTTP://10.1.0.1", kGateway)->path, "/");
}

TEST(Ssdp, NobodyIsLedToAnotherMachine) {
  for (const char* url :
       {"http://10.1.0.7:5000/x", "http://localhost/x", "http://10.1.0.1@10.1.0.7/x",
        "http://10.1.0.1.example.net/x", "https://10.1.0.1/x", "ftp://10.1.0.1/x", "/x", "",
        "http://10.1.0.1:0/x", "http://10.1.0.1:65536/x", "http://10.1.0.1:8x/x", "http://[::1]/x",
        "http://10.1.0.1/a b", "http://10.1.0.1/\x01", "http://010.1.0.1/x"})
    EXPECT_FALSE(decode(url)) << url;
  EXPECT_FALSE(decode("http://10.1.0.1/" + std::string(300, 'x')));
}

TEST(Ssdp, OtherDevicesAndOtherMessagesAreNoGateways) {
  EXPECT_FALSE(decode("http://10.1.0.1/x", "upnp:rootdevice"));
  EXPECT_FALSE(
      decode("http://10.1.0.1/x", "urn:x:device:InternetGatewayDevice:1", "NOTIFY * HTTP/1.1"));
  EXPECT_FALSE(
      decode("http://10.1.0.1/x", "urn:x:device:InternetGatewayDevice:1", "HTTP/1.1 404 No"));
  EXPECT_FALSE(decode_igd_answer(ByteVector(4096, std::byte{'A'}), kGateway));
}

TEST(IgdWords, ATaskIsUnderstoodAsItWasMeant) {
  const IgdTask task{"http://10.1.0.1:5000/rootDesc.xml",
                     {kGateway, IpAddress::v4(0x0a010002)},
                     {Protocol::kUdp, 7443},
                     40000,
                     7200};
  const auto read = task_of(words_of(task));
  ASSERT_TRUE(read) << read.error().detail;
  EXPECT_EQ(*read, task);
  auto words = words_of(task);
  words[0] = "http://10.1.0.9/";
  EXPECT_FALSE(task_of(words));
  words = words_of(task);
  words[5] = "70000";
  EXPECT_FALSE(task_of(words));
  words.pop_back();
  EXPECT_FALSE(task_of(words));
}

TEST(IgdWords, AnAnswerIsOneLineAndNothingElse) {
  const IgdAnswer answer{{IpAddress::v4(0xc6336407), 40000}, 7200};
  const auto read = answer_of(to_line(answer));
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, answer);
  EXPECT_EQ(answer_of(to_line(fail(ErrorCode::kRefused, "error 718"))).error().detail, "error 718");
  EXPECT_EQ(answer_of("failed \x1b[31m\n").error().detail, "?[31m");
  for (const char* line :
       {"", "mapped", "mapped \n", "mapped 198.51.100.7:40000\n", "mapped 198.51.100.7:0 7200\n",
        "mapped 198.51.100.7:40000 -1\n", "mapped 198.51.100.7:40000 7200", "deleted\n"}) {
    const auto other = answer_of(line);
    ASSERT_FALSE(other) << line;
    EXPECT_EQ(other.error().code, ErrorCode::kProtocol) << line;
  }
}

}  // namespace
}  // namespace culvert::portmap
