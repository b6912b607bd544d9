// What an enrolled endpoint can do to the service and to other endpoints (S6, S18, S23).
#include <sys/stat.h>

#include <cstdio>

#include "hostile_endpoint.h"
#include "tunnel/control/messages.h"

namespace culvert::service {
namespace {

struct Hostile : testing::Test {
  ServiceLab lab;
  TestEndpoint mallory{lab, "mallory.example.net"};
  void SetUp() override { mallory.enrol(); }
};

ByteVector question(std::uint64_t& offset) {
  control::Lookup lookup;
  lookup.name = "nobody.example.net";
  const auto message = control::encode(lookup);
  ByteVector frames;
  for (int i = 0; i < 500; ++i) {
    append_frame(frames, mux::Data{mux::kControlStream, offset, /*last=*/false, message});
    offset += message.size();
  }
  return frames;
}

TEST_F(Hostile, WhoAsksAndReadsNoAnswerIsNotReadEither) {
  HostileEndpoint hostile(lab, mallory);
  std::uint64_t offset = 0;
  constexpr std::size_t kMost = 24u << 20;  // the sockets' buffers have some of it
  while (hostile.said() < kMost && hostile.say(question(offset))) {
  }
  EXPECT_LT(hostile.said(), kMost) << "the service keeps an answer to each question";
}

TEST_F(Hostile, WhoLogsInAgainAndHearsNoGoodbyeKeepsNoFormerSession) {
  std::vector<std::unique_ptr<HostileEndpoint>> all;
  for (int i = 0; i < 3; ++i) {
    all.push_back(std::make_unique<HostileEndpoint>(lab, mallory));
    std::uint64_t offset = 0;
    // Answers beyond its credit, and what is queued for it: the goodbye waits behind them.
    for (int batch = 0; batch < 10; ++batch) ASSERT_TRUE(all.back()->say(question(offset)));
  }
  int turns = 0;
  EXPECT_TRUE(lab.until([&] { return all[0]->is_cut_off() || ++turns > 20; }));
  EXPECT_TRUE(all[0]->is_cut_off());
}

TEST(HostileCaller, TakesNotAllThePlacesOfWhomItCalls) {
  Limits limits;
  limits.circuits_per_endpoint = 16;
  ServiceLab lab({}, limits);
  TestEndpoint mallory(lab, "mallory.example.net"), alice(lab, "alice.example.net"),
      web(lab, "web.example.net");
  for (auto* const one : {&mallory, &alice, &web}) one->enrol();
  web.connect();
  web.link->send(control::Publish{{80}});
  ASSERT_TRUE(lab.until([&] { return web.up; }));
  const auto call = [&](const TestEndpoint& caller) {
    auto hello = caller.hello(control::Purpose::kCircuitCall);
    hello.name = web.name;
    return std::make_unique<RawGreeting>(lab, caller.key, hello);
  };
  std::vector<std::unique_ptr<RawGreeting>> calls;
  const auto come = [&] {
    return web.messages.size() + static_cast<std::size_t>(std::ranges::count_if(
                                     calls, [](const auto& one) { return one->answered(); }));
  };
  while (calls.size() < 20) {
    calls.push_back(call(mallory));
    ASSERT_TRUE(lab.until([&] { return come() == calls.size(); }));
  }
  EXPECT_EQ(calls.back()->answer().refusal, ErrorCode::kExhausted);
  const auto rung = web.messages.size();
  calls.push_back(call(alice));
  ASSERT_TRUE(lab.until([&] { return come() == calls.size(); }));
  EXPECT_EQ(web.messages.size(), rung + 1) << "nobody else gets through";
}

TEST_F(Hostile, WhoShowsAnOldCertificateAgainAndAgainHasItRenewedOnce) {
  lab.config().certificate_life = std::chrono::days{3650};  // so that it is due
  lab.restart();
  auto renewed = lab.record_of(mallory.name).serial;
  for (int i = 0; i < 5; ++i) {
    mallory.messages.clear();
    mallory.connect();
    ASSERT_TRUE(lab.until([&] {
      return std::ranges::any_of(mallory.messages, [](const auto& one) {
        return std::holds_alternative<control::Certificate>(one);
      });
    })) << "it may have lost the one before";
    const auto serial = lab.record_of(mallory.name).serial;
    if (i == 0) {
      EXPECT_GT(serial, renewed);
      renewed = serial;
    }
    EXPECT_EQ(serial, renewed) << "each is a commit";
  }
}

// Of the log of this process: standard error, for as long as this lives.
class Log {
 public:
  Log() : file_(std::tmpfile()), before_(::dup(STDERR_FILENO)) {
    std::fflush(stderr);
    ::dup2(::fileno(file_), STDERR_FILENO);
    log::set_level(log::Level::kInfo);
  }
  ~Log() {
    log::set_level(log::Level::kError);
    ::dup2(before_.get(), STDERR_FILENO);
    std::fclose(file_);
  }
  std::size_t octets() const {
    struct stat facts {};
    ::fstat(::fileno(file_), &facts);
    return static_cast<std::size_t>(facts.st_size);
  }

