#include "echo_server.h"
#include "ftp_client.h"
#include "service/ftp_data_port.h"
#include "tunnel/loop/forwarding_pipe.h"
#include "tunnel/loop/split_pipe.h"

namespace culvert::service {
namespace {

// An FTP proxy waits to be greeted. Its control connection stays once somebody from there logs in.
TEST(ServiceFtp, GreetsWhoIsSilentAndStaysForADataConnectionThatHasLoggedIn) {
  Limits limits;
  limits.handshake = std::chrono::seconds{3};
  ServiceLab lab({}, limits);
  TestEndpoint endpoint(lab, "a.example.net");
  ASSERT_EQ(endpoint.enrol().refusal, ErrorCode::kNone);
  std::optional<FtpClient> paired, alone;
  for (auto* one : {&paired, &alone}) {
    one->emplace(lab);
    ASSERT_TRUE(lab.until([&] { return (*one)->hears("220 "); }));
    (*one)->say("USER a\r\nPASS b\r\nPASV\r\nRETR c\r\n");
    ASSERT_TRUE(lab.until([&] { return (*one)->hears("150 "); })) << (*one)->heard;
    EXPECT_TRUE((*one)->hears("227 Entering Passive Mode (127,0,0,1,")) << (*one)->heard;
    if (one != &paired) break;
    endpoint.connect();
    ASSERT_TRUE(lab.until([&] { return endpoint.up; }));
  }
  ASSERT_TRUE(lab.until([&] { return alone->ended(); }));
  EXPECT_FALSE(paired->ended());
  paired->say("NOOP\r\nQUIT\r\n");
  EXPECT_TRUE(lab.until([&] { return paired->hears("221 ") && paired->ended(); })) << paired->heard;
}

// As squid's ftp_port does it: each file has a control and a data connection.
struct Half {
  explicit Half(ServiceLab& lab) : control(lab) {}
  FtpClient control;
  std::unique_ptr<loop::TcpSocket> data;
  bool upward = false;
};

std::string folder(unsigned number) {
  const auto digits = std::to_string(number);
  return "CWD /culvert-" + std::string(32 - digits.size(), '7') + digits + "\r\n";
}

struct FtpPair {
  FtpPair(ServiceLab& lab, unsigned number) : lab_(lab), number_(number), random_(number) {}
  void open(Half& half, bool upward) {
    ASSERT_TRUE(lab_.until([&] { return half.control.hears("220 "); }));
    half.control.say(folder(number_) + "EPSV 1\r\n", random_);
    ASSERT_TRUE(lab_.until([&] { return half.control.hears("|)\r\n"); }));
    const bool asks_first = random_() % 2 == 0;
    const auto* const file = upward ? "STOR x\r\n" : "RETR x\r\n";
    if (asks_first) half.control.say(file, random_);
    half.data = half.control.connect_data();
    if (!asks_first) half.control.say(file, random_);
    ASSERT_TRUE(lab_.until([&] { return half.control.hears("150 "); })) << half.control.heard;
  }
  void open() {
    const bool up_first = random_() % 2 == 0;
    for (const bool upward : {up_first, !up_first}) open(upward ? up : down, upward);
  }

 private:
  ServiceLab& lab_;
  unsigned number_;
  std::mt19937 random_;

 public:
  Half down{lab_}, up{lab_};
};

bool ends(loop::TcpSocket& data) {
  std::byte buffer[64];
  const auto got = data.read(buffer);
  using IoState = loop::IoResult::State;
  return got.state == IoState::kEnd || got.state == IoState::kFailed;
}

class Cutting final : public loop::ForwardingPipe {
 public:
  Cutting(std::unique_ptr<loop::BytePipe> under, unsigned seed)
      : ForwardingPipe(std::move(under)), random_(seed) {}
  loop::IoResult read(MutableBytes into) override { return under().read(into.first(some(into))); }
  loop::IoResult write(Bytes from) override { return under().write(from.first(some(from))); }

