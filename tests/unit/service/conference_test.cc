// Endpoints that hear one another by way of the service.
#include "udp_peers.h"

namespace culvert::service {
namespace {

constexpr auto kRoom = "room.example.net";
constexpr std::uint16_t kPort = 4000;

class ConferenceTest : public testing::TestWithParam<std::size_t> {
 protected:
  ConferenceTest() {
    for (auto* one : {&a_, &b_, &stranger_}) {
      EXPECT_EQ(one->enrol().refusal, ErrorCode::kNone);
      one->connect();
      EXPECT_TRUE(lab_.until([&] { return one->up; }));
    }
  }
  // Returns when what it says has been heard by `listener`, so that it is a member for sure.
  void say(Asker& speaker, const std::string& text, Asker& listener) {
    ASSERT_TRUE(lab_.until([&] {
      speaker.send(text);
      return !listener.heard.empty() && listener.heard.back() == text;
    })) << text;
  }
  ErrorCode refusal_of(Asker& asker) {
    EXPECT_TRUE(lab_.until([&] {
      if (!asker.reset) asker.send("let me in");
      return asker.reset.has_value();
    }));
    return asker.reset ? asker.reset->code : ErrorCode::kNone;
  }

  ServiceLab lab_{{}, {}, [](Config& config) {
                    ConferenceConfig room;
                    room.name = kRoom;
                    room.members = {*resolver::NamePattern::parse("*.office.example.net")};
                    room.most_members = 3;
                    config.conferences.push_back(room);
                    config.forwarding.enabled = false;  // is another matter
                    config.threads = GetParam();
                  }};
  TestEndpoint a_{lab_, "a.office.example.net"}, b_{lab_, "b.office.example.net"},
      stranger_{lab_, "stranger.example.net"};
};

TEST_P(ConferenceTest, WhatOneSaysAllOthersHear) {
  Asker first(a_, kRoom, kPort), second(b_, kRoom, kPort), third(b_, kRoom, kPort);
  second.send("second is here");
  third.send("third is here");
  say(first, "hello", second);
  say(first, "again", third);
  say(second, "answer", first);
  say(third, "from the same machine", second);
  EXPECT_EQ(std::ranges::count(first.heard, "hello"), 0) << "nobody hears himself";
  EXPECT_EQ(std::ranges::count(second.heard, "answer"), 0);
}

TEST_P(ConferenceTest, PortsAreConferencesOfTheirOwn) {
  Asker sound(a_, kRoom, kPort), other_sound(b_, kRoom, kPort), picture(b_, kRoom, kPort + 2);
  picture.send("here");
  other_sound.send("here");
  say(sound, "hello", other_sound);
  EXPECT_TRUE(picture.heard.empty());
}

TEST_P(ConferenceTest, WhoLeavesMakesRoomAndIsNotMissed) {
  Asker first(a_, kRoom, kPort), second(b_, kRoom, kPort);
  {
    Asker third(a_, kRoom, kPort);
    second.send("here");
    third.send("here");
    say(first, "three", second);
    Asker fourth(b_, kRoom, kPort);
    EXPECT_EQ(refusal_of(fourth), ErrorCode::kExhausted);
    third.leave();
  }
  Asker fourth(a_, kRoom, kPort);  // in the session that told of the leaving
  fourth.send("here instead");
  say(first, "three again", fourth);
  say(first, "still heard", second);
}

TEST_P(ConferenceTest, StrangersAreToldThatThereIsNoSuchName) {
  const auto found = stranger_.look_up(control::Lookup::Kind::kEndpoint, kRoom);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->error, ErrorCode::kNameUnknown);
  Asker intruder(stranger_, kRoom, kPort);
  EXPECT_EQ(refusal_of(intruder), ErrorCode::kNotPermitted);
}

TEST_P(ConferenceTest, MembersFindTheNameWithoutACertificate) {
  const auto found = a_.look_up(control::Lookup::Kind::kEndpoint, kRoom);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->error, ErrorCode::kNone);
  EXPECT_TRUE(found->certificate.empty());
}

TEST_P(ConferenceTest, HasNoTcpPorts) {
  a_.forward(kRoom, 80, "GET / HTTP/1.0\r\n\r\n");
  ASSERT_TRUE(lab_.until([&] { return a_.reset.has_value(); }));
  EXPECT_EQ(a_.reset->code, ErrorCode::kRefused);
}

TEST_P(ConferenceTest, AMemberWhoseSessionEndsIsGone) {
  Asker first(a_, kRoom, kPort);
  {
    Asker second(b_, kRoom, kPort);
    say(second, "here", first);
    b_.link->close("the end");
    ASSERT_TRUE(lab_.until([&] { return b_.down.has_value(); }));
  }
  for (int i = 0; i < 20; ++i) first.send("to nobody");
  Asker third(a_, kRoom, kPort);
  say(first, "to the third", third);
}

INSTANTIATE_TEST_SUITE_P(Threads, ConferenceTest, kThreadCounts, name_of_threads);

}  // namespace
}  // namespace culvert::service
