// service/store_sqlite.h: the Store in one SQLite file: WAL, synchronous=FULL, so that what was
// answered survives a power failure. Several processes may use the file at once (`invite` beside a
// running service).
//
// Statements run inline: a read takes some 10 us, a commit one fsync. The service therefore never
// commits on the path of a session's bytes.
#pragma once
#include <filesystem>
#include <memory>

#include "service/store.h"
#include "tunnel/loop/timer.h"

struct sqlite3;
struct sqlite3_stmt;

namespace culvert::service {

class SqliteStore final : public Store, private loop::Timer::Listener {
 public:
  static constexpr Duration kWatchInterval = std::chrono::milliseconds{500};
  static constexpr Duration kKeepRemovals = std::chrono::hours{24};  // for watchers that lag

  static Result<std::unique_ptr<SqliteStore>> open(loop::Loop& loop,
                                                   const std::filesystem::path& file);
  ~SqliteStore() override;

  void get(StoreCall& call, const std::vector<std::string>& keys) override;
  void list(StoreCall& call, const std::string& prefix, const std::string& after,
            std::size_t limit) override;
  void transact(StoreCall& call, const std::vector<StoreCondition>& conditions,
                const std::vector<StoreChange>& changes) override;
  void watch(const std::string& prefix, Watcher& watcher) override;
  void unwatch(Watcher& watcher) override;

 private:
  struct CloseDatabase {
    void operator()(sqlite3* database) const;
  };
  struct FinishStatement {
    void operator()(sqlite3_stmt* statement) const;
  };
  using Statement = std::unique_ptr<sqlite3_stmt, FinishStatement>;
  struct Watch {
    std::string prefix;
    Watcher* watcher;
  };

  SqliteStore(loop::Loop& loop, std::unique_ptr<sqlite3, CloseDatabase> database);
  Result<void> prepare_all();
  Result<void> execute(const char* sql);
  Result<Statement> prepare(const char* sql);
  Result<bool> commit(const std::vector<StoreCondition>& conditions,
                      const std::vector<StoreChange>& changes);
  Result<bool> change(const std::vector<StoreCondition>& conditions,
                      const std::vector<StoreChange>& changes);
  Result<std::uint64_t> revision_of(const std::string& key);
  Result<std::uint64_t> newest_revision();
  Error error(const std::string& what) const;
  void on_timer(loop::Timer& timer) override;

  std::unique_ptr<sqlite3, CloseDatabase> database_;
  Statement get_, list_, put_, newest_, changed_;
  std::vector<Watch> watches_;
  std::uint64_t seen_ = 0;  // watchers know everything up to this revision
  loop::Timer poll_;
};

}  // namespace culvert::service
