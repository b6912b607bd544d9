#include "tunnel/carrier/proxy_login.h"

#include "tests/unit/tunnel/carrier/script.h"
#include "tunnel/carrier/digests.h"
#include "tunnel/carrier/http_connect.h"
#include "tunnel/carrier/ntlm.h"

namespace culvert::carrier {
namespace {

const HostPort kService{"service.example.net", 443};
const ProxyCredentials kAnn{"", "ann", "secret"};

std::shared_ptr<ProxyLogin> login(std::optional<ProxyCredentials> credentials = kAnn) {
  static SystemRandom random;
  return std::make_shared<ProxyLogin>(std::move(credentials), random, UnixTime{});
}

std::string question(const std::string& challenges, const std::string& more = "") {
  return "HTTP/1.1 407 Proxy Authentication Required\r\n" + challenges + "Content-Length: 5\r\n" +
         more + "\r\nhello";
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

class LoginScript : public Scripted {};

TEST_P(LoginScript, SaysNothingUntilItIsAskedAndThenBasicOnTheSameConnection) {
  HttpConnect layer(kService, login());
  EXPECT_FALSE(has(said(layer), "Authorization"));
  ASSERT_TRUE(hear(layer, question("Proxy-Authenticate: Basic realm=\"x\"\r\n")));
  EXPECT_TRUE(has(said(layer), "Proxy-Authorization: Basic YW5uOnNlY3JldA==\r\n"));
  ASSERT_TRUE(hear(layer, "HTTP/1.1 200 OK\r\n\r\n"));
  EXPECT_TRUE(layer.established());
}

TEST_P(LoginScript, PassesOverAChunkedPageBeforeItAnswers) {
  HttpConnect layer(kService, login());
  (void)said(layer);
  ASSERT_TRUE(hear(layer,
                   "HTTP/1.1 407 x\r\nProxy-Authenticate: Basic\r\nTransfer-Encoding: "
                   "chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"));
  EXPECT_TRUE(has(said(layer), "Basic"));
}

TEST_P(LoginScript, TriesTheStrongestFirstAndFallsBack) {
  HttpConnect layer(kService, login());
  (void)said(layer);
  const auto all = question(
      "Proxy-Authenticate: Basic realm=\"a, b\", NTLM, Digest realm=\"c\", nonce=\"n1\", "
      "qop=\"auth\"\r\n"
      "Proxy-Authenticate: Digest realm=\"c\", nonce=\"n2\", algorithm=SHA-256, "
      "qop=\"auth,auth-int\"\r\n");
  ASSERT_TRUE(hear(layer, all));
  auto request = said(layer);
  EXPECT_TRUE(has(request, "Digest username=\"ann\", realm=\"c\", nonce=\"n2\"")) << request;
  EXPECT_TRUE(has(request, "nc=00000001"));
  ASSERT_TRUE(hear(layer, all));
  request = said(layer);
  EXPECT_TRUE(has(request, "NTLM TlRMTVNTUAAB")) << request;
  ASSERT_TRUE(hear(layer, all));
  EXPECT_TRUE(has(said(layer), "Basic YW5uOnNlY3JldA=="));
  const auto done = hear(layer, all);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kAuthentication);
  EXPECT_TRUE(has(done.error().detail, "does not accept the user or password"));
  EXPECT_FALSE(has(done.error().detail, "secret"));
}

TEST_P(LoginScript, AnswersAStaleNonceWithTheSamePassword) {
  HttpConnect layer(kService, login());
  (void)said(layer);
  ASSERT_TRUE(hear(layer, question("Proxy-Authenticate: Digest realm=\"c\", nonce=\"n1\"\r\n")));
  EXPECT_TRUE(has(said(layer), "nonce=\"n1\""));
  ASSERT_TRUE(hear(
      layer, question("Proxy-Authenticate: Digest realm=\"c\", nonce=\"n2\", stale=true\r\n")));
  EXPECT_TRUE(has(said(layer), "nonce=\"n2\""));
  EXPECT_FALSE(hear(
      layer, question("Proxy-Authenticate: Digest realm=\"c\", nonce=\"n3\", stale=false\r\n")));
}

TEST_P(LoginScript, EndsALoopOfQuestions) {
  HttpConnect layer(kService, login());
  (void)said(layer);
  const auto stale =
      question("Proxy-Authenticate: Digest realm=\"c\", nonce=\"n\", stale=true\r\n");
  int rounds = 0;
  while (hear(layer, stale)) ASSERT_LT(++rounds, 20);
  EXPECT_EQ(rounds, 8);
}

TEST_P(LoginScript, NeedsANewConnectionWhenTheProxyEndsItsOwn) {
  const auto shared = login();
  HttpConnect layer(kService, shared);
  (void)said(layer);
  const auto done = hear(layer, question("Proxy-Authenticate: Basic\r\n", "Connection: close\r\n"));
  ASSERT_FALSE(done);
  EXPECT_TRUE(layer.wants_new_connection());
  shared->connection_lost();
  HttpConnect second(kService, shared);
  EXPECT_TRUE(has(said(second), "Basic"));
}

TEST_P(LoginScript, TellsNothingWithoutCredentials) {
  HttpConnect layer(kService, login(std::nullopt));
  (void)said(layer);
  const auto done = hear(layer, question("Proxy-Authenticate: Basic\r\n"));
  ASSERT_FALSE(done);
  EXPECT_TRUE(has(done.error().detail, "wants to know who asks"));
  EXPECT_EQ(said(layer), "");
}

INSTANTIATE_TEST_SUITE_P(Seeds, LoginScript, testing::Range(0u, 8u));

TEST(ProxyLogin, NamesWhatIsOfferedWhenNothingIsKnown) {
  HttpConnect layer(kService, login());
  const auto done = hear(layer, question("Proxy-Authenticate: Negotiate\r\n"), 40);
  ASSERT_FALSE(done);
  EXPECT_TRUE(has(done.error().detail, "it offers: negotiate")) << done.error().detail;
}

TEST(Challenges, AreTakenApart) {
  const auto all = parse_challenges(
      {"Newauth realm=\"apps\", type=1, title=\"Login to \\\"apps\\\"\", Basic realm=\"simple\"",
       "NTLM TlRMTVNTUAACAAAA==, negotiate", ",, , =", "Digest nonce = \"x\" ,qop=auth"});
  ASSERT_EQ(all.size(), 5u);
  EXPECT_EQ(all[0].get("title"), "Login to \"apps\"");
  EXPECT_EQ(all[1].scheme, "basic");
  EXPECT_EQ(all[1].get("realm"), "simple");
  EXPECT_EQ(all[2].token68, "TlRMTVNTUAACAAAA==");
  EXPECT_EQ(all[3].scheme, "negotiate");
  EXPECT_EQ(all[4].get("nonce"), "x");
  EXPECT_EQ(all[4].get("qop"), "auth");
}

TEST(DigestLogin, AnswersAsInTheRfc) {  // RFC 7616 section 3.9.1
  const ProxyCredentials mufasa{"", "Mufasa", "Circle of Life"};
  const std::string rest =
      "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", "
      "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", "
      "opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\", algorithm=";
  const std::string cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
  const std::pair<const char*, const char*> cases[] = {
      {"MD5", "8ca523f5e9506fed4657c9700eebdbec"},
      {"SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"}};
  for (const auto& [algorithm, response] : cases) {
    const auto text = rest + algorithm;
    const auto challenges = parse_challenges({text});
    ASSERT_EQ(challenges.size(), 1u);
    auto digest = DigestLogin::make(challenges[0]);
    ASSERT_TRUE(digest);
    const auto answer = digest->authorization(mufasa, "GET", "/dir/index.html", cnonce);
    EXPECT_TRUE(has(answer, "response=\"" + std::string(response) + "\"")) << answer;
  }
}

TEST(Ntlm, AnswersAsInTheSpecification) {  // [MS-NLMP] section 4.2.4
  const auto challenge = from_hex(
      "4e544c4d53535000 02000000 0c000c0038000000 33828ae2 0123456789abcdef 0000000000000000"
      "24002400 44000000 0600 7017 0000 000f 5300650072007600650072 00"
      "02000c0044006f006d00610069006e00 01000c005300650072007600650072000000 0000");
  ASSERT_EQ(challenge.size(), 0x44u + 0x24u);
  NtlmNonce nonce;
  nonce.fill(std::byte{0xaa});
  const auto message = ntlm_authenticate(challenge, {"Domain", "User", "Password"}, nonce,
                                         /*time=*/0);
  ASSERT_TRUE(message) << message.error().detail;
  const auto hex = to_hex(*message);
  EXPECT_TRUE(has(hex, "86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa")) << hex;
  EXPECT_TRUE(has(hex, "68cd0ab851e51c96aabc927bebef6a1c")) << hex;
}

TEST(Ntlm, RefusesABrokenChallenge) {
  const NtlmNonce nonce{};
  const auto head =
      from_hex("4e544c4d53535000 02000000 0000000000000000 01008000 0123456789abcdef");
  EXPECT_TRUE(ntlm_authenticate(head, kAnn, nonce, 0)) << "old servers send no more than this";
  for (std::size_t size = 0; size < head.size(); ++size)
    EXPECT_FALSE(ntlm_authenticate(Bytes{head}.first(size), kAnn, nonce, 0));
  auto far = head;
  append(far, from_hex("0000000000000000 ffff ffff ffffff7f"));
  EXPECT_FALSE(ntlm_authenticate(far, kAnn, nonce, 0));
}

}  // namespace
}  // namespace culvert::carrier
