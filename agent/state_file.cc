#include "agent/state_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "tunnel/base/unique_fd.h"

namespace culvert::agent {
namespace {

tl::unexpected<Error> io_error(const std::string& path, const char* what) {
  return fail(ErrorCode::kIo, path + ": " + what + ": " + std::strerror(errno));
}

Result<void> check_private(const std::string& path, const struct stat& facts) {
  if ((facts.st_mode & 077) != 0)
    return fail(ErrorCode::kNotPermitted, path +
                                              ": other users may read this secret; run: chmod "
                                              "600 " +
                                              path);
  if (facts.st_uid != ::geteuid() && facts.st_uid != 0)
    return fail(ErrorCode::kNotPermitted, path + ": belongs to another user (uid " +
                                              std::to_string(facts.st_uid) + "); run: chown " +
                                              std::to_string(::geteuid()) + " " + path);
  return {};
}

}  // namespace

Result<void> make_state_directory(const std::string& path) {
  std::error_code error;
  const auto parent = std::filesystem::path(path).parent_path();
  if (!parent.empty()) std::filesystem::create_directories(parent, error);
  if (!error && ::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    error.assign(errno, std::generic_category());
  if (error)
    return fail(ErrorCode::kIo, path + ": the state directory cannot be made: " + error.message() +
                                    "; set state_directory in the configuration, or HOME, to where "
                                    "you may write");
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) return io_error(path, "cannot be looked at");
  if (!S_ISDIR(facts.st_mode)) return fail(ErrorCode::kIo, path + ": is not a directory");
  if ((facts.st_mode & 022) != 0)
    return fail(ErrorCode::kNotPermitted,
                path + ": other users may write to the state directory; run: chmod 700 " + path);
  return {};
}

Result<std::string> read_state_file(const std::string& path, Privacy privacy) {
  const UniqueFd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file && errno == ENOENT) return fail(ErrorCode::kNameUnknown, path + ": no such file");
  if (!file) return io_error(path, "cannot be opened");
  struct stat facts {};
  if (::fstat(file.get(), &facts) != 0) return io_error(path, "cannot be looked at");
  if (!S_ISREG(facts.st_mode) || static_cast<std::size_t>(facts.st_size) > kMaxStateFile)
    return fail(ErrorCode::kIo, path + ": is not a state file of this program");
  if (privacy == Privacy::kSecret) CULVERT_RETURN_IF_ERROR(check_private(path, facts));
  std::string text(static_cast<std::size_t>(facts.st_size), '\0');
  std::size_t got = 0;
  while (got < text.size()) {
    const auto n = ::read(file.get(), text.data() + got, text.size() - got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io_error(path, "cannot be read");
    if (n == 0) break;
    got += static_cast<std::size_t>(n);
  }
  text.resize(got);
  return text;
}

Result<void> write_state_file(const std::string& path, std::string_view text, mode_t mode,
                              Outlives outlives) {
  const auto draft = path + ".new";
  ::unlink(draft.c_str());
  const UniqueFd file{
      ::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)};
  if (!file || ::fchmod(file.get(), mode) != 0) return io_error(draft, "cannot be made");
  while (!text.empty()) {
    const auto n = ::write(file.get(), text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io_error(draft, "cannot be written");
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  if (outlives == Outlives::kMachine && ::fsync(file.get()) != 0)
    return io_error(draft, "cannot be written");
  if (std::rename(draft.c_str(), path.c_str()) != 0) return io_error(path, "cannot be replaced");
  return {};
}

}  // namespace culvert::agent
