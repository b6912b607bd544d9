#include "service/strangers.h"

#include <gtest/gtest.h>

namespace culvert::service {
namespace {

struct StrangersTest : testing::Test {
  Limits limits{.unauthenticated = 1000, .unauthenticated_per_address = 10};
  Strangers strangers{limits};
  std::vector<std::unique_ptr<Strangers::Place>> taken;
  bool take(const std::string& from) {
    const char* full = "";
    auto place = strangers.take(*IpAddress::parse(from), full);
    if (place) taken.push_back(std::move(place));
    return taken.size() != 0 && std::string(full).empty();
  }
};

TEST_F(StrangersTest, OneAddressGetsItsPartAndOthersTheirs) {
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(take("192.0.2.1"));
  EXPECT_FALSE(take("192.0.2.1"));
  EXPECT_FALSE(take("::ffff:192.0.2.1"));
  EXPECT_TRUE(take("192.0.2.2"));
  taken.clear();
  EXPECT_TRUE(take("192.0.2.1"));
}

TEST_F(StrangersTest, AddressesOfOneSubnetAreOne) {
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(take("2001:db8::" + std::to_string(i)));
  EXPECT_FALSE(take("2001:db8::ffff"));
  EXPECT_TRUE(take("2001:db8:0:1::1"));
}

TEST_F(StrangersTest, WhoHasAWholeSiteGetsNotAllPlaces) {
  int places = 0;
  for (int subnet = 0; subnet < 200; ++subnet)
    places += take("2001:db8:7:" + std::to_string(subnet) + "::1") ? 1 : 0;
  EXPECT_EQ(places, 40);
  EXPECT_TRUE(take("2001:db8:8::1"));
  taken.clear();
  EXPECT_TRUE(take("2001:db8:7:9999::1"));
}

}  // namespace
}  // namespace culvert::service
