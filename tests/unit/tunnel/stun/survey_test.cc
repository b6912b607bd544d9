#include "tunnel/stun/survey.h"

#include <gtest/gtest.h>

namespace culvert::stun {
namespace {

using std::chrono::milliseconds;

TimePoint at(int ms) { return TimePoint{} + milliseconds{ms}; }

const SocketAddress kOne = *SocketAddress::parse("198.51.100.10:3478");
const SocketAddress kTwo = *SocketAddress::parse("198.51.100.11:3478");

ByteVector answer_to(Bytes request, const char* mapped) {
  Response response;
  response.id = decode_request(request)->id;
  response.mapped = *SocketAddress::parse(mapped);
  return encode(response);
}

std::vector<Survey::Datagram> all_due(Survey& survey, TimePoint now) {
  std::vector<Survey::Datagram> out;
  while (auto one = survey.next(now)) out.push_back(std::move(*one));
  return out;
}

TEST(Survey, AsksInOrderAndIsDoneWithTheLastAnswer) {
  SystemRandom random;
  Survey survey({{0, kOne}, {0, kTwo}}, random);
  const auto sent = all_due(survey, at(0));
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[0].question, 0u);
  EXPECT_TRUE(survey.receive(answer_to(sent[1].message, "192.0.2.1:5"), kTwo));
  EXPECT_FALSE(survey.done());
  EXPECT_TRUE(survey.receive(answer_to(sent[0].message, "192.0.2.1:4"), kOne));
  EXPECT_TRUE(survey.done());
  EXPECT_EQ(survey.mapped()[0]->port, 4);
  EXPECT_EQ(survey.mapped()[1]->port, 5);
  EXPECT_FALSE(survey.next_deadline());
}

TEST(Survey, BelievesOnlyTheServerThatWasAskedAndItsOwnQuestions) {
  SystemRandom random;
  Survey survey({{0, kOne}}, random);
  const auto sent = all_due(survey, at(0));
  EXPECT_FALSE(survey.receive(answer_to(sent[0].message, "192.0.2.1:5"), kTwo));
  auto foreign = answer_to(sent[0].message, "192.0.2.1:5");
  foreign[10] ^= std::byte{1};
  EXPECT_FALSE(survey.receive(foreign, kOne));
  EXPECT_FALSE(survey.receive(as_bytes("hello"), kOne));
  EXPECT_FALSE(survey.done());
}

TEST(Survey, RepeatsWhatIsNotAnsweredAndGivesUp) {
  SystemRandom random;
  Survey survey({{0, kOne}, {0, kTwo}}, random);
  const auto first = all_due(survey, at(0));
  EXPECT_TRUE(all_due(survey, at(100)).empty());
  EXPECT_TRUE(survey.receive(answer_to(first[0].message, "192.0.2.1:4"), kOne));
  const auto again = all_due(survey, at(150));
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].question, 1u);
  EXPECT_EQ(again[0].message, first[1].message) << "another id would be another question";
  EXPECT_EQ(all_due(survey, at(450)).size(), 1u);
  EXPECT_FALSE(survey.done());
  EXPECT_TRUE(all_due(survey, at(1050)).empty());
  EXPECT_TRUE(survey.done());
  EXPECT_FALSE(survey.mapped()[1]);
}

TEST(Survey, WithoutQuestionsIsDone) {
  SystemRandom random;
  Survey survey({}, random);
  EXPECT_TRUE(survey.done());
  EXPECT_FALSE(survey.next(at(0)));
}

}  // namespace
}  // namespace culvert::stun
