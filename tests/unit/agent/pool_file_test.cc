#include "agent/pool_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

namespace culvert::agent {
namespace {

using resolver::AddressPool;

class PoolFiles : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(mkdtemp(directory_.data()), nullptr); }
  void TearDown() override { (void)!std::system(("rm -r " + directory_).c_str()); }
  std::string path() const { return directory_ + "/addresses"; }
  std::string directory_ = "/tmp/culvert-pool-XXXXXX";
  loop::Loop loop_;
};

TEST_F(PoolFiles, KeepAddressesAcrossARestart) {
  const UnixTime now{std::chrono::days{20'000}};
  std::string before;
  {
    AddressPool pool(AddressPool::default_prefix());
    PoolFile file(loop_, path(), pool);
    ASSERT_TRUE(file.load()) << "no file is an empty pool";
    ASSERT_TRUE(pool.address_of("web.example.net", now));
    file.changed();
    before = pool.snapshot();
  }  // saves at the end
  struct stat facts {};
  ASSERT_EQ(stat(path().c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600u);
  AddressPool pool(AddressPool::default_prefix());
  PoolFile file(loop_, path(), pool);
  ASSERT_TRUE(file.load());
  EXPECT_EQ(pool.snapshot(), before);
}

TEST_F(PoolFiles, SetADamagedFileAside) {
  std::ofstream(path()) << "rubbish";
  AddressPool pool(AddressPool::default_prefix());
  PoolFile file(loop_, path(), pool);
  ASSERT_TRUE(file.load());
  EXPECT_EQ(access((path() + ".damaged").c_str(), F_OK), 0);
  EXPECT_NE(access(path().c_str(), F_OK), 0);
}

TEST_F(PoolFiles, SayWhyTheyCannotBeWritten) {
  AddressPool pool(AddressPool::default_prefix());
  PoolFile file(loop_, directory_ + "/missing/addresses", pool);
  const auto saved = file.save();
  ASSERT_FALSE(saved);
  EXPECT_NE(saved.error().detail.find("/missing/addresses"), std::string::npos);
}

}  // namespace
}  // namespace culvert::agent
