#include "agent/listener_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "agent/stand_in.h"

namespace culvert::agent {
namespace {

const std::string kBoot = "4c1ad0c0-2f0b-4c0b-9a53-5f0f8d0c8d3a";

class ListenerFiles : public ::testing::Test, protected ListenerFile::Source {
 protected:
  void SetUp() override {
    ASSERT_NE(mkdtemp(directory_.data()), nullptr);
    told_.tcp.push_back({16, {1000, 1001}});
    told_.tcp.back().program = "/usr/bin/node";
    told_.tcp.push_back(
        {18, {1000, 1001, false, 18}, std::string(kTokenSize, 'a'), {IpAddress::v4(0), 80}});
    told_.udp.push_back({17, {1000, 1002}});
    told_.udp.back().kernel_chose = true;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  ToldListeners told_listeners() const override {
    ++asked_;
    return told_;
  }
  ListenerFile file(const std::string& boot = kBoot) {
    return {loop_, path(), boot, static_cast<const ListenerFile::Source&>(*this)};
  }
  void save() {
    auto one = file();
    one.changed();
    one.save();
  }
  std::string path() const { return directory_ + "/listeners"; }

  std::string directory_ = "/tmp/culvert-listeners-XXXXXX";
  loop::Loop loop_;
  ToldListeners told_;
  mutable int asked_ = 0;
};

TEST_F(ListenerFiles, GiveBackWhatProgramsHaveTold) {
  save();
  const auto left = file().load();
  ASSERT_TRUE(left) << left.error().detail;
  ASSERT_EQ(left->tcp.size(), 2u);
  ASSERT_EQ(left->udp.size(), 1u);
  EXPECT_EQ(left->tcp[0].cookie, 16u);
  EXPECT_EQ(left->tcp[0].asker.uid, 1001u);
  EXPECT_EQ(left->tcp[0].asker.shown, 0u);
  EXPECT_EQ(left->tcp[0].program, "/usr/bin/node");
  EXPECT_EQ(left->tcp[1].asker.shown, 18u) << "it has shown that it holds another user's socket";
  EXPECT_EQ(left->tcp[1].token, std::string(kTokenSize, 'a'));
  EXPECT_TRUE(left->udp[0].kernel_chose);
}

TEST_F(ListenerFiles, AreNobodyElsesToRead) {
  save();
  struct stat facts {};
  ASSERT_EQ(stat(path().c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600u);
}

TEST_F(ListenerFiles, AreNotBelievedIfOthersMayHaveWrittenThem) {
  save();
  ASSERT_EQ(chmod(path().c_str(), 0602), 0);
  EXPECT_FALSE(file().load());
}

TEST_F(ListenerFiles, AreOfNoUseAfterTheMachineWasStartedAgain) {
  save();
  const auto left = file("another boot").load();
  ASSERT_TRUE(left);
  EXPECT_TRUE(left->tcp.empty() && left->udp.empty());
  std::ofstream(path(), std::ios::trunc);  // as a power cut leaves them
  EXPECT_TRUE(file().load());
}

TEST_F(ListenerFiles, AreRefusedWhenTheyAreCut) {
  save();
  const auto size = std::filesystem::file_size(path());
  std::filesystem::resize_file(path(), size - 1);
  EXPECT_FALSE(file().load());
}

TEST_F(ListenerFiles, KeepNothingWhereTheBootIsUnknown) {
  auto one = file("");
  one.changed();
  one.save();
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(ListenerFiles, AreWrittenOnceForManyChanges) {
  auto one = file();
  for (int i = 0; i < 100; ++i) one.changed();
  while (asked_ == 0) loop_.run_once();
  EXPECT_TRUE(std::filesystem::exists(path()));
  one.save();
  EXPECT_EQ(asked_, 1);
}

}  // namespace
}  // namespace culvert::agent
