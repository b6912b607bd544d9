// A dial against proxies that are scripts behind a real socket.
#include "tunnel/carrier/carrier_dial.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "tunnel/carrier/proxy_trust.h"

namespace culvert::carrier {
namespace {

// Takes one connection after the other: hears a head, says the next answer, ends where told to.
class ScriptedProxy {
 public:
  struct Step {
    std::string answer;
    bool ends = false;  // the connection, behind the answer
  };
  explicit ScriptedProxy(std::vector<Step> steps) : steps_(std::move(steps)) {
    listener_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    EXPECT_EQ(::listen(listener_.get(), 8), 0);
    EXPECT_EQ(::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&at), &size), 0);
    address_ = SocketAddress::from(reinterpret_cast<sockaddr*>(&at));
    thread_ = std::thread([this] { serve(); });
  }
  ~ScriptedProxy() { finish(); }
  const SocketAddress& address() const { return address_; }
  std::vector<std::string> heard() {  // ends it
    finish();
    return heard_;
  }

 private:
  void finish() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
  }
  void serve() {
    UniqueFd peer;
    for (const auto& step : steps_) {
      if (!peer) peer = UniqueFd(::accept(listener_.get(), nullptr, nullptr));
      std::string request;
      char octet = 0;
      while (!request.ends_with("\r\n\r\n") && ::recv(peer.get(), &octet, 1, 0) == 1)
        request += octet;
      if (request.empty()) return;
      heard_.push_back(request);
      (void)::send(peer.get(), step.answer.data(), step.answer.size(), MSG_NOSIGNAL);
      if (step.ends) peer.reset();
    }
    char rest = 0;
    while (peer && ::recv(peer.get(), &rest, 1, 0) == 1) {
    }
  }

  std::vector<Step> steps_;
  UniqueFd listener_;
  SocketAddress address_;
  std::vector<std::string> heard_;
  std::thread thread_;
};

struct Outcome {
  std::unique_ptr<loop::BytePipe> pipe;
  Error why;
};

struct Caller final : CarrierDial::Listener {
  explicit Caller(loop::Loop& loop) : loop_(loop) {}
  void on_carrier(CarrierDial&, std::unique_ptr<loop::BytePipe> got, const Error& reason) override {
    outcome = {std::move(got), reason};
    loop_.stop();
  }
  Outcome outcome;

 private:
  loop::Loop& loop_;
};

class CarrierDialing : public testing::Test {
 protected:
  Outcome dial(const ScriptedProxy& proxy, const char* recipe, bool trusted,
               std::chrono::seconds limit = std::chrono::seconds{20},
               const char* url = "http://ann:secret@127.0.0.1:1", TicketSource* tickets = nullptr) {
    Way way{
        find_recipe(recipe), *parse_proxy(url), {"service.example.net", 443}, proxy.address(), {}};
    way.proxy->trusted = trusted;
    Caller caller(loop_);
    ProxyTrust trust({}, random_);
    const CarrierDial dial(loop_, way, {*tls_, random_, {}, &trust, tickets}, limit, caller);
    loop_.run();
    return std::move(caller.outcome);
  }

  SystemRandom random_;
  loop::Loop loop_;
  Result<TlsClientContext> tls_ = TlsClientContext::make({{"http/1.1"}, ""}, random_);
};

constexpr const char* kQuestion =
    "HTTP/1.1 407 x\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 2\r\n\r\nhi";
constexpr const char* kGood = "HTTP/1.1 200 OK\r\n\r\n";

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

TEST_F(CarrierDialing, GivesThePipeBelowWhenTheProxyHasAgreed) {
  ScriptedProxy proxy({{kGood}});
  const auto caller = dial(proxy, "connect", true);
  ASSERT_NE(caller.pipe, nullptr) << caller.why.detail;
  EXPECT_EQ(caller.pipe->write(as_bytes("x")).count, 1u);
}

TEST_F(CarrierDialing, SendsCredentialsToATrustedProxyThatAsks) {
  ScriptedProxy proxy({{kQuestion}, {kGood}});
  auto caller = dial(proxy, "connect", true);
  EXPECT_NE(caller.pipe, nullptr) << caller.why.detail;
  caller.pipe.reset();
  const auto heard = proxy.heard();
  ASSERT_EQ(heard.size(), 2u);
  EXPECT_FALSE(has(heard[0], "Authorization"));
  EXPECT_TRUE(has(heard[1], "Proxy-Authorization: Basic YW5uOnNlY3JldA=="));
}

TEST_F(CarrierDialing, DialsAgainForAProxyThatEndsTheConnectionWithItsQuestion) {
  ScriptedProxy proxy(
      {{"HTTP/1.0 407 x\r\nProxy-Authenticate: Basic\r\n\r\nhello", true}, {kGood}});
  auto caller = dial(proxy, "connect", true);
  EXPECT_NE(caller.pipe, nullptr) << caller.why.detail;
  caller.pipe.reset();
  EXPECT_EQ(proxy.heard().size(), 2u);
}

TEST_F(CarrierDialing, SendsNothingToAProxyThatNobodyVouchesFor) {
  ScriptedProxy proxy({{kQuestion}, {kGood}});
  const auto caller = dial(proxy, "connect", false);
  EXPECT_EQ(caller.pipe, nullptr);
  EXPECT_EQ(caller.why.code, ErrorCode::kAuthentication);
  EXPECT_TRUE(has(caller.why.detail, "connect through http://127.0.0.1:1")) << caller.why.detail;
  EXPECT_FALSE(has(caller.why.detail, "secret"));
  const auto heard = proxy.heard();
  ASSERT_EQ(heard.size(), 1u);
  EXPECT_FALSE(has(heard[0], "Authorization"));
}

