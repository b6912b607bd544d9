#include "tunnel/carrier/lane_logins.h"

#include <gtest/gtest.h>

namespace culvert::carrier {
namespace {

using Next = exchange::LaneLogin::Next;

exchange::ResponseHead question(const std::string& challenge) {
  exchange::ResponseHead head;
  head.status = 407;
  head.fields.push_back({"proxy-authenticate", challenge});
  return head;
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

class LaneLogin : public testing::Test {
 protected:
  std::string said(exchange::LaneId lane) {
    return logins.authorization(lane, "POST", "http://service.example.net:443/c/x");
  }
  bool asked(exchange::LaneId lane, const std::string& challenge) {
    return logins.challenged(lane, question(challenge)).has_value();
  }

  SystemRandom random;
  LaneLogins logins{ProxyLogin(ProxyCredentials{"CORP", "ann", "secret"}, random, UnixTime{})};
};

TEST_F(LaneLogin, BasicIsSaidByEveryLaneOnceOneWasAsked) {
  EXPECT_EQ(said(1), "");
  ASSERT_TRUE(asked(1, "Basic realm=\"x\""));
  EXPECT_TRUE(has(said(1), "Basic "));
  logins.accepted(1);
  EXPECT_FALSE(logins.knocks(2));
  EXPECT_EQ(said(2), said(1));
}

TEST_F(LaneLogin, DigestCountsUnderANonceOfEachLane) {
  ASSERT_TRUE(asked(1, "Digest realm=\"x\", nonce=\"n1\", qop=\"auth\""));
  EXPECT_TRUE(has(said(1), "nc=00000001"));
  logins.accepted(1);
  EXPECT_TRUE(has(said(1), "nc=00000002"));
  ASSERT_TRUE(logins.knocks(2));
  EXPECT_EQ(said(2), "");
  ASSERT_TRUE(asked(2, "Digest realm=\"x\", nonce=\"n2\", qop=\"auth\""));
  EXPECT_FALSE(logins.knocks(2));
  EXPECT_TRUE(has(said(2), "nonce=\"n2\""));
  EXPECT_TRUE(has(said(2), "nc=00000002"));
  EXPECT_TRUE(has(said(1), "nonce=\"n1\""));
}

TEST_F(LaneLogin, AnsweredQuestionsAreNoLoopHoweverManyThereAre) {
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(asked(1, "Digest realm=\"x\", nonce=\"n\", stale=true"));
    EXPECT_TRUE(has(said(1), "Digest "));
    logins.accepted(1);
  }
}

TEST_F(LaneLogin, NtlmLogsEachLaneInAndThenSaysNothingMore) {
  const auto challenge =
      "NTLM TlRMTVNTUAACAAAAAAAAAAAAAAABAIAAASNFZ4mrze8=";  // as old servers send it
  ASSERT_TRUE(asked(1, "NTLM"));
  for (const exchange::LaneId lane : {1u, 2u}) {
    ASSERT_TRUE(logins.knocks(lane));
    EXPECT_TRUE(has(said(lane), "NTLM TlRMTVNTUAAB"));
    ASSERT_TRUE(asked(lane, challenge));
    EXPECT_FALSE(logins.knocks(lane));
    EXPECT_TRUE(has(said(lane), "NTLM TlRMTVNTUAAD"));
    logins.accepted(lane);
    EXPECT_FALSE(logins.knocks(lane));
    EXPECT_EQ(said(lane), "");
  }
  ASSERT_TRUE(asked(1, "NTLM")) << "the proxy has forgotten it: once more";
  EXPECT_TRUE(logins.knocks(1));
}

TEST_F(LaneLogin, AWrongPasswordEndsIt) {
  ASSERT_TRUE(asked(1, "Basic realm=\"x\""));
  (void)said(1);
  const auto next = logins.challenged(1, question("Basic realm=\"x\""));
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().code, ErrorCode::kAuthentication);
  EXPECT_FALSE(has(next.error().detail, "secret"));
}

}  // namespace
}  // namespace culvert::carrier