 private:
  template <class Octets>
  std::size_t some(const Octets& octets) {
    return std::min<std::size_t>(octets.size(), random_() % 40 + 1);
  }
  std::mt19937 random_;
};

TEST(ServiceFtp, MakesACarrierOfTwoFilesHoweverTheirOctetsAreCut) {
  ServiceLab lab({"127.0.0.5/32"});
  EchoServer echo(lab.loop(), "127.0.0.5");
  std::vector<std::unique_ptr<FtpPair>> pairs;
  for (unsigned seed = 0; seed < 8; ++seed)  // greeted all in the same second
    pairs.push_back(std::make_unique<FtpPair>(lab, seed));
  for (unsigned seed = 0; seed < pairs.size(); ++seed) {
    auto& pair = *pairs[seed];
    pair.open();
    TestEndpoint endpoint(lab, "a" + std::to_string(seed) + ".example.net");
    ASSERT_EQ(endpoint.enrol().refusal, ErrorCode::kNone);
    endpoint.connect_by(std::make_unique<Cutting>(
        std::make_unique<loop::SplitPipe>(std::move(pair.down.data), std::move(pair.up.data)),
        seed));
    ASSERT_TRUE(lab.until([&] { return endpoint.up; })) << seed;
    const std::string said(3000 + seed, static_cast<char>('a' + seed));
    endpoint.forward("127.0.0.5", echo.port(), said);
    EXPECT_TRUE(lab.until([&] { return endpoint.received == said; })) << seed;
    EXPECT_FALSE(pair.down.control.ended() || pair.up.control.ended());
  }
}

TEST(ServiceFtp, LetsBothControlConnectionsOfAPairStayOnceItHasLoggedIn) {
  Limits limits;
  limits.handshake = std::chrono::seconds{2};
  ServiceLab lab({}, limits);
  TestEndpoint endpoint(lab, "a.example.net");
  ASSERT_EQ(endpoint.enrol().refusal, ErrorCode::kNone);
  FtpPair pair(lab, 1);
  pair.open();
  endpoint.connect_by(
      std::make_unique<loop::SplitPipe>(std::move(pair.down.data), std::move(pair.up.data)));
  ASSERT_TRUE(lab.until([&] { return endpoint.up; }));
  FtpClient later(lab);
  ASSERT_TRUE(lab.until([&] { return later.hears("220 ") && later.ended(); }));
  EXPECT_FALSE(pair.down.control.ended() || pair.up.control.ended());
}

TEST(ServiceFtp, RefusesASecondFileOfTheSameDirection) {
  ServiceLab lab;
  FtpPair pair(lab, 1);
  Half another(lab);
  pair.open(pair.up, /*upward=*/true);
  pair.open(another, /*upward=*/true);
  EXPECT_TRUE(lab.until([&] { return another.control.ended(); }));
  EXPECT_FALSE(pair.up.control.ended());
}

// Its data connections are the carrier's, so a third file would find none to go with.
TEST(ServiceFtp, MakesNoSecondCarrierOfAPairThatHasLostAFile) {
  ServiceLab lab;
  FtpPair pair(lab, 1);
  Half third(lab);
  pair.open();
  pair.down.control.hang_up();
  EXPECT_TRUE(lab.until([&] { return ends(*pair.up.data); }));
  pair.open(third, /*upward=*/false);
  EXPECT_TRUE(lab.until([&] { return third.control.ended(); }));
  EXPECT_FALSE(pair.up.control.ended());
}

// A carrier that ends before its login frees no place of those that brought it.
TEST(ServiceFtp, CountsControlConnectionsAsStrangersWhateverBecomesOfTheirCarrier) {
  Limits limits;
  limits.unauthenticated_per_address = 2;
  ServiceLab lab({}, limits);
  FtpPair pair(lab, 1);
  pair.open();
  pair.up.data->write(as_bytes(std::string_view("this is nothing that is known\r\n\r\n")));
  EXPECT_TRUE(lab.until([&] { return ends(*pair.down.data); }));
  FtpClient third(lab);
  EXPECT_TRUE(lab.until([&] { return third.ended(); }));
  EXPECT_EQ(third.heard, "");
}

TEST(ServiceFtp, TakesDataFromTheAddressOfTheControlConnectionAlone) {
  ServiceLab lab;
  FtpClient control(lab);
  ASSERT_TRUE(lab.until([&] { return control.hears("220 "); }));
  control.say(folder(1) + "EPSV\r\n");
  ASSERT_TRUE(lab.until([&] { return control.hears("|)\r\n"); }));
  EXPECT_GE(control.data_port(), 1024);
  auto other = control.connect_data(INADDR_LOOPBACK + 1);
  EXPECT_TRUE(lab.until([&] { return ends(*other); }));
  auto own = control.connect_data();
  control.say("RETR x\r\n");
  EXPECT_TRUE(lab.until([&] { return control.hears("150 "); }));
  EXPECT_FALSE(ends(*own));
}

TEST(FtpDataPort, OpensPortsOfItsRangeAlone) {
  loop::Loop loop;
  SystemRandom random;
  struct Nobody final : FtpDataPort::Listener {
    void on_data(std::unique_ptr<loop::BytePipe>) override {}
  } nobody;
  const auto here = *IpAddress::parse("127.0.0.1");
  FtpDataPort first(loop, here, nobody), second(loop, here, nobody);
  const auto port = first.open({here, 0, 0}, random);
  ASSERT_TRUE(port);
  EXPECT_FALSE(second.open({here, *port, *port}, random));
  for (int i = 0; i < 20; ++i) {
    const auto last = static_cast<std::uint16_t>(std::min(65535, *port + 9));
    const auto another = second.open({here, *port, last}, random);
    if (another) {
      EXPECT_GT(*another, *port);
      EXPECT_LE(*another, last);
    }
  }
}

}  // namespace
}  // namespace culvert::service
