// The worker process itself, with scripts from files.
#include "tunnel/proxies/pac_run.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>

namespace culvert::proxies {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class PacRunTest : public testing::Test, private NameLookup, private loop::Timer::Listener {
 public:
  PacRunTest() : later_(loop_, *this) {}

 protected:
  struct Outcome final : PacRun::Listener {
    void on_pac_answer(PacRun&, Result<PacAnswer> got) override { answer = std::move(got); }
    std::optional<Result<PacAnswer>> answer;
  };

  Result<PacAnswer> ask(const std::string& url, const std::string& worker = CULVERT_PAC_WORKER) {
    Outcome outcome;
    PacRun run(loop_, worker, {url, "service.example.net", 443, "10.1.2.3"},
               static_cast<NameLookup&>(*this), outcome);
    while (!outcome.answer) loop_.run_once();
    return std::move(*outcome.answer);
  }
  Result<PacAnswer> run_script(const std::string& script) {
    char path[] = "/tmp/culvert-pac-XXXXXX";
    const int fd = ::mkstemp(&path[0]);
    ::fchmod(fd, 0644);  // the worker may be nobody
    ::close(fd);
    std::ofstream(path) << script;
    auto answer = ask("file://" + std::string(path));
    ::unlink(&path[0]);
    return answer;
  }
  std::vector<std::string> asked_;

 private:
  void look_up(const std::string& host, Answer& answer) override {
    asked_.push_back(host);
    answer_ = &answer;
    later_.start(Duration::zero());
  }
  void forget() override { answer_ = nullptr; }
  void on_timer(loop::Timer&) override {
    if (answer_ != nullptr) std::exchange(answer_, nullptr)->on_looked_up("10.9.8.7");
  }
  loop::Loop loop_;
  loop::Timer later_;
  Answer* answer_ = nullptr;
};

TEST_F(PacRunTest, asks_the_script_for_every_kind_of_url) {
  const auto answer = run_script(
      "function FindProxyForURL(url, host) { if (url.substring(0, 4) == 'ftp:') return 'SOCKS5 "
      "socks:1080'; return 'PROXY ' + host + ':3128; DIRECT'; }");
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_THAT(answer->urls, ElementsAre("http://service.example.net:3128", "socks5://socks:1080"));
  EXPECT_TRUE(answer->direct);
}

TEST_F(PacRunTest, resolves_names_for_the_script) {
  const auto answer = run_script(
      "function FindProxyForURL(url, host) { return isInNet('inside.test', '10.9.0.0', "
      "'255.255.0.0') ? 'PROXY ' + dnsResolve('other.test') + ':1' : 'DIRECT'; }");
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_THAT(answer->urls, ElementsAre("http://10.9.8.7:1"));
  EXPECT_THAT(asked_, testing::Contains("inside.test"));
}

TEST_F(PacRunTest, stops_an_endless_loop) {
  const auto answer = run_script("while (true) {}");
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().detail, HasSubstr("stopped"));
}

TEST_F(PacRunTest, stops_a_script_that_never_returns) {
  const auto answer = run_script("function FindProxyForURL() { for (;;) ; }");
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().detail, HasSubstr("stopped"));
}

TEST_F(PacRunTest, stops_a_regular_expression_without_end) {
  const auto answer = run_script(
      "function FindProxyForURL() { return /^(a+)+$/.test(new Array(60).join('a') + '!') ? 'PROXY "
      "a:1' : 'DIRECT'; }");
  if (answer)
    EXPECT_THAT(answer->urls, IsEmpty());  // an engine that gives up is fine, too
  else
    EXPECT_THAT(answer.error().detail, testing::AnyOf(HasSubstr("stopped"), HasSubstr("failed")));
}

TEST_F(PacRunTest, survives_a_script_that_eats_memory) {
  const auto answer =
      run_script("function FindProxyForURL() { var s = 'xxxxxxxx'; while (true) s += s; }");
  ASSERT_FALSE(answer);
  // On a busy machine its time is over before its memory is.
  EXPECT_THAT(answer.error().detail,
              testing::AnyOf(HasSubstr("FindProxyForURL failed"), HasSubstr("stopped")));
}

TEST_F(PacRunTest, takes_the_proxies_out_of_the_text_of_a_script_that_does_not_load) {
  const auto answer = run_script("const f = (u) => `PROXY proxy.corp.test:3128`;");
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_THAT(answer->urls, ElementsAre("http://proxy.corp.test:3128"));
}

TEST_F(PacRunTest, takes_the_proxies_out_of_the_text_of_a_script_that_always_throws) {
  const auto answer = run_script(
      "function FindProxyForURL() { undefinedThing(); return 'PROXY proxy.corp.test:3128'; }");
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_THAT(answer->urls, ElementsAre("http://proxy.corp.test:3128"));
}

TEST_F(PacRunTest, says_why_there_is_no_script) {
  auto answer = ask("file:///nonexistent/proxy.pac");
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().detail, HasSubstr("/nonexistent/proxy.pac"));
  answer = ask("gopher://x/proxy.pac");
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().detail, HasSubstr("gopher"));
}

TEST_F(PacRunTest, says_that_its_worker_is_missing) {
  const auto answer = ask("file:///x", "/nonexistent/culvert-pac");
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().detail, HasSubstr("/nonexistent/culvert-pac"));
}

}  // namespace
}  // namespace culvert::proxies
