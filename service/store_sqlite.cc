#include "service/store_sqlite.h"

#include <sqlite3.h>

#include <algorithm>
#include <string_view>

namespace culvert::service {
namespace {

// A removed entry stays as a row without value for a while, so that the watchers of other
// processes see it go.
constexpr const char* kSchema =
    "CREATE TABLE IF NOT EXISTS entry("
    "  key TEXT PRIMARY KEY NOT NULL, value BLOB, revision INTEGER NOT NULL,"
    "  changed INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS entry_revision ON entry(revision);"
    "PRAGMA user_version = 1;";

void bind_text(sqlite3_stmt* statement, int at, std::string_view text) {
  sqlite3_bind_text(statement, at, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
}

std::string column_text(sqlite3_stmt* statement, int column) {
  const auto* text = sqlite3_column_text(statement, column);
  return {reinterpret_cast<const char*>(text),
          static_cast<std::size_t>(sqlite3_column_bytes(statement, column))};
}

StoreEntry read_entry(sqlite3_stmt* statement) {  // columns: key, value, revision
  StoreEntry entry;
  entry.key = column_text(statement, 0);
  const auto* value = static_cast<const std::byte*>(sqlite3_column_blob(statement, 1));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, 1));
  if (size != 0) entry.value.assign(value, value + size);
  entry.revision = static_cast<std::uint64_t>(sqlite3_column_int64(statement, 2));
  return entry;
}

std::int64_t now_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             loop::Loop::wall_clock().time_since_epoch())
      .count();
}

// Gives the statement back clean, however its use ended.
class Use {
 public:
  explicit Use(sqlite3_stmt* statement) : statement_(statement) {}
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  ~Use() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }

 private:
  sqlite3_stmt* statement_;
};

}  // namespace

void SqliteStore::CloseDatabase::operator()(sqlite3* database) const { sqlite3_close(database); }
void SqliteStore::FinishStatement::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(loop::Loop& loop,
                                                       const std::filesystem::path& file) {
  sqlite3* raw = nullptr;
  const int status =
      sqlite3_open_v2(file.c_str(), &raw,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  std::unique_ptr<sqlite3, CloseDatabase> database(raw);
  if (status != SQLITE_OK)
    return fail(ErrorCode::kIo, "cannot open the database " + file.string() + ": " +
                                    (raw != nullptr ? sqlite3_errmsg(raw) : "out of memory") +
                                    "; check that the state directory is writable");
  std::unique_ptr<SqliteStore> store(new SqliteStore(loop, std::move(database)));
  if (const auto ready = store->prepare_all(); !ready)
    return fail(ready.error().code, file.string() + ": " + ready.error().detail);
  return store;
}

SqliteStore::SqliteStore(loop::Loop& loop, std::unique_ptr<sqlite3, CloseDatabase> database)
    : database_(std::move(database)), poll_(loop, *this) {}

SqliteStore::~SqliteStore() = default;

Result<void> SqliteStore::prepare_all() {
  sqlite3_busy_timeout(database_.get(), 2000);  // other processes' commits take one fsync
  CULVERT_RETURN_IF_ERROR(execute("PRAGMA journal_mode = WAL"));
  CULVERT_RETURN_IF_ERROR(execute("PRAGMA synchronous = FULL"));
  auto version = prepare("PRAGMA user_version");
  if (!version) return fail(version.error());
  sqlite3_step(version->get());
  const int found = sqlite3_column_int(version->get(), 0);
  version->reset();
  if (found > 1)
    return fail(ErrorCode::kIo,
                "the database was written by a later version of culvert-service; use that one");
  if (found == 0) CULVERT_RETURN_IF_ERROR(execute(kSchema));

  struct {
    Statement& statement;
    const char* sql;
  } const all[] = {
      {get_, "SELECT key, value, revision FROM entry WHERE key = ?1 AND value IS NOT NULL"},
      {list_,
       "SELECT key, value, revision FROM entry WHERE key > ?1 AND key >= ?2 AND key < ?3"
       " AND value IS NOT NULL ORDER BY key LIMIT ?4"},
      {put_,
       "INSERT INTO entry(key, value, revision, changed) VALUES(?1, ?2, ?3, ?4)"
       " ON CONFLICT(key) DO UPDATE SET value = ?2, revision = ?3, changed = ?4"},
      {newest_, "SELECT coalesce(max(revision), 0) FROM entry"},
      {changed_, "SELECT key, value, revision FROM entry WHERE revision > ?1 ORDER BY revision"},
  };
  for (const auto& [statement, sql] : all) {
    auto prepared = prepare(sql);
    if (!prepared) return fail(prepared.error());
    statement = std::move(*prepared);
  }
  auto sweep = prepare(  // the newest row stays: revisions must never start over
      "DELETE FROM entry WHERE value IS NULL AND changed < ?1"
      " AND revision < (SELECT max(revision) FROM entry)");
  if (!sweep) return fail(sweep.error());
  sqlite3_bind_int64(
      sweep->get(), 1,
      now_seconds() - std::chrono::duration_cast<std::chrono::seconds>(kKeepRemovals).count());
  sqlite3_step(sweep->get());  // best effort
  return {};
}

Result<void> SqliteStore::execute(const char* sql) {
  if (sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK)
    return fail(error("the database refused"));
  return {};
}

Result<SqliteStore::Statement> SqliteStore::prepare(const char* sql) {
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v3(database_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &raw, nullptr) !=
      SQLITE_OK)
    return fail(error("the database is not ours"));
  return Statement(raw);
}

