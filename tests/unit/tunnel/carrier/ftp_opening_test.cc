#include "tunnel/carrier/ftp_opening.h"

#include "tests/unit/tunnel/carrier/script.h"

namespace culvert::carrier {
namespace {

const HostPort kTarget{"service.example.net", 443};

std::shared_ptr<FtpProxyLogin> nobody() {
  return std::make_shared<FtpProxyLogin>(kTarget, std::nullopt);
}
std::shared_ptr<FtpProxyLogin> ann() {
  return std::make_shared<FtpProxyLogin>(kTarget, ProxyCredentials{"", "ann", "secret"});
}

std::optional<FtpReply> reply(std::string_view text) {
  std::size_t taken = 0;
  const auto parsed = parse_ftp_reply(as_bytes(text), taken);
  if (!parsed || !*parsed) return std::nullopt;
  EXPECT_LE(taken, text.size());
  return *parsed;
}

class FtpScript : public Scripted {};

TEST_P(FtpScript, AsksTheProxyForTheServiceAndForAFileOfIt) {
  FtpLogin login(nobody(), false);
  EXPECT_EQ(said(login), "");
  ASSERT_TRUE(hear(login, "220-Hello\r\n 220 is not the end\r\n220 of it\r\n"));
  EXPECT_EQ(said(login), "USER anonymous@service.example.net:443\r\n");
  ASSERT_TRUE(hear(login, "331 Password?\r\n"));
  EXPECT_EQ(said(login), "PASS guest@\r\n");
  ASSERT_TRUE(hear(login, "230 In.\r\n"));
  EXPECT_EQ(said(login), "TYPE I\r\n");
  ASSERT_TRUE(hear(login, "200 Binary.\n"));
  EXPECT_EQ(said(login), "PASV\r\n");
  EXPECT_FALSE(login.established());
  ASSERT_TRUE(hear(login, "227 Entering Passive Mode (198,51,100,10,8,73).\r\n"));
  ASSERT_TRUE(login.established());
  EXPECT_EQ(login.data_port(), 8 * 256 + 73);

  FtpTransfer retrieve("RETR /culvert");
  EXPECT_EQ(said(retrieve), "RETR /culvert\r\n");
  ASSERT_TRUE(hear(retrieve, "150 Here it comes.\r\n"));
  EXPECT_TRUE(retrieve.established());
}

TEST_P(FtpScript, EntersTheFolderOfAPairBeforeItsFiles) {
  FtpLogin login(nobody(), false, "/culvert-ab");
  ASSERT_TRUE(hear(login, "220 x\r\n230 x\r\n200 x\r\n"));
  EXPECT_TRUE(said(login).ends_with("TYPE I\r\nCWD /culvert-ab\r\n"));
  ASSERT_TRUE(hear(login, "250 x\r\n"));
  EXPECT_EQ(said(login), "PASV\r\n");
  FtpTransfer put("STOR file");
  EXPECT_EQ(said(put), "STOR file\r\n");
  EXPECT_NE(error_after(put, "550 x\r\n").find("answered STOR with 550"), std::string::npos);

  FtpLogin refused(nobody(), false, "/culvert-ab");
  EXPECT_NE(error_after(refused, "220 x\r\n230 x\r\n200 x\r\n550 no\r\n").find("answered CWD"),
            std::string::npos);
}

TEST_P(FtpScript, NeedsNoPasswordWhereNoneIsAskedForAndUsesEpsvByIpv6) {
  FtpLogin login(nobody(), true);
  ASSERT_TRUE(hear(login, "120 ready in 1 minute\r\n220 now\r\n230 In.\r\n200 Binary.\r\n"));
  EXPECT_EQ(said(login), "USER anonymous@service.example.net:443\r\nTYPE I\r\nEPSV\r\n");
  ASSERT_TRUE(hear(login, "229 Entering Extended Passive Mode (|||6446|)\r\n"));
  ASSERT_TRUE(login.established());
  EXPECT_EQ(login.data_port(), 6446);
}

TEST_P(FtpScript, SaysWhyTheProxyRefuses) {
  const struct {
    const char* answer;
    const char* part;
  } cases[] = {
      {"421 Too many\r\n", "too busy"},
      {"220 x\r\n530 Not you\r\n", "530 Not you: it wants another login"},
      {"220 x\r\n501 What?\r\n", "no way to another server"},
      {"220 x\r\n230 x\r\n200 x\r\n227 nowhere\r\n", "answered PASV with 227 nowhere"},
      {"220 x\r\n230 x\r\n200 x\r\n227 (1,2,3,4,0,0)\r\n", "answered PASV"},
      {"HTTP/1.1 400 Bad Request\r\n", "no FTP there"},
      {"SSH-2.0-x", "no FTP there"},
  };
  for (const auto& one : cases) {
    FtpLogin login(nobody(), false);
    const auto error = error_after(login, one.answer);
    EXPECT_NE(error.find(one.part), error.npos) << error;
  }
  FtpTransfer retrieve("RETR /culvert");
  const auto error = error_after(retrieve, "425 Cannot connect\r\n");
  EXPECT_NE(error.find("does not get to the service"), error.npos) << error;
}

TEST_P(FtpScript, EndsWithAProxyThatNeverComesToAnEnd) {
  FtpLogin endless(nobody(), false);
  std::string waiting;
  for (int i = 0; i < 40; ++i) waiting += "120 soon\r\n";
  EXPECT_NE(error_after(endless, waiting).find("answers and answers"), std::string::npos);
  FtpLogin lines(nobody(), false);
  std::string many = "220-\r\n";
  for (int i = 0; i < 6000; ++i) many += "220-more line\r\n";
  (void)said(lines);
  EXPECT_FALSE(
      carrier::hear(lines, many, 20 + GetParam()));  // octet by octet it takes half a minute
  FtpLogin line(nobody(), false);
  EXPECT_NE(error_after(line, "220 " + std::string(5000, 'x')), "none");
}

TEST_P(FtpScript, LogsInToTheProxyItselfFirst) {
  FtpLogin login(ann(), false);
  ASSERT_TRUE(hear(login, "220 x\r\n"));
  EXPECT_EQ(said(login), "USER ann\r\n");
  ASSERT_TRUE(hear(login, "331 Who says so?\r\n"));
  EXPECT_EQ(said(login), "PASS secret\r\n");
  ASSERT_TRUE(hear(login, "230 Where to?\r\n"));
  EXPECT_EQ(said(login), "USER anonymous@service.example.net:443\r\n");
  ASSERT_TRUE(hear(login, "331 x\r\n230 x\r\n"));
  EXPECT_EQ(said(login), "PASS guest@\r\nTYPE I\r\n");
}

// Whoever has refused everything has heard every form, in this order.
TEST_P(FtpScript, TriesEachFormOfALoginOnTheSameConnection) {
  FtpLogin login(ann(), false);
  ASSERT_TRUE(hear(login, "220 x\r\n500 no server in that\r\n"));
  EXPECT_EQ(said(login), "USER ann\r\nUSER anonymous@service.example.net:443\r\n");
  ASSERT_TRUE(hear(login, "530 not without a login\r\n331 x\r\n530 not you\r\n"));
  EXPECT_EQ(said(login),
            "USER anonymous@ann@service.example.net:443\r\nPASS guest@secret\r\n"
            "USER ann@anonymous@service.example.net:443\r\n");
  ASSERT_TRUE(hear(login, "501 x\r\n331 x\r\n230 x\r\n331 x\r\n501 x\r\n"));
  EXPECT_EQ(said(login),
            "USER ann@service.example.net:443\r\nPASS secret\r\nUSER anonymous\r\n"
            "PASS guest@\r\nUSER anonymous@service.example.net:443 ann\r\n");
  ASSERT_TRUE(hear(login, "331 x\r\n332 x\r\n230 x\r\n"));
  EXPECT_EQ(said(login), "PASS guest@\r\nACCT secret\r\nTYPE I\r\n");
}

TEST_P(FtpScript, GoesOnOnANewConnectionWithTheNextForm) {
  const auto shared = ann();
  FtpLogin first(shared, false);
  ASSERT_TRUE(hear(first, "220 x\r\n"));
  EXPECT_FALSE(first.receive_end());
  EXPECT_TRUE(first.wants_new_connection());
  FtpLogin second(shared, false);
  ASSERT_TRUE(hear(second, "220 x\r\n"));
  EXPECT_EQ(said(second), "USER anonymous@service.example.net:443\r\n");
}

TEST_P(FtpScript, TellsNoPasswordWhenAllIsRefusedAndStopsWhereTheServiceIsTheReason) {
  FtpLogin login(ann(), false);
  std::string all = "220 x\r\n";
  for (int i = 0; i < 6; ++i) all += "530 no\r\n";
  const auto error = error_after(login, all);
  EXPECT_NE(error.find("the login with the user of its URL"), error.npos) << error;
  EXPECT_EQ(error.find("secret"), error.npos);
  FtpLogin other(ann(), false);
  EXPECT_NE(error_after(other, "220 x\r\n331 x\r\n230 x\r\n425 no way\r\n").find("does not get to"),
            std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Seeds, FtpScript, testing::Range(0u, 20u));

TEST(FtpReply, NamesThePortOfEachFormOfPassiveReply) {
  EXPECT_EQ(passive_port(*reply("227 =10,0,0,1,1,0\r\n")), 256);
  EXPECT_EQ(passive_port(*reply("229 ok (!!!99!)\r\n")), 99);
  for (const auto* bad :
       {"227 (1,2,3,4,5)\r\n", "227 (1,2,3,4,256,1)\r\n", "227 \r\n", "229 (|||99999|)\r\n",
        "229 (||)\r\n", "229 (|||1)\r\n", "200 (1,2,3,4,5,6)\r\n"})
    EXPECT_FALSE(passive_port(*reply(bad))) << bad;
  EXPECT_EQ(reply("220\r\n")->code, 220);
  EXPECT_FALSE(reply("22\r\n"));
  EXPECT_FALSE(reply("220-x\r\n221 y\r\n"));
}

}  // namespace
}  // namespace culvert::carrier
