#include "agent/run_command.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fstream>
#include <thread>

#include "agent/agent_client.h"
#include "agent/private_agent.h"
#include "agent/program_path.h"
#include "tests/unit/agent/program_lab.h"

namespace culvert::agent::testing {
namespace {

struct Ran {
  int status = -1;
  std::string output;  // standard output and error
};

Ran run(std::vector<std::string> words, const std::string& environment = {}) {
  int ends[2]{};
  EXPECT_EQ(pipe(&ends[0]), 0);
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    unsetenv("CULVERT_AGENT");
    setenv("XDG_RUNTIME_DIR", "/nonexistent", 1);
    setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
    if (!environment.empty()) setenv("LD_PRELOAD", environment.c_str(), 1);
    std::vector<char*> arguments;
    arguments.reserve(words.size());
    for (auto& word : words) arguments.push_back(word.data());
    const int status = run_command(arguments);
    std::fflush(nullptr);
    _exit(status);
  }
  close(ends[1]);
  Ran ran;
  char part[4096];
  for (ssize_t size; (size = read(ends[0], &part[0], sizeof part)) > 0;)
    ran.output.append(&part[0], static_cast<std::size_t>(size));
  close(ends[0]);
  waitpid(child, &ran.status, 0);
  return ran;
}

int exit_status(const Ran& ran) { return WIFEXITED(ran.status) ? WEXITSTATUS(ran.status) : -1; }

TEST(RunCommand, ExplainsItself) {
  const auto help = run({"--help"});
  EXPECT_EQ(exit_status(help), 0);
  EXPECT_NE(help.output.find("usage: culvert run"), std::string::npos);
  EXPECT_EQ(exit_status(run({})), 125);
  EXPECT_EQ(exit_status(run({"--frobnicate"})), 125);
  EXPECT_EQ(exit_status(run({"--agent"})), 125);
}

TEST(RunCommand, GivesTheStatusOfEnvForMissingCommands) {
  EXPECT_EQ(exit_status(run({"no-such-command-anywhere"})), 127);
  EXPECT_EQ(exit_status(run({"--", "/etc/passwd"})), 126);
}

TEST(RunCommand, SaysWhatToDoWithoutAnAgent) {
  const auto refused = run({"--agent", "/nonexistent/agent.sock", "true"});
  EXPECT_EQ(exit_status(refused), 125);
  EXPECT_NE(refused.output.find("no agent answers on '/nonexistent/agent.sock'"),
            std::string::npos);
}

TEST(RunCommand, BecomesTheCommand) {
  ProgramLab lab({});
  const auto shim = own_directory() + "/libculvert-shim.so";
  lab.run([&] {
    const std::string script =
        R"(echo "$CULVERT_AGENT $CULVERT_POOL $CULVERT_DOMAINS $LD_PRELOAD"; exit 7)";
    const auto shown = run({"--agent=" + lab.socket_path(), "--", "sh", "-c", script}, shim);
    EXPECT_EQ(exit_status(shown), 7);
    EXPECT_EQ(shown.output, lab.socket_path() + " 127.64.0.0/10 example.net " + shim + "\n")
        << "an LD_PRELOAD that has the shim already stays as it is";
    const auto killed = run({"--agent", lab.socket_path(), "sh", "-c", "kill -TERM $$"});
    EXPECT_TRUE(WIFSIGNALED(killed.status));
  });
}

class PrivateAgent : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(mkdtemp(directory_.data()), nullptr);
    setenv("XDG_RUNTIME_DIR", directory_.c_str(), 1);
    setenv("XDG_STATE_HOME", directory_.c_str(), 1);
  }
  void TearDown() override { (void)!std::system(("rm -r " + directory_).c_str()); }
  std::string script(const std::string& text) {
    auto path = directory_ + "/culvert-agent";
    std::ofstream(path) << text;
    chmod(path.c_str(), 0755);
    return path;
  }
  std::string directory_ = "/tmp/culvert-private-XXXXXX";
};

TEST_F(PrivateAgent, TellsWhyItEndedAtOnce) {
  const auto result = start_private_agent(
      script("#!/bin/sh\necho 'error agent why=\"not enrolled\"' >&2\nexit 1\n"), "agent.toml",
      std::chrono::seconds{10});
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().detail.find("not enrolled"), std::string::npos) << result.error().detail;
  const auto missing =
      start_private_agent("/nonexistent/culvert-agent", "agent.toml", std::chrono::seconds{10});
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().detail.find("cannot execute"), std::string::npos);
}

TEST_F(PrivateAgent, IsReadyWhenItSaysSoAndIsNoChildOfOurs) {
  if (!find_program("python3", "/usr/bin:/bin")) GTEST_SKIP() << "needs python3";
  const auto result = start_private_agent(
      script("#!/usr/bin/python3\n"
             "import os, socket, sys\n"
             "assert sys.argv[1:4] == ['--config', 'agent.toml', '--control-socket'], sys.argv\n"
             "assert sys.argv[5] == '--until-exit-of' and sys.argv[6].isdigit()\n"
             "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
             "s.sendto(b'STATUS=up\\nREADY=1', os.environ['NOTIFY_SOCKET'])\n"),
      "agent.toml", std::chrono::seconds{20});
  ASSERT_TRUE(result) << result.error().detail;
  EXPECT_TRUE(result->ends_with("/agent.sock"));
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

}  // namespace
}  // namespace culvert::agent::testing
