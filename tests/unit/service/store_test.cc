#include <gtest/gtest.h>

#include <fstream>

#include "service/store_sqlite.h"
#include "service/store_wait.h"
#include "temporary_directory.h"

namespace culvert::service {
namespace {

ByteVector bytes(std::string_view text) {
  const auto view = as_bytes(text);
  return {view.begin(), view.end()};
}

class StoreTest : public testing::Test {
 protected:
  std::unique_ptr<SqliteStore> open() {
    auto store = SqliteStore::open(loop_, directory_.path() / "service.db");
    EXPECT_TRUE(store) << store.error().detail;
    return store ? std::move(*store) : nullptr;
  }
  bool transact(Store& store, const std::vector<StoreCondition>& conditions,
                const std::vector<StoreChange>& changes) {
    StoreWait answer(loop_);
    store.transact(answer.call(), conditions, changes);
    const auto done = answer.wait();
    EXPECT_TRUE(done) << done.error().detail;
    return done && done->committed;
  }
  std::vector<StoreEntry> get(Store& store, const std::vector<std::string>& keys) {
    StoreWait answer(loop_);
    store.get(answer.call(), keys);
    return answer.wait()->entries;
  }

  TemporaryDirectory directory_;
  loop::Loop loop_;
};

TEST_F(StoreTest, KeepsWhatWasCommittedAcrossARestart) {
  EXPECT_TRUE(transact(*open(), {}, {{"a/1", bytes("one")}, {"a/2", ByteVector{}}}));
  const auto store = open();
  const auto entries = get(*store, {"a/1", "a/2", "a/3"});
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(as_text(entries[0].value), "one");
  EXPECT_TRUE(entries[1].value.empty());
}

TEST_F(StoreTest, SaysWhatToDoAboutADamagedFile) {
  std::ofstream(directory_.path() / "service.db") << std::string(4096, 'x');
  const auto store = SqliteStore::open(loop_, directory_.path() / "service.db");
  ASSERT_FALSE(store);
  EXPECT_NE(store.error().detail.find("restore it from a backup"), std::string::npos)
      << store.error().detail;
}

TEST_F(StoreTest, CommitsAllOrNothing) {
  const auto store = open();
  EXPECT_TRUE(transact(*store, {{"a", 0}}, {{"a", bytes("1")}}));
  EXPECT_FALSE(transact(*store, {{"a", 0}}, {{"a", bytes("2")}, {"b", bytes("2")}}));
  EXPECT_TRUE(get(*store, {"b"}).empty());
  const auto revision = get(*store, {"a"}).at(0).revision;
  EXPECT_TRUE(transact(*store, {{"a", revision}}, {{"a", bytes("3")}}));
  EXPECT_FALSE(transact(*store, {{"a", revision}}, {{"a", bytes("4")}}));
  EXPECT_EQ(as_text(get(*store, {"a"}).at(0).value), "3");
}

TEST_F(StoreTest, TakesARemovedEntryForNoneButNeverRepeatsARevision) {
  const auto store = open();
  transact(*store, {}, {{"a", bytes("1")}});
  const auto before = get(*store, {"a"}).at(0).revision;
  transact(*store, {}, {{"a", std::nullopt}});
  EXPECT_TRUE(get(*store, {"a"}).empty());
  EXPECT_TRUE(transact(*store, {{"a", 0}}, {{"a", bytes("2")}}));
  EXPECT_GT(get(*store, {"a"}).at(0).revision, before);
}

TEST_F(StoreTest, ListsAPrefixInPages) {
  const auto store = open();
  transact(*store, {},
           {{"a/1", bytes("")},
            {"a/2", bytes("")},
            {"a/3", bytes("")},
            {"b/1", bytes("")},
            {"a0", bytes("")}});
  StoreWait answer(loop_);
  store->list(answer.call(), "a/", "", 2);
  auto page = answer.wait();
  ASSERT_EQ(page->entries.size(), 2u);
  store->list(answer.call(), "a/", page->entries.back().key, 2);
  page = answer.wait();
  ASSERT_EQ(page->entries.size(), 1u);
  EXPECT_EQ(page->entries[0].key, "a/3");
}

TEST_F(StoreTest, LetsOneOfTwoProcessesWin) {
  const auto first = open(), second = open();
  transact(*first, {}, {{"invitation", bytes("x")}});
  const auto seen = get(*second, {"invitation"}).at(0).revision;
  EXPECT_TRUE(transact(*first, {{"invitation", seen}}, {{"invitation", std::nullopt}}));
  EXPECT_FALSE(transact(*second, {{"invitation", seen}}, {{"invitation", std::nullopt}}));
}

struct Recorder final : Store::Watcher {
  explicit Recorder(loop::Loop& to_stop) : loop(to_stop) {}
  void on_entry_changed(const StoreEntry& entry, bool removed) override {
    seen.push_back((removed ? "-" : "+") + entry.key);
    loop.stop();
  }
  loop::Loop& loop;
  std::vector<std::string> seen;
};

TEST_F(StoreTest, TellsWatchersWhatAnotherProcessChanged) {
  const auto store = open(), other = open();
  transact(*other, {}, {{"a/old", bytes("")}});
  Recorder recorder(loop_);
  store->watch("a/", recorder);
  transact(*other, {}, {{"a/new", bytes("")}, {"b/new", bytes("")}, {"a/old", std::nullopt}});
  loop_.run();
  store->unwatch(recorder);
  std::sort(recorder.seen.begin(), recorder.seen.end());
  EXPECT_EQ(recorder.seen, (std::vector<std::string>{"+a/new", "-a/old"}));
}

TEST_F(StoreTest, SaysWhatToDoWhenItCannotOpen) {
  const auto store = SqliteStore::open(loop_, directory_.path() / "nowhere" / "service.db");
  ASSERT_FALSE(store);
  EXPECT_NE(store.error().detail.find("check that the state directory is writable"),
            std::string::npos);
}

}  // namespace
}  // namespace culvert::service
