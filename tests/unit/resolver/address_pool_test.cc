#include "resolver/address_pool.h"

#include <gtest/gtest.h>

#include <set>

namespace culvert::resolver {
namespace {

const UnixTime kStart{std::chrono::days{20'000}};
UnixTime after(std::chrono::days days) { return kStart + days; }
IpPrefix prefix(const char* text) { return *IpPrefix::parse(text); }

TEST(AddressPool, GivesANameTheSameAddressAlwaysAndTheNameBack) {
  AddressPool pool(AddressPool::default_prefix());
  const auto first = *pool.address_of("web.example.net", kStart);
  EXPECT_TRUE(AddressPool::default_prefix().contains(first));
  EXPECT_EQ(*pool.address_of("web.example.net", after(std::chrono::days{100})), first);
  EXPECT_EQ(pool.name_of(first, after(std::chrono::days{100})), "web.example.net");
  EXPECT_EQ(pool.name_of(IpAddress::v4(0x7f400001), kStart), "");
  EXPECT_EQ(pool.name_of(*IpAddress::parse("::1"), kStart), "");
}

TEST(AddressPool, GivesTheSameAddressAgainAfterTheSnapshotWasLost) {
  AddressPool one(AddressPool::default_prefix()), other(AddressPool::default_prefix());
  ASSERT_TRUE(other.address_of("first.example.net", kStart));
  EXPECT_EQ(*one.address_of("web.example.net", kStart),
            *other.address_of("web.example.net", kStart));
  // Programs remember addresses for months: the hash must stay what it is.
  EXPECT_EQ(one.address_of("web.example.net", kStart)->to_string(), "127.94.255.252");
}

TEST(AddressPool, GivesEachNameItsOwnAddressAndNoneThatLooksLikeABroadcast) {
  AddressPool pool(prefix("127.64.0.0/22"));
  std::set<IpAddress> given;
  for (int i = 0; i < 4 * 254; ++i) {
    const auto address = pool.address_of("host" + std::to_string(i) + ".example.net", kStart);
    ASSERT_TRUE(address) << i;
    EXPECT_TRUE(given.insert(*address).second);
    EXPECT_NE(address->octets()[3], 0);
    EXPECT_NE(address->octets()[3], 255);
  }
  const auto full = pool.address_of("one.too.many", kStart);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ErrorCode::kExhausted);
}

TEST(AddressPool, ReusesAnAddressOnlyAfterItRested) {
  AddressPool pool(prefix("127.64.1.16/28"));
  for (int i = 0; i < 16; ++i)
    ASSERT_TRUE(pool.address_of("old" + std::to_string(i) + ".example.net", kStart));
  const auto old = *pool.address_of("old3.example.net", kStart);
  const auto resting = after(kKeepFor + std::chrono::days{1});
  EXPECT_EQ(pool.name_of(old, resting), "") << "it means nothing to anybody while it rests";
  EXPECT_FALSE(pool.address_of("new.example.net", resting));
  EXPECT_EQ(*pool.address_of("old3.example.net", resting), old) << "its own name may have it back";
  const auto rested = after(kKeepFor + kQuarantine + std::chrono::days{1});
  const auto reused = pool.address_of("new.example.net", rested);
  ASSERT_TRUE(reused);
  EXPECT_NE(*reused, old) << "old3 was asked for meanwhile";
  EXPECT_EQ(pool.name_of(old, rested), "old3.example.net");
}

TEST(AddressPool, KeepsAnAddressThatIsStillTouched) {
  AddressPool pool(AddressPool::default_prefix());
  const auto address = *pool.address_of("web.example.net", kStart);
  pool.touch(address, after(std::chrono::days{179}));
  EXPECT_EQ(pool.name_of(address, after(std::chrono::days{300})), "web.example.net");
}

TEST(AddressPool, IsTheSameAfterASnapshot) {
  AddressPool pool(AddressPool::default_prefix());
  for (int i = 0; i < 1000; ++i)
    ASSERT_TRUE(pool.address_of("h" + std::to_string(i) + ".example.net",
                                after(std::chrono::days{i % 50})));
  const auto text = pool.snapshot();
  AddressPool again(AddressPool::default_prefix());
  ASSERT_TRUE(again.load(text));
  EXPECT_EQ(again.snapshot(), text);
  EXPECT_EQ(again.size(), 1000u);
  for (int i = 0; i < 1000; ++i) {
    const auto name = "h" + std::to_string(i) + ".example.net";
    EXPECT_EQ(*again.address_of(name, kStart), *pool.address_of(name, kStart));
  }
}

TEST(AddressPool, LeavesNamesOfAnotherPrefixOut) {
  AddressPool pool(prefix("127.64.0.0/10")), moved(prefix("127.128.0.0/10"));
  ASSERT_TRUE(pool.address_of("web.example.net", kStart));
  ASSERT_TRUE(moved.load(pool.snapshot()));
  EXPECT_EQ(moved.size(), 0u);
}

TEST(AddressPool, RefusesADamagedSnapshotAndStaysAsItWas) {
  AddressPool pool(AddressPool::default_prefix());
  ASSERT_TRUE(pool.address_of("web.example.net", kStart));
  const auto good = pool.snapshot();
  const std::string head = "culvert-address-pool 1 127.64.0.0/10\n";
  for (const std::string& bad :
       {std::string(), std::string("rubbish\n"), good.substr(0, good.size() - 1),
        head + "127.64.0.1 5\n", head + "127.64.0.1 x a.net\n", head + "::1 5 a.net\n",
        head + "127.64.0.1 5 A.net\n", head + "127.64.0.1 -5 a.net\n",
        head + "127.64.0.1 5 a.net\n127.64.0.1 5 b.net\n",
        head + "127.64.0.1 5 a.net\n127.64.0.2 5 a.net\n", head + "\n"}) {
    EXPECT_FALSE(pool.load(bad)) << bad;
    EXPECT_EQ(pool.snapshot(), good);
  }
}

TEST(AddressPool, SaysOnceThatItChangedAndForDatesOnceADay) {
  AddressPool pool(AddressPool::default_prefix());
  EXPECT_FALSE(pool.take_changed());
  ASSERT_TRUE(pool.address_of("web.example.net", kStart));
  EXPECT_TRUE(pool.take_changed());
  EXPECT_FALSE(pool.take_changed());
  ASSERT_TRUE(pool.address_of("web.example.net", kStart + std::chrono::hours{3}));
  EXPECT_FALSE(pool.take_changed());
  ASSERT_TRUE(pool.address_of("web.example.net", after(std::chrono::days{1})));
  EXPECT_TRUE(pool.take_changed());
}

TEST(AddressPool, WantsAnIpv4PrefixOfUsefulSize) {
  EXPECT_TRUE(AddressPool::check_prefix(prefix("127.64.0.0/10")));
  EXPECT_FALSE(AddressPool::check_prefix(prefix("127.0.0.0/30")));
  EXPECT_FALSE(AddressPool::check_prefix(prefix("0.0.0.0/0")));
  EXPECT_FALSE(AddressPool::check_prefix(prefix("2001:db8::/32")));
}

}  // namespace
}  // namespace culvert::resolver
