#include "service/certificate_renewal.h"

#include <gtest/gtest.h>

#include "ram_store.h"

namespace culvert::service {
namespace {

using std::chrono::days;
using std::chrono::hours;

class CertificateRenewalTest : public testing::Test, protected CertificateRenewal::Listener {
 protected:
  CertificateRenewalTest() {
    principal_ = {kName, crypto::KeyPair::generate(random_).public_key, {}};
    keep({principal_.key, 7, kNow - days{300}, kNow + days{65}, false});
  }
  void keep(const EndpointRecord& record) { store_.put(endpoint_key(kName), encode(record)); }
  EndpointRecord record() { return *decode_endpoint(store_.entries.at(endpoint_key(kName)).value); }
  void on_renewal_done(CertificateRenewal&, const Result<ByteVector>& certificate) override {
    outcomes_.push_back(certificate);
  }
  Result<ByteVector> renew(int turns = 2) {  // of asking the store
    CertificateRenewal renewal(loop_, {store_, signing_, days{365}}, principal_, kNow,
                               static_cast<CertificateRenewal::Listener&>(*this));
    for (int i = 0; i < turns; ++i) loop_.run();
    EXPECT_EQ(outcomes_.size(), 1u);
    return outcomes_.empty() ? Result<ByteVector>(fail(ErrorCode::kIo)) : outcomes_.front();
  }

  static constexpr auto kName = "web.example.net";
  static constexpr UnixTime kNow{std::chrono::seconds{1'800'000'000}};
  SystemRandom random_;
  loop::Loop loop_;
  RamStore store_;
  crypto::SigningKeyPair signing_ = crypto::SigningKeyPair::generate(random_);
  Principal principal_;
  std::vector<Result<ByteVector>> outcomes_;
};

TEST_F(CertificateRenewalTest, IsDueInTheLastThird) {
  const auto certificate =
      *crypto::NameCertificate{kName, principal_.key, kNow, kNow + days{300}, 1}.sign(signing_);
  EXPECT_FALSE(CertificateRenewal::is_due(certificate, days{300}, kNow + days{200}));
  EXPECT_TRUE(CertificateRenewal::is_due(certificate, days{300}, kNow + days{200} + hours{1}));
  EXPECT_TRUE(CertificateRenewal::is_due(certificate, days{3000}, kNow)) << "lives are longer now";
  EXPECT_FALSE(CertificateRenewal::is_due(ByteVector(5), days{300}, kNow));
}

TEST_F(CertificateRenewalTest, IsForTheSameNameAndKeyAndWrittenDown) {
  const auto fresh = renew();
  ASSERT_TRUE(fresh) << fresh.error().detail;
  const auto shown = crypto::NameCertificate::verify(*fresh, signing_.public_key(), kNow);
  ASSERT_TRUE(shown) << shown.error().detail;
  EXPECT_EQ(shown->name, kName);
  EXPECT_EQ(shown->key, principal_.key);
  EXPECT_EQ(shown->not_after, kNow + days{365});
  const auto serial = to_unix_nanoseconds(kNow);
  EXPECT_EQ(record(),
            (EndpointRecord{principal_.key, serial, kNow - days{300}, kNow + days{365}, false}));
  EXPECT_EQ(shown->serial, serial);
}

TEST_F(CertificateRenewalTest, HasAHigherSerialThanAnyBefore) {
  const auto serial = to_unix_nanoseconds(kNow) * 4;  // as they were drawn at random once
  keep({principal_.key, serial, kNow - days{300}, kNow + days{65}, false});
  ASSERT_TRUE(renew());
  EXPECT_EQ(record().serial, serial + 1);
}

TEST_F(CertificateRenewalTest, WhoWasRevokedOrReplacedMeanwhileGetsNone) {
  keep({principal_.key, 7, kNow, kNow + days{65}, /*revoked=*/true});
  EXPECT_EQ(renew(1).error().code, ErrorCode::kAuthentication);
  outcomes_.clear();
  keep({crypto::KeyPair::generate(random_).public_key, 9, kNow, kNow + days{65}, false});
  EXPECT_EQ(renew(1).error().code, ErrorCode::kAuthentication);
  outcomes_.clear();
  store_.entries.clear();
  EXPECT_EQ(renew(1).error().code, ErrorCode::kAuthentication);
}

TEST_F(CertificateRenewalTest, AStoreThatFailsIsSaidSo) {
  store_.broken = true;
  EXPECT_EQ(renew(1).error().code, ErrorCode::kIo);
  EXPECT_EQ(record().serial, 7u);
}

}  // namespace
}  // namespace culvert::service
