// How fast bulk is at 40 ms there and back and 50 MB/s, in virtual time, where each request needs a
// connection behind the middlebox that begins slowly.
#include "bulk_boxes.h"

namespace culvert::exchange {
namespace {

constexpr std::size_t kSize = 16'000'000;
constexpr double kGoal = 20;  // MB/s

double rate(World& world, ByteVector& to, ByteVector& at, std::size_t size) {
  ByteVector data(size);
  SeededRandom(9).fill(data);
  at.clear();
  to = data;
  const auto start = world.now();
  EXPECT_TRUE(world.run([&] { return at.size() == data.size(); })) << world.client().describe();
  EXPECT_TRUE(at == data);
  return static_cast<double>(size) / 1e6 /
         std::chrono::duration<double>(world.now() - start).count();
}
double up(World& world, std::size_t size = kSize) {
  return rate(world, world.to_service, world.at_service, size);
}
double down(World& world, std::size_t size = kSize) {
  return rate(world, world.to_client, world.at_client, size);
}

class ExchangeBulk : public testing::TestWithParam<BulkCase> {};
INSTANTIATE_TEST_SUITE_P(Boxes, ExchangeBulk, testing::ValuesIn(kBulkCases), name_of);

TEST_P(ExchangeBulk, FillsALongWayInBothDirections) {
  World world(1, GetParam().box);
  (void)up(world, 4'000'000);  // finds out what passes
  (void)down(world, 4'000'000);
  world.idle_for(seconds{4});
  const auto before = world.requests();
  EXPECT_GE(up(world), kGoal) << world.client().describe();
  EXPECT_LE(world.requests() - before, 60u) << "they are large";
  EXPECT_GE(down(world), kGoal) << world.client().describe();
  EXPECT_LE(world.most_connections(), Client::kMaxLanes);
}

// It says nothing of closing: each request on such a connection is lost and goes again.
TEST(ExchangeBulkTrouble, AMiddleboxThatClosesBehindEachAnswerCostsLittle) {
  World world(2, {.holds_requests = true,
                  .holds_answers = true,
                  .closes = true,
                  .dials = true,
                  .rate = kBulkRate});
  (void)up(world, 4'000'000);
  EXPECT_GE(up(world), 0.8 * kGoal);
}

}  // namespace
}  // namespace culvert::exchange
