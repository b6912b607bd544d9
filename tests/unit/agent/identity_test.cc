#include "agent/identity.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "agent/identity_watch.h"
#include "agent/peer_keys.h"
#include "agent/replay_floors.h"
#include "agent/state_file.h"
#include "agent/state_lock.h"

namespace culvert::agent {
namespace {

constexpr UnixTime kNow{std::chrono::hours{24 * 365 * 55}};

class Directory {
 public:
  Directory() {
    char path[] = "/tmp/culvert-identity-XXXXXX";
    path_ = ::mkdtemp(path);
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class IdentityTest : public testing::Test {
 protected:
  IdentityTest() { EXPECT_GE(sodium_init(), 0); }

  ByteVector certificate(const std::string& name, const crypto::PublicKey& key,
                         std::uint64_t serial, Duration left = std::chrono::hours{1},
                         Duration passed = std::chrono::hours{1}) {
    return *crypto::NameCertificate{name, key, kNow - passed, kNow + left, serial}.sign(signer_);
  }
  Identity identity() {
    Identity out;
    out.key = crypto::KeyPair::generate(random_);
    out.name = "web.example.net";
    out.domain = "example.net";
    out.service = {"192.0.2.1", 443};
    out.service_key = crypto::KeyPair::generate(random_).public_key;
    out.signing_key = signer_.public_key();
    out.certificate = certificate(out.name, out.key.public_key, 1);
    return out;
  }
  SystemRandom random_;
  crypto::SigningKeyPair signer_ = crypto::SigningKeyPair::generate(random_);
  Directory directory_;
};

TEST_F(IdentityTest, is_watched_for_another_key_or_name_but_not_for_a_new_certificate) {
  struct Counter final : IdentityWatch::Listener {
    void on_other_identity() override { ++told; }
    int told = 0;
  } counter;
  loop::Loop loop;
  auto now = identity();
  ASSERT_TRUE(save_identity(directory_.path(), now));
  IdentityWatch watch(loop, directory_.path(), now, static_cast<IdentityWatch::Listener&>(counter));
  now.certificate = certificate(now.name, now.key.public_key, 2);
  ASSERT_TRUE(save_identity(directory_.path(), now));
  ASSERT_TRUE(write_state_file(directory_.path() + "/other", "text"));
  loop.run_once();
  EXPECT_EQ(counter.told, 0);
  ASSERT_TRUE(write_state_file(identity_file(directory_.path()), "of somebody else"));
  loop.run_once();
  EXPECT_EQ(counter.told, 0) << "not what can be used";
  ASSERT_TRUE(save_identity(directory_.path(), identity()));
  loop.run_once();
  EXPECT_EQ(counter.told, 1);
}

TEST_F(IdentityTest, comes_back_from_its_file_as_it_was) {
  const auto before = identity();
  ASSERT_TRUE(save_identity(directory_.path() + "/deep/state", before));
  const auto after = load_identity(directory_.path() + "/deep/state");
  ASSERT_TRUE(after) << after.error().detail;
  EXPECT_EQ(after->name, before.name);
  EXPECT_EQ(after->domain, before.domain);
  EXPECT_EQ(after->service, before.service);
  EXPECT_EQ(after->key.public_key, before.key.public_key);
  EXPECT_EQ(after->certificate, before.certificate);
  EXPECT_TRUE(check_identity(*after, kNow));
  struct stat facts {};
  ASSERT_EQ(::stat(identity_file(directory_.path() + "/deep/state").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600u);
}

TEST_F(IdentityTest, says_how_to_enrol_when_there_is_none) {
  const auto none = load_identity(directory_.path());
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kNameUnknown);
  EXPECT_NE(none.error().detail.find("culvert enroll < TOKEN_FILE"), std::string::npos);
}

TEST_F(IdentityTest, refuses_a_file_that_others_can_read_and_says_how_to_mend_it) {
  ASSERT_TRUE(save_identity(directory_.path(), identity()));
  const auto file = identity_file(directory_.path());
  ASSERT_EQ(::chmod(file.c_str(), 0640), 0);
  const auto loaded = load_identity(directory_.path());
  ASSERT_FALSE(loaded);
  EXPECT_NE(loaded.error().detail.find("run: chmod 600 " + file), std::string::npos);
}

TEST_F(IdentityTest, refuses_each_missing_line_and_says_which) {
  const auto text = encode(identity());
  for (const std::string key :
       {"name", "domain", "service", "service-key", "signing-key", "certificate", "secret-key"}) {
    const auto at = text.find("\n" + key + " ");
    ASSERT_NE(at, std::string::npos) << key;
    auto cut = text;
    cut.erase(at, text.find('\n', at + 1) - at);
    const auto decoded = decode_identity(cut);
    ASSERT_FALSE(decoded) << key;
    EXPECT_NE(decoded.error().detail.find(key + " is missing"), std::string::npos);
  }
}

TEST_F(IdentityTest, is_not_usable_with_the_certificate_of_another_key_or_when_it_expired) {
  auto mine = identity();
  EXPECT_FALSE(check_identity(mine, kNow + std::chrono::hours{2}));
  mine.certificate = certificate(mine.name, crypto::KeyPair::generate(random_).public_key, 1);
  EXPECT_FALSE(check_identity(mine, kNow));
}

TEST_F(IdentityTest, only_one_agent_at_a_time_holds_the_state_directory) {
  auto first = std::make_optional<StateLock>(directory_.path());
  ASSERT_TRUE(first->become_host("/run/first.sock"));
  StateLock second(directory_.path());
  EXPECT_EQ(second.become_host("/run/second.sock").error().code, ErrorCode::kTryAgain);
  first.reset();
  EXPECT_TRUE(second.become_host("/run/second.sock"));
}

TEST_F(IdentityTest, the_agent_that_runs_stays_while_it_has_guests) {
  StateLock host(directory_.path());
  ASSERT_TRUE(host.become_host("/run/host.sock"));
  auto guest = std::make_optional<StateLock>(directory_.path());
  StateLock late(directory_.path());
  EXPECT_EQ(guest->become_guest().value(), "/run/host.sock");
  EXPECT_FALSE(host.refuse_guests());
  guest.reset();
  EXPECT_TRUE(host.refuse_guests());
  EXPECT_EQ(late.become_guest().error().code, ErrorCode::kTryAgain);
}

TEST_F(IdentityTest, a_changed_key_of_a_peer_needs_a_newer_certificate) {
  PeerKeys keys(signer_.public_key());
  const auto old_key = crypto::KeyPair::generate(random_).public_key;
  const auto new_key = crypto::KeyPair::generate(random_).public_key;
  ASSERT_TRUE(keys.accept(certificate("b.example.net", old_key, 5), kNow));
  EXPECT_EQ(keys.known("b.example.net", kNow), old_key);
  EXPECT_FALSE(keys.accept(certificate("b.example.net", new_key, 5), kNow));
  EXPECT_FALSE(keys.accept(certificate("b.example.net", new_key, 4), kNow));
  EXPECT_TRUE(keys.accept(certificate("b.example.net", new_key, 6), kNow));
  EXPECT_FALSE(keys.accept(certificate("b.example.net", old_key, 5), kNow));
  EXPECT_EQ(keys.known("b.example.net", kNow), new_key);
  keys.doubt("b.example.net");
  EXPECT_FALSE(keys.known("b.example.net", kNow));
}

TEST_F(IdentityTest, a_certificate_of_another_name_than_asked_for_is_not_pinned) {
  PeerKeys keys(signer_.public_key());
  const auto key = crypto::KeyPair::generate(random_).public_key;
  const auto other = certificate("c.example.net", key, 5);
  const auto refused = keys.accept_of("b.example.net", other, kNow);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kAuthentication);
  EXPECT_FALSE(keys.is_pinned("b.example.net"));
  EXPECT_FALSE(keys.is_pinned("c.example.net"));
  EXPECT_FALSE(keys.take_changed());
  ASSERT_TRUE(keys.accept_of("c.example.net", other, kNow));
  EXPECT_EQ(keys.known("c.example.net", kNow), key);
  EXPECT_FALSE(keys.accept_of("c.example.net", certificate("c.example.net", key, 4), kNow));
}

TEST_F(IdentityTest, says_a_month_ahead_that_its_certificate_will_end) {
  using std::chrono::days;
  const auto key = crypto::KeyPair::generate(random_).public_key;
  const auto ours = certificate("web.example.net", key, 1, std::chrono::hours{1}, days{365});
  EXPECT_EQ(expiry_warning(ours, kNow - days{31}), "");
  const auto of_a_month = certificate("web.example.net", key, 1, days{15}, days{15});
  EXPECT_EQ(expiry_warning(of_a_month, kNow), "") << "in five days it is renewed";
  EXPECT_NE(expiry_warning(of_a_month, kNow + days{11}), "");
  const auto warning = expiry_warning(ours, kNow - days{29});
  EXPECT_NE(warning.find("ends in 29 days"), std::string::npos) << warning;
  EXPECT_NE(warning.find("enrol web.example.net again"), std::string::npos) << warning;
}

TEST_F(IdentityTest, takes_a_new_certificate_that_is_its_own_and_ends_later) {
  using std::chrono::hours;
  const auto before = identity();
  const auto& key = before.key.public_key;
  const auto later = certificate(before.name, key, 2, hours{2});
  const auto renewed = renewed_identity(before, later, kNow);
  ASSERT_TRUE(renewed) << renewed.error().detail;
  EXPECT_EQ(renewed->certificate, later);
  EXPECT_FALSE(renewed_identity(before, before.certificate, kNow));
  EXPECT_FALSE(
      renewed_identity(before, certificate(before.name, key, 2, hours{-1}, hours{3}), kNow));
  EXPECT_FALSE(renewed_identity(before, certificate("other.example.net", key, 2, hours{2}), kNow));
  const auto stranger = crypto::KeyPair::generate(random_).public_key;
  EXPECT_FALSE(renewed_identity(before, certificate(before.name, stranger, 2, hours{2}), kNow));
  auto forged = later;
  forged.back() ^= std::byte{1};
  EXPECT_FALSE(renewed_identity(before, forged, kNow));
}

TEST_F(IdentityTest, pins_of_peers_survive_a_restart) {
  PeerKeys before(signer_.public_key());
  const auto key = crypto::KeyPair::generate(random_).public_key;
  ASSERT_TRUE(before.accept(certificate("b.example.net", key, 5), kNow));
  PeerKeys after(signer_.public_key());
  ASSERT_TRUE(after.load(before.snapshot()));
  EXPECT_FALSE(after.known("b.example.net", kNow)) << "must be looked up once, to know it lives";
  EXPECT_FALSE(after.accept(certificate("b.example.net", key, 4), kNow));
  EXPECT_TRUE(after.accept(certificate("b.example.net", key, 5), kNow));
  EXPECT_FALSE(after.load("b.example.net notakey 5\n"));
}

TEST_F(IdentityTest, answered_handshakes_are_refused_after_a_restart_too) {
  const auto caller = crypto::KeyPair::generate(random_).public_key;
  const auto file = directory_.path() + "/replay-floors";
  const auto sent = to_unix_nanoseconds(kNow);
  {
    ReplayFloors floors(file);
    ASSERT_TRUE(floors.load());
    ASSERT_TRUE(floors.accept(caller, sent));
    EXPECT_FALSE(floors.accept(caller, sent));
  }
  ReplayFloors again(file);
  ASSERT_TRUE(again.load());
  EXPECT_FALSE(again.accept(caller, sent));
  EXPECT_TRUE(again.accept(caller, sent + 1));
  EXPECT_FALSE(again.accept(caller, ~std::uint64_t{0}));
}

TEST_F(IdentityTest,
       a_handshake_that_cannot_be_kept_is_taken_only_where_a_repetition_does_no_harm) {
  const auto caller = crypto::KeyPair::generate(random_).public_key;
  const auto sent = to_unix_nanoseconds(kNow);
  ReplayFloors floors(directory_.path() + "/missing/replay-floors");
  EXPECT_EQ(floors.accept(caller, sent).error().code, ErrorCode::kIo);
  EXPECT_TRUE(floors.accept(caller, sent + 1, /*must_be_kept=*/false));
  EXPECT_FALSE(floors.accept(caller, sent + 1, /*must_be_kept=*/false));
}

}  // namespace
}  // namespace culvert::agent