Error SqliteStore::error(const std::string& what) const {
  const int code = sqlite3_errcode(database_.get());
  const char* what_to_do = "";
  if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
    what_to_do = "; restore it from a backup (without it, all endpoints must be invited again)";
  if (code == SQLITE_FULL) what_to_do = "; make room on its disk";
  return {ErrorCode::kIo, what + ": " + sqlite3_errmsg(database_.get()) + what_to_do};
}

void SqliteStore::get(StoreCall& call, const std::vector<std::string>& keys) {
  StoreCall::Answer answer;
  for (const auto& key : keys) {
    const Use use(get_.get());
    bind_text(get_.get(), 1, key);
    const int status = sqlite3_step(get_.get());
    if (status == SQLITE_ROW)
      answer.entries.push_back(read_entry(get_.get()));
    else if (status != SQLITE_DONE)
      return call.complete(fail(error("cannot read the database")));
  }
  call.complete(std::move(answer));
}

void SqliteStore::list(StoreCall& call, const std::string& prefix, const std::string& after,
                       std::size_t limit) {
  const Use use(list_.get());
  bind_text(list_.get(), 1, after);
  bind_text(list_.get(), 2, prefix);
  bind_text(list_.get(), 3, prefix + "\xff");  // no key has this octet
  sqlite3_bind_int64(list_.get(), 4, static_cast<std::int64_t>(limit));
  StoreCall::Answer answer;
  int status = SQLITE_ROW;
  while ((status = sqlite3_step(list_.get())) == SQLITE_ROW)
    answer.entries.push_back(read_entry(list_.get()));
  if (status != SQLITE_DONE) return call.complete(fail(error("cannot read the database")));
  call.complete(std::move(answer));
}

void SqliteStore::transact(StoreCall& call, const std::vector<StoreCondition>& conditions,
                           const std::vector<StoreChange>& changes) {
  const auto done = commit(conditions, changes);
  if (!done) return call.complete(fail(done.error()));
  StoreCall::Answer answer;
  answer.committed = *done;
  call.complete(std::move(answer));
}

Result<bool> SqliteStore::commit(const std::vector<StoreCondition>& conditions,
                                 const std::vector<StoreChange>& changes) {
  CULVERT_RETURN_IF_ERROR(execute("BEGIN IMMEDIATE"));
  auto changed = change(conditions, changes);
  if (changed && *changed) {
    if (const auto committed = execute("COMMIT"); committed) return true;
    changed = fail(error("cannot commit"));
  }
  sqlite3_exec(database_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
  return changed;
}

Result<bool> SqliteStore::change(const std::vector<StoreCondition>& conditions,
                                 const std::vector<StoreChange>& changes) {
  for (const auto& condition : conditions) {
    const auto revision = revision_of(condition.key);
    if (!revision) return fail(revision.error());
    if (*revision != condition.revision) return false;
  }
  const auto newest = newest_revision();
  if (!newest) return fail(newest.error());
  for (const auto& [key, value] : changes) {
    const Use use(put_.get());
    bind_text(put_.get(), 1, key);
    if (value)
      sqlite3_bind_blob(put_.get(), 2,
                        value->empty() ? "" : static_cast<const void*>(value->data()),
                        static_cast<int>(value->size()), SQLITE_TRANSIENT);
    sqlite3_bind_int64(put_.get(), 3, static_cast<std::int64_t>(*newest + 1));
    sqlite3_bind_int64(put_.get(), 4, now_seconds());
    if (sqlite3_step(put_.get()) != SQLITE_DONE) return fail(error("cannot write the database"));
  }
  return true;
}

Result<std::uint64_t> SqliteStore::revision_of(const std::string& key) {
  const Use use(get_.get());
  bind_text(get_.get(), 1, key);
  const int status = sqlite3_step(get_.get());
  if (status == SQLITE_ROW) return read_entry(get_.get()).revision;
  if (status == SQLITE_DONE) return std::uint64_t{0};
  return fail(error("cannot read the database"));
}

Result<std::uint64_t> SqliteStore::newest_revision() {
  const Use use(newest_.get());
  if (sqlite3_step(newest_.get()) != SQLITE_ROW) return fail(error("cannot read the database"));
  return static_cast<std::uint64_t>(sqlite3_column_int64(newest_.get(), 0));
}

void SqliteStore::watch(const std::string& prefix, Watcher& watcher) {
  if (watches_.empty()) {
    if (const auto newest = newest_revision(); newest) seen_ = *newest;
    poll_.start(kWatchInterval);
  }
  watches_.push_back({prefix, &watcher});
}

void SqliteStore::unwatch(Watcher& watcher) {
  std::erase_if(watches_, [&](const Watch& watch) { return watch.watcher == &watcher; });
  if (watches_.empty()) poll_.stop();
}

// An indexed question of a few microseconds; what other processes commit shows in no other way.
void SqliteStore::on_timer(loop::Timer&) {
  poll_.start(kWatchInterval);
  struct Changed {
    StoreEntry entry;
    bool removed;
  };
  std::vector<Changed> changes;
  {
    const Use use(changed_.get());
    sqlite3_bind_int64(changed_.get(), 1, static_cast<std::int64_t>(seen_));
    while (sqlite3_step(changed_.get()) == SQLITE_ROW) {
      const bool removed = sqlite3_column_type(changed_.get(), 1) == SQLITE_NULL;
      changes.push_back({read_entry(changed_.get()), removed});
    }
  }
  for (const auto& [entry, removed] : changes) {
    seen_ = std::max(seen_, entry.revision);
    for (const auto& watch : std::vector<Watch>(watches_))  // a watcher may leave meanwhile
      if (entry.key.starts_with(watch.prefix)) watch.watcher->on_entry_changed(entry, removed);
  }
}

}  // namespace culvert::service