TEST_F(CarrierDialing, GoesThroughAChainAndTellsEachProxyItsOwnPasswordOnly) {
  ScriptedProxy proxy({{kQuestion}, {kGood}, {kQuestion}, {kGood}});
  auto caller = dial(proxy, "connect", true, std::chrono::seconds{20},
                     "http://ann:secret@127.0.0.1:1 -> http://bob:other@inner.example.net:3128");
  ASSERT_NE(caller.pipe, nullptr) << caller.why.detail;
  EXPECT_EQ(caller.pipe->write(as_bytes("x")).count, 1u);
  caller.pipe.reset();
  const auto heard = proxy.heard();
  ASSERT_EQ(heard.size(), 4u);
  EXPECT_TRUE(heard[1].starts_with("CONNECT inner.example.net:3128 ")) << heard[1];
  EXPECT_TRUE(has(heard[1], "Basic YW5uOnNlY3JldA==")) << heard[1];
  EXPECT_TRUE(heard[3].starts_with("CONNECT service.example.net:443 ")) << heard[3];
  EXPECT_TRUE(has(heard[3], "Basic Ym9iOm90aGVy")) << heard[3];
}

TEST_F(CarrierDialing, SaysNothingInClearToAProxyThatIsToBeSpokenToInTls) {
  ScriptedProxy proxy({{"HTTP/1.1 400 Bad Request\r\n\r\n", true}});
  const auto caller =
      dial(proxy, "connect", true, std::chrono::seconds{1}, "https://ann:secret@127.0.0.1:1");
  EXPECT_EQ(caller.pipe, nullptr);
  for (const auto& heard : proxy.heard()) {
    EXPECT_FALSE(has(heard, "CONNECT"));
    EXPECT_FALSE(has(heard, "YW5uOnNlY3JldA"));
  }
}

TEST_F(CarrierDialing, TellsAProxyThatPassesUpgradesWhoAsksOnANewConnectionToo) {
  for (const bool ends : {false, true}) {
    const std::string closing = "HTTP/1.0 407 x\r\nProxy-Authenticate: Basic\r\n\r\nhello";
    ScriptedProxy proxy({{ends ? closing : kQuestion, ends}, {"HTTP/1.1 502 no\r\n\r\n", true}});
    const auto caller = dial(proxy, "proxy-websocket", true);
    EXPECT_EQ(caller.pipe, nullptr);
    EXPECT_TRUE(has(caller.why.detail, "502")) << caller.why.detail;
    const auto heard = proxy.heard();
    ASSERT_EQ(heard.size(), 2u);
    EXPECT_TRUE(has(heard[1], "Proxy-Authorization: Basic YW5uOnNlY3JldA==")) << heard[1];
  }
}

// A mechanism of two messages, whose context is one question.
class TwoMessages final : public TicketSource {
 public:
  explicit TwoMessages(loop::Loop& loop) : loop_(loop) {}
  std::unique_ptr<Question> ask(const std::string&, Listener& listener) override {
    return std::make_unique<Context>(loop_, listener);
  }

 private:
  class Context final : public Question, private loop::Timer::Listener {
   public:
    Context(loop::Loop& loop, TicketSource::Listener& listener)
        : listener_(listener), timer_(loop, *this) {
      timer_.start(Duration::zero());
    }
    void go_on(const std::string& answer) override {
      says_ = answer == "BBBB" ? "CCCC" : "WRONG";
      timer_.start(Duration::zero());
    }

   private:
    void on_timer(loop::Timer&) override { listener_.on_ticket(says_); }
    TicketSource::Listener& listener_;
    std::string says_ = "AAAA";
    loop::Timer timer_;
  };
  loop::Loop& loop_;
};

TEST_F(CarrierDialing, SaysEachMessageOfATicketOnTheSameConnection) {
  const std::string first = "HTTP/1.1 407 x\r\nProxy-Authenticate: Negotiate\r\n\r\n";
  const std::string second =
      "HTTP/1.1 407 x\r\nProxy-Authenticate: Negotiate BBBB\r\nContent-Length: 2\r\n\r\nhi";
  for (const auto* recipe : {"connect", "proxy-websocket"}) {
    const bool connects = recipe == std::string_view("connect");
    const std::string last = connects ? kGood : "HTTP/1.1 502 no\r\n\r\n";
    ScriptedProxy proxy({{first, true}, {second}, {last, !connects}});
    TwoMessages tickets(loop_);
    auto caller =
        dial(proxy, recipe, true, std::chrono::seconds{20}, "http://127.0.0.1:1", &tickets);
    EXPECT_EQ(caller.pipe != nullptr, connects) << caller.why.detail;
    caller.pipe.reset();
    const auto heard = proxy.heard();
    ASSERT_EQ(heard.size(), 3u) << caller.why.detail;
    EXPECT_TRUE(has(heard[1], "Proxy-Authorization: Negotiate AAAA\r\n")) << heard[1];
    EXPECT_TRUE(has(heard[2], "Proxy-Authorization: Negotiate CCCC\r\n")) << heard[2];
  }
}

TEST_F(CarrierDialing, GivesUpAnUpgradeThatIsSwallowed) {
  ScriptedProxy proxy({{""}});
  const auto caller = dial(proxy, "proxy-websocket", true, std::chrono::seconds{1});
  EXPECT_EQ(caller.pipe, nullptr);
  EXPECT_EQ(caller.why.code, ErrorCode::kTimedOut);
  EXPECT_TRUE(has(caller.why.detail, "something on the way swallows it")) << caller.why.detail;
  const auto heard = proxy.heard();
  ASSERT_EQ(heard.size(), 1u);
  EXPECT_TRUE(heard[0].starts_with("GET http://service.example.net:443/ HTTP/1.1\r\n")) << heard[0];
}

}  // namespace
}  // namespace culvert::carrier
