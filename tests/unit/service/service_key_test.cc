#include "service/service_key.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "temporary_directory.h"

namespace culvert::service {
namespace {

TEST(ServiceKey, IsMadeOnceAndStaysTheSame) {
  const TemporaryDirectory directory;
  SystemRandom random;
  const auto file = directory.path() / "service.key";
  const auto made = load_or_create_key(file, random), read = load_or_create_key(file, random);
  ASSERT_TRUE(made);
  ASSERT_TRUE(read);
  EXPECT_EQ(made->identity.public_key, read->identity.public_key);
  EXPECT_EQ(made->signing.public_key(), read->signing.public_key());
  struct stat facts {};
  ASSERT_EQ(::stat(file.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600u);
}

TEST(ServiceKey, IsRefusedWhenOthersMayReadIt) {
  const TemporaryDirectory directory;
  SystemRandom random;
  const auto file = directory.path() / "service.key";
  ASSERT_TRUE(load_or_create_key(file, random));
  ::chmod(file.c_str(), 0640);
  const auto refused = load_or_create_key(file, random);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().detail.find("chmod 600"), std::string::npos);
}

TEST(ServiceKey, IsNeverReplacedWhenDamaged) {
  const TemporaryDirectory directory;
  SystemRandom random;
  const auto file = directory.path() / "service.key";
  ASSERT_TRUE(*create_private_file(file, "culvert-service key 1\nidentity abc\n"));
  EXPECT_FALSE(load_or_create_key(file, random));
  EXPECT_FALSE(*create_private_file(file, "another"));
  EXPECT_NE(read_private_file(file)->find("identity abc"), std::string::npos);
}

TEST(StateDirectory, IsRefusedWithoutItsKeyOrItsDatabase) {
  const TemporaryDirectory directory;
  const auto key = directory.path() / "service.key", database = directory.path() / "service.db";
  EXPECT_TRUE(check_complete(key, database)) << "the first start";
  std::ofstream{key};
  const auto no_database = check_complete(key, database);
  ASSERT_FALSE(no_database);
  EXPECT_NE(no_database.error().detail.find("restore it"), std::string::npos);
  std::ofstream{database};
  EXPECT_TRUE(check_complete(key, database));
  std::filesystem::remove(key);
  EXPECT_FALSE(check_complete(key, database));
}

TEST(StateDirectory, IsRefusedWhenOthersMayWriteToIt) {
  const TemporaryDirectory directory;
  ASSERT_TRUE(make_state_directory(directory.path()));
  ::chmod(directory.path().c_str(), 0770);
  const auto refused = make_state_directory(directory.path());
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().detail.find("chmod 700"), std::string::npos) << refused.error().detail;
}

}  // namespace
}  // namespace culvert::service
