#include "service/service_key.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <sstream>

#include "tunnel/base/unique_fd.h"

namespace culvert::service {
namespace {

constexpr std::string_view kFirstLine = "culvert-service key 1";

tl::unexpected<Error> failed(const std::string& what, const std::filesystem::path& path,
                             const std::string& remedy) {
  return fail(from_errno(errno),
              "cannot " + what + " " + path.string() + ": " + std::strerror(errno) + "; " + remedy);
}

bool write_all(int fd, std::string_view content) {
  while (!content.empty()) {
    const auto count = ::write(fd, content.data(), content.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    content.remove_prefix(static_cast<std::size_t>(count));
  }
  return ::fsync(fd) == 0;
}

std::string to_text(const ServiceKey& key) {
  return std::string(kFirstLine) + "\nidentity " + to_base64url(key.identity.secret.view()) +
         "\nsigning " + to_base64url(key.signing.seed().view()) + "\n";
}

Result<ServiceKey> parse(std::string_view text, const std::filesystem::path& file) {
  const auto damaged = [&] {
    return fail(ErrorCode::kIo, file.string() +
                                    " is damaged; restore it from a backup (without it, all "
                                    "endpoints must be invited again)");
  };
  std::istringstream in{std::string(text)};
  std::string first, identity_word, identity, signing_word, signing;
  std::getline(in, first);
  in >> identity_word >> identity >> signing_word >> signing;
  const auto secret = from_base64url(identity), seed = from_base64url(signing);
  if (first != kFirstLine || identity_word != "identity" || signing_word != "signing" ||
      secret.size() != 32 || seed.size() != 32)
    return damaged();
  return ServiceKey{
      crypto::KeyPair::from_secret(Secret<32>{std::span<const std::byte, 32>{secret}}),
      crypto::SigningKeyPair::from_seed(Secret<32>{std::span<const std::byte, 32>{seed}})};
}

}  // namespace

Result<void> make_state_directory(const std::filesystem::path& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory.parent_path(), error);
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
    return failed("make the state directory", directory,
                  "create it for the service's user, or set state_directory");
  if (::access(directory.c_str(), R_OK | W_OK | X_OK) != 0)
    return failed("use the state directory", directory,
                  "run as the user that owns it, or set state_directory");
  struct stat facts {};
  if (::stat(directory.c_str(), &facts) != 0)
    return failed("look at the state directory", directory, "set state_directory");
  if ((facts.st_mode & 022) != 0)
    return fail(ErrorCode::kNotPermitted,
                "other users of this machine may write to the state directory " +
                    directory.string() + ", and so replace who may log in; run `chmod 700 " +
                    directory.string() + "`");
  return {};
}

Result<std::string> read_private_file(const std::filesystem::path& file) {
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return failed("open", file, "run as the user that owns it");
  struct stat facts {};
  if (::fstat(fd.get(), &facts) != 0 || !S_ISREG(facts.st_mode) || facts.st_size > 64 * 1024)
    return fail(ErrorCode::kIo, file.string() + " is not a file of the service; move it away");
  if ((facts.st_mode & 077) != 0)
    return fail(ErrorCode::kNotPermitted,
                file.string() + " can be read by other users of this machine; run `chmod 600 " +
                    file.string() + "`, and if others have had the chance to read it, replace it");
  std::string content(static_cast<std::size_t>(facts.st_size), '\0');
  std::size_t have = 0;
  while (have < content.size()) {
    const auto count = ::read(fd.get(), content.data() + have, content.size() - have);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return fail(ErrorCode::kIo, "cannot read " + file.string());
    have += static_cast<std::size_t>(count);
  }
  return content;
}

// link() makes the file appear whole and only if there is none: another process never sees half of
// it, and none is ever replaced.
Result<bool> create_private_file(const std::filesystem::path& file, std::string_view content) {
  auto temporary = file.string() + "." + std::to_string(::getpid()) + ".new";
  ::unlink(temporary.c_str());  // of a process of this number that crashed
  UniqueFd fd(
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return failed("create", temporary, "check that the state directory is writable");
  const bool written = write_all(fd.get(), content);
  const int write_error = errno;
  const bool linked = written && ::link(temporary.c_str(), file.c_str()) == 0;
  const int link_error = errno;
  ::unlink(temporary.c_str());
  if (linked) return true;
  errno = written ? link_error : write_error;
  if (written && errno == EEXIST) return false;
  return failed("write", file, "check free space and permissions of the state directory");
}

Result<void> check_complete(const std::filesystem::path& key,
                            const std::filesystem::path& database) {
  const auto is_there = [](const std::filesystem::path& file) {
    return ::access(file.c_str(), F_OK) == 0 || errno != ENOENT;
  };
  for (int look = 0; look < 10; ++look) {
    if (is_there(key) == is_there(database)) return {};
    ::usleep(100'000);
  }
  if (is_there(key))
    return fail(ErrorCode::kIo, "there is " + key.string() + ", but no " + database.string() +
                                    ", which lists the enrolled endpoints: restore it from a "
                                    "backup; or, to begin with no endpoint at all, make an empty "
                                    "file of that name as the user that owns the directory");
  return fail(ErrorCode::kIo, "there is " + database.string() + ", but no " + key.string() +
                                  ", by which enrolled endpoints know this service: restore it "
                                  "from a backup; or remove the database, and invite all anew");
}

Result<ServiceKey> load_or_create_key(const std::filesystem::path& file, Random& random) {
  if (::access(file.c_str(), F_OK) != 0 && errno == ENOENT) {
    const ServiceKey fresh{crypto::KeyPair::generate(random),
                           crypto::SigningKeyPair::generate(random)};
    auto text = to_text(fresh);
    const auto created = create_private_file(file, text);
    sodium_memzero(text.data(), text.size());
    if (!created) return fail(created.error());
    if (*created) return fresh;
  }
  auto text = read_private_file(file);
  if (!text) return fail(text.error());
  auto key = parse(*text, file);
  sodium_memzero(text->data(), text->size());
  return key;
}

}  // namespace culvert::service
