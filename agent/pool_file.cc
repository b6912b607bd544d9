#include "agent/pool_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "tunnel/base/bytes.h"
#include "tunnel/base/log.h"
#include "tunnel/base/unique_fd.h"

namespace culvert::agent {
namespace {

constexpr std::size_t kMostBytes = 64u << 20;

tl::unexpected<Error> failed(const char* what, const std::string& path) {
  const int error = errno;
  return fail(ErrorCode::kIo, "cannot " + std::string(what) + " the address pool's file '" + path +
                                  "': " + std::strerror(error));
}

Result<std::string> read_whole(int fd, const std::string& path) {
  std::string text;
  std::array<char, 65'536> part;
  for (;;) {
    const auto size = ::read(fd, part.data(), part.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return failed("read", path);
    if (size == 0) return text;
    text.append(part.data(), static_cast<std::size_t>(size));
    if (text.size() > kMostBytes)
      return fail(ErrorCode::kIo, "the address pool's file '" + path + "' is too large");
  }
}

bool write_whole(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto size = ::write(fd, text.data(), text.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(size));
  }
  return true;
}

}  // namespace

PoolFile::PoolFile(loop::Loop& loop, std::string path, resolver::AddressPool& pool)
    : path_(std::move(path)), pool_(pool), timer_(loop, *this) {}

PoolFile::~PoolFile() {
  unsaved_ |= pool_.take_changed();
  if (!unsaved_) return;
  if (const auto saved = save(); !saved)
    log::error("pool", {{"event", "not-saved"}, {"why", saved.error().detail}});
}

Result<void> PoolFile::load() {
  const UniqueFd fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    if (errno == ENOENT) return {};
    return failed("open", path_);
  }
  const auto text = read_whole(fd.get(), path_);
  if (!text) return fail(text.error());
  const auto loaded = pool_.load(*text);
  if (loaded) return {};
  const auto aside = path_ + ".damaged";
  log::error(
      "pool",
      {{"event", "damaged"}, {"file", path_}, {"why", loaded.error().detail}, {"kept", aside}});
  if (::rename(path_.c_str(), aside.c_str()) != 0) return failed("set aside", path_);
  return {};
}

void PoolFile::changed() {
  if (!pool_.take_changed()) return;
  unsaved_ = true;
  if (!timer_.running()) timer_.start(kBatch);
}

void PoolFile::on_timer(loop::Timer&) {
  if (const auto saved = save(); !saved) {
    log::error("pool", {{"event", "not-saved"}, {"why", saved.error().detail}});
    timer_.start(std::chrono::minutes{1});
  }
}

Result<void> PoolFile::save() {
  const auto fresh = path_ + ".new";
  UniqueFd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return failed("make", fresh);
  // fsync before rename: else a power cut may leave an empty file under the old name.
  if (!write_whole(fd.get(), pool_.snapshot()) || ::fsync(fd.get()) != 0)
    return failed("write", fresh);
  fd.reset();
  if (::rename(fresh.c_str(), path_.c_str()) != 0) return failed("replace", path_);
  unsaved_ = false;
  return {};
}

}  // namespace culvert::agent
