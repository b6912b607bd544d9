// Who is found under a name, by whom, and when.
#include "service/directory.h"

#include <gtest/gtest.h>

#include "service/client_link.h"

namespace culvert::service {
namespace {

using namespace std::chrono_literals;
const auto kNow = TimePoint{} + 1h;

class DirectoryTest : public testing::Test {
 protected:
  // No session is needed to be told of one: nobody here posts work to it.
  loop::Remote<ClientLink> somebody() { return {reinterpret_cast<ClientLink&>(memory_), mailbox_}; }
  Directory::Place enter(const std::string& name, std::string_view certificate = "c") {
    const auto bytes = as_bytes(certificate);
    return directory_.enter(name, ByteVector(bytes.begin(), bytes.end()), mailbox_);
  }
  bool finds(std::string_view name, std::string_view caller = {}, TimePoint now = kNow) {
    return directory_.reachable(name, caller, now).has_value();
  }
  alignas(16) std::array<std::byte, 16> memory_{};
  loop::Loop loop_;
  loop::Mailbox mailbox_{loop_};
  Directory directory_;
};

TEST_F(DirectoryTest, ShowsWhoHasComeAndPublishesSomething) {
  const auto place = enter("a.example.net");
  EXPECT_FALSE(finds("a.example.net"));
  directory_.set_published(place, true);
  EXPECT_FALSE(finds("a.example.net")) << "its session is on its way to its loop";
  directory_.set_link(place, somebody());
  ASSERT_TRUE(finds("a.example.net"));
  EXPECT_EQ(as_text(directory_.reachable("a.example.net", {}, kNow)->certificate), "c");
  EXPECT_FALSE(finds("b.example.net"));
  directory_.set_published(place, false);
  EXPECT_FALSE(finds("a.example.net"));
}

TEST_F(DirectoryTest, ShowsWhoPublishesNothingToTheCallersThatItExpects) {
  const auto place = enter("a.example.net");
  directory_.set_link(place, somebody());
  directory_.set_expected(place, {"friend.example.net"});
  EXPECT_TRUE(finds("a.example.net", "friend.example.net"));
  EXPECT_FALSE(finds("a.example.net", "stranger.example.net"));
  EXPECT_FALSE(finds("a.example.net"));
  EXPECT_EQ(directory_.expected(place), std::vector<std::string>{"friend.example.net"});
}

TEST_F(DirectoryTest, HidesWhoIsAwayForLongerThanNobodyNotices) {
  const auto place = enter("a.example.net");
  directory_.set_link(place, somebody());
  directory_.set_published(place, true);
  directory_.set_away_since(place, kNow);
  EXPECT_TRUE(finds("a.example.net", {}, kNow + Directory::kAwayUnnoticed));
  EXPECT_FALSE(finds("a.example.net", {}, kNow + Directory::kAwayUnnoticed + 1ms));
  directory_.set_away_since(place, std::nullopt);
  EXPECT_TRUE(finds("a.example.net", {}, kNow + 1h));
}

TEST_F(DirectoryTest, GivesTheNameToTheNewestAndLeavesItThereWhenTheFormerOneGoes) {
  const auto former = enter("a.example.net", "former");
  directory_.set_link(former, somebody());
  directory_.set_published(former, true);
  const auto newest = enter("a.example.net", "newest");
  EXPECT_FALSE(finds("a.example.net"));
  directory_.set_link(newest, somebody());
  directory_.set_published(newest, true);
  directory_.set_published(former, false);
  directory_.leave(former);
  ASSERT_TRUE(finds("a.example.net"));
  EXPECT_EQ(as_text(directory_.reachable("a.example.net", {}, kNow)->certificate), "newest");
  directory_.set_certificate(newest, {});
  EXPECT_TRUE(directory_.certificate(newest).empty());
  EXPECT_EQ(as_text(directory_.certificate(former)), "former");
  directory_.leave(newest);
  EXPECT_FALSE(finds("a.example.net"));
}

struct Asker {
  bool told = false;
};

TEST_F(DirectoryTest, AnswersASecondTimeBehindWhatTheLoopOfTheNameHasToDo) {
  loop::Loop there;
  loop::Mailbox its_mailbox(there);
  const auto place = directory_.enter("a.example.net", {}, its_mailbox);
  its_mailbox.post([&] {
    directory_.set_link(place, somebody());
    directory_.set_published(place, true);
  });
  Asker asker;
  const loop::Remote<Asker> remote(asker, mailbox_);
  directory_.ask_again("a.example.net", remote,
                       [&](Asker& one) { one.told = finds("a.example.net"); });
  uv_run(loop_.uv(), UV_RUN_NOWAIT);
  EXPECT_FALSE(asker.told);
  uv_run(there.uv(), UV_RUN_NOWAIT);
  EXPECT_FALSE(asker.told) << "in its own loop, not in that one";
  uv_run(loop_.uv(), UV_RUN_NOWAIT);
  EXPECT_TRUE(asker.told);
}

TEST_F(DirectoryTest, TakesAsLongToSayThatANameIsNotThere) {
  loop::Loop there;
  loop::Mailbox its_mailbox(there);
  Asker asker;
  const loop::Remote<Asker> remote(asker, mailbox_);
  directory_.ask_again("nobody.example.net", remote, [](Asker& one) { one.told = true; });
  uv_run(loop_.uv(), UV_RUN_NOWAIT);
  uv_run(loop_.uv(), UV_RUN_NOWAIT);
  EXPECT_TRUE(std::exchange(asker.told, false)) << "nobody at all has come";
  const auto place = directory_.enter("a.example.net", {}, its_mailbox);
  directory_.ask_again("nobody.example.net", remote, [](Asker& one) { one.told = true; });
  uv_run(loop_.uv(), UV_RUN_NOWAIT);
  EXPECT_FALSE(asker.told) << "through the loop of somebody else";
  uv_run(there.uv(), UV_RUN_NOWAIT);
  uv_run(loop_.uv(), UV_RUN_NOWAIT);
  EXPECT_TRUE(asker.told);
}

}  // namespace
}  // namespace culvert::service
