#include "service/login.h"

#include <gtest/gtest.h>

#include "ram_store.h"
#include "service/enrolment.h"
#include "tunnel/loop/timer.h"

namespace culvert::service {
namespace {

using std::chrono::hours;

class LoginTest : public testing::Test,
                  protected Login::Listener,
                  protected Enrolment::Listener,
                  protected loop::Timer::Listener {
 protected:
  void on_login(Login&, Result<Principal> outcome) override { outcomes_.push_back(outcome); }
  void on_enrolled(Enrolment&, Result<Principal> outcome) override { outcomes_.push_back(outcome); }
  void on_timer(loop::Timer&) override {}

  void turn() {
    loop::Timer wake(loop_, static_cast<loop::Timer::Listener&>(*this));
    wake.start(Duration::zero());
    loop_.run();
  }
  Result<Principal> only_outcome() {
    turn();
    EXPECT_EQ(outcomes_.size(), 1u);
    auto outcome = outcomes_.empty() ? Result<Principal>(fail(ErrorCode::kIo)) : outcomes_[0];
    outcomes_.clear();
    return outcome;
  }

  control::EnrolmentSecret invite(const std::string& name, Duration life = hours{1}) {
    control::EnrolmentSecret secret;
    random_.fill(secret);
    store_.put(invitation_key(secret), encode(InvitationRecord{name, now_, now_ + life}));
    return secret;
  }
  std::unique_ptr<Enrolment> start_enrolment(const crypto::PublicKey& key, const std::string& name,
                                             const control::EnrolmentSecret& secret) {
    control::Hello hello;
    hello.purpose = control::Purpose::kEnrol;
    hello.name = name;
    hello.secret = secret;
    return std::make_unique<Enrolment>(loop_,
                                       Enrolment::Authority{store_, signing_, domain_, hours{24}},
                                       key, hello, now_, static_cast<Enrolment::Listener&>(*this));
  }
  Result<Principal> enrol(const crypto::PublicKey& key, const std::string& name,
                          const control::EnrolmentSecret& secret) {
    const auto enrolment = start_enrolment(key, name, secret);
    return only_outcome();
  }
  Result<Principal> log_in(const crypto::PublicKey& caller, const ByteVector& certificate,
                           UnixTime sent) {
    control::Hello hello;
    hello.certificate = certificate;
    hello.timestamp = to_unix_nanoseconds(sent);
    Login login(loop_, {store_, guard_, signing_.public_key(), domain_}, caller, hello, now_,
                static_cast<Login::Listener&>(*this));
    return only_outcome();
  }
  static ErrorCode code(const Result<Principal>& outcome) {
    return outcome ? ErrorCode::kNone : outcome.error().code;
  }

  loop::Loop loop_;
  SystemRandom random_;
  RamStore store_;
  crypto::ReplayGuard guard_;
  const crypto::SigningKeyPair signing_ = crypto::SigningKeyPair::generate(random_);
  const crypto::KeyPair alice_ = crypto::KeyPair::generate(random_);
  const crypto::KeyPair mallory_ = crypto::KeyPair::generate(random_);
  const std::string domain_ = "example.net";
  const UnixTime now_ = loop::Loop::wall_clock();
  std::vector<Result<Principal>> outcomes_;
};

TEST_F(LoginTest, AdmitsAnEnrolledEndpointOnceForEachHello) {
  const auto enrolled = enrol(alice_.public_key, "web.example.net", invite("web.example.net"));
  ASSERT_TRUE(enrolled) << enrolled.error().detail;
  const auto admitted = log_in(alice_.public_key, enrolled->certificate, now_);
  ASSERT_TRUE(admitted) << admitted.error().detail;
  EXPECT_EQ(admitted->name, "web.example.net");
  EXPECT_EQ(code(log_in(alice_.public_key, enrolled->certificate, now_)),
            ErrorCode::kAuthentication);
  EXPECT_TRUE(log_in(alice_.public_key, enrolled->certificate, now_ + hours{1}));
}

// Else it would be locked out for years once its clock is right.
TEST_F(LoginTest, RefusesAClockThatIsDaysAheadAndAdmitsItsEndpointWhenItIsRight) {
  const auto enrolled = enrol(alice_.public_key, "web.example.net", invite("web.example.net"));
  ASSERT_TRUE(enrolled);
  const auto early = log_in(alice_.public_key, enrolled->certificate, now_ + hours{24 * 365});
  EXPECT_EQ(code(early), ErrorCode::kAuthentication);
  EXPECT_NE(early.error().detail.find("365 days ahead"), std::string::npos);
  EXPECT_TRUE(log_in(alice_.public_key, enrolled->certificate, now_));
  EXPECT_TRUE(log_in(alice_.public_key, enrolled->certificate, now_ + hours{14}));
}

TEST_F(LoginTest, RefusesWhoDoesNotHoldTheCertifiedKey) {
  const auto enrolled = enrol(alice_.public_key, "web.example.net", invite("web.example.net"));
  EXPECT_EQ(code(log_in(mallory_.public_key, enrolled->certificate, now_)),
            ErrorCode::kAuthentication);
  EXPECT_EQ(guard_.party_count(), 0u);  // and a stranger moves nobody's clock
}

TEST_F(LoginTest, RefusesCertificatesThatAreMissingForeignExpiredOrOfAnotherDomain) {
  const auto sign = [&](const crypto::SigningKeyPair& signer, const std::string& name,
                        UnixTime until) {
    crypto::NameCertificate certificate;
    certificate.name = name;
    certificate.key = alice_.public_key;
    certificate.not_before = now_ - hours{48};
    certificate.not_after = until;
    return *certificate.sign(signer);
  };
  store_.put(endpoint_key("a.example.net"),
             encode(EndpointRecord{alice_.public_key, 1, now_, now_, false}));
  store_.put(endpoint_key("a.other.net"),
             encode(EndpointRecord{alice_.public_key, 1, now_, now_, false}));
  const auto stranger = crypto::SigningKeyPair::generate(random_);
  const auto later = now_ + hours{1};
  EXPECT_EQ(code(log_in(alice_.public_key, {}, now_)), ErrorCode::kAuthentication);
  for (const auto& certificate :
       {sign(stranger, "a.example.net", later), sign(signing_, "a.example.net", now_ - hours{1}),
        sign(signing_, "a.other.net", later), sign(signing_, "example.net", later)})
    EXPECT_EQ(code(log_in(alice_.public_key, certificate, now_)), ErrorCode::kAuthentication);
  EXPECT_TRUE(log_in(alice_.public_key, sign(signing_, "a.example.net", later), now_));
}

TEST_F(LoginTest, RefusesTheRevokedTheUnknownAndTheReplaced) {
  const auto enrolled = enrol(alice_.public_key, "web.example.net", invite("web.example.net"));
  const auto key = endpoint_key("web.example.net");
  auto record = *decode_endpoint(store_.entries[key].value);
  record.revoked = true;
  store_.put(key, encode(record));
  const auto revoked = log_in(alice_.public_key, enrolled->certificate, now_);
  EXPECT_EQ(code(revoked), ErrorCode::kAuthentication);
  EXPECT_NE(revoked.error().detail.find("revoked"), std::string::npos);
  store_.entries.erase(key);
  EXPECT_EQ(code(log_in(alice_.public_key, enrolled->certificate, now_)),
            ErrorCode::kAuthentication);
  record.revoked = false;
  record.key = mallory_.public_key;
  store_.put(key, encode(record));
  EXPECT_EQ(code(log_in(alice_.public_key, enrolled->certificate, now_)),
            ErrorCode::kAuthentication);
}

TEST_F(LoginTest, FailsClosedWhenTheStoreFails) {
  const auto enrolled = enrol(alice_.public_key, "web.example.net", invite("web.example.net"));
  store_.broken = true;
  EXPECT_EQ(code(log_in(alice_.public_key, enrolled->certificate, now_)), ErrorCode::kTryAgain);
}

TEST_F(LoginTest, EnrolsOnceForEachInvitation) {
  const auto secret = invite("web.example.net");
  EXPECT_TRUE(enrol(alice_.public_key, "web.example.net", secret));
  EXPECT_EQ(code(enrol(alice_.public_key, "web.example.net", secret)), ErrorCode::kAuthentication);
}

TEST_F(LoginTest, LetsOneOfManyConcurrentUsersOfAnInvitationWin) {
  const auto secret = invite("web.example.net");
  std::vector<std::unique_ptr<Enrolment>> all;
  all.reserve(20);
  for (int i = 0; i < 20; ++i)
    all.push_back(
        start_enrolment(crypto::KeyPair::generate(random_).public_key, "web.example.net", secret));
  turn();
  ASSERT_EQ(outcomes_.size(), 20u);
  EXPECT_EQ(std::count_if(outcomes_.begin(), outcomes_.end(),
                          [](const auto& o) { return o.has_value(); }),
            1);
}

TEST_F(LoginTest, RefusesInvitationsThatAreUnknownExpiredOrForAnotherName) {
  EXPECT_EQ(code(enrol(alice_.public_key, "web.example.net", {})), ErrorCode::kAuthentication);
  EXPECT_EQ(code(enrol(alice_.public_key, "web.example.net",
                       invite("web.example.net", Duration::zero()))),
            ErrorCode::kAuthentication);
  EXPECT_EQ(code(enrol(alice_.public_key, "db.example.net", invite("web.example.net"))),
            ErrorCode::kAuthentication);
  for (const auto* name : {"", "example.net", "web.other.net", "webexample.net", "a..example.net"})
    EXPECT_EQ(code(enrol(alice_.public_key, name, invite(name))), ErrorCode::kAuthentication);
}

TEST_F(LoginTest, GivesOneKeyOneName) {
  EXPECT_TRUE(enrol(alice_.public_key, "web.example.net", invite("web.example.net")));
  EXPECT_EQ(code(enrol(alice_.public_key, "db.example.net", invite("db.example.net"))),
            ErrorCode::kAuthentication);
}

TEST_F(LoginTest, ReplacesTheKeyWhenANameIsEnrolledAgain) {
  const auto old = enrol(alice_.public_key, "web.example.net", invite("web.example.net"));
  const auto renewed = crypto::KeyPair::generate(random_).public_key;
  const auto fresh = enrol(renewed, "web.example.net", invite("web.example.net"));
  ASSERT_TRUE(fresh) << fresh.error().detail;
  EXPECT_FALSE(log_in(alice_.public_key, old->certificate, now_));
  EXPECT_TRUE(log_in(renewed, fresh->certificate, now_));
  const auto before = crypto::NameCertificate::decode_unverified(old->certificate);
  const auto after = crypto::NameCertificate::decode_unverified(fresh->certificate);
  EXPECT_LT(before->serial, after->serial) << "peers that know it refuse what is older";
  EXPECT_TRUE(enrol(alice_.public_key, "db.example.net", invite("db.example.net")));
}

TEST(FullName, CompletesWhatAPersonTypes) {
  EXPECT_EQ(*full_name("web", "example.net"), "web.example.net");
  EXPECT_EQ(*full_name("Web.Home.Example.Net.", "example.net"), "web.home.example.net");
  for (const auto* wrong : {"", "example.net", "-a", "a b", "a_b"})
    EXPECT_FALSE(full_name(wrong, "example.net")) << wrong;
}

}  // namespace
}  // namespace culvert::service