 private:
  std::FILE* file_;
  UniqueFd before_;
};

TEST_F(Hostile, WhatItTriesFillsNoDisk) {
  const Log written;
  mallory.connect();
  for (int i = 0; i < 1000; ++i) {
    mallory.link->send(control::Publish{{80}});
    mallory.link->send(control::Publish{});
  }
  for (int i = 0; i < 1000; ++i) mallory.forward("127.0.0.1", 22, "");
  ASSERT_TRUE(lab.until([&] { return mallory.reset.has_value(); }));
  auto stranger = crypto::KeyPair::generate(lab.random());
  for (int i = 0; i < 100; ++i) {
    auto hello = mallory.hello(control::Purpose::kSession);
    const RawGreeting greeting(lab, stranger, hello);
    ASSERT_TRUE(lab.until([&] { return greeting.answered(); }));
  }
  EXPECT_GT(written.octets(), 1000u) << "the first are written";
  EXPECT_LT(written.octets(), 16u * 1024);
}

TEST(HostileForwarding, TheServiceIsNotReachedByTheAddressThatATranslatorGivesIt) {
  ServiceLab lab({}, {}, [](Config& config) {
    config.public_address = HostPort{"8.8.4.4", 443};
    config.discovery.advertised = {*IpAddress::parse("8.8.8.8")};
  });
  TestEndpoint mallory(lab, "mallory.example.net");
  mallory.enrol();
  mallory.connect();
  ASSERT_TRUE(lab.until([&] { return !mallory.messages.empty(); }));  // of discovery servers
  for (const auto* own : {"8.8.4.4", "::ffff:8.8.4.4", "64:ff9b::808:404", "8.8.8.8"}) {
    const auto found = mallory.look_up(control::Lookup::Kind::kOrdinary, own);
    ASSERT_TRUE(found) << own;
    EXPECT_EQ(found->error, ErrorCode::kNotPermitted) << own;
  }
  EXPECT_EQ(mallory.look_up(control::Lookup::Kind::kOrdinary, "9.9.9.9")->error, ErrorCode::kNone);
}

TEST(HostileForwarding, TheServiceIsNotReachedByAnAddressOfThePublicNameThatItHasItself) {
  ServiceLab lab({}, {}, [](Config& config) {
    config.public_address = HostPort{"web.example.net", 443};
  });
  lab.names().address = 0x08080404;
  lab.restart();  // finds that at once
  TestEndpoint mallory(lab, "mallory.example.net");
  mallory.enrol();
  mallory.connect();
  const auto answer = [&](const char* to) {
    return mallory.look_up(control::Lookup::Kind::kOrdinary, to)->error;
  };
  EXPECT_TRUE(lab.until([&] { return answer("8.8.4.4") == ErrorCode::kNotPermitted; }));
  EXPECT_EQ(answer("8.8.8.8"), ErrorCode::kNone);
}

}  // namespace
}  // namespace culvert::service
