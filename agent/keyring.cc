#include "agent/keyring.h"

#include <linux/keyctl.h>
#include <sodium.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "agent/netrc.h"

namespace culvert::agent {
namespace {

constexpr std::size_t kMost = 1024;  // octets: user, 0, password
// The user's programs may find and read it, whatever session they are of: a service of systemd's
// has none with the user's keyring in it (KeyringMode=private).
constexpr unsigned kPermissions = 0x3f0b0000;  // all to who possesses it; view, read, search

std::string name_of(const HostPort& proxy) { return "culvert:proxy:" + proxy.to_string(); }

template <class... Arguments>
long keyctl(int operation, Arguments... arguments) {
  return ::syscall(SYS_keyctl, operation, arguments...);
}

long find(const HostPort& proxy) {
  return keyctl(KEYCTL_SEARCH, KEY_SPEC_USER_KEYRING, "user", name_of(proxy).c_str(), 0);
}

// Only who possesses a key changes it: whose keyrings lead to it.
void possess() { keyctl(KEYCTL_LINK, KEY_SPEC_USER_KEYRING, KEY_SPEC_PROCESS_KEYRING); }

Error failed(const char* what) {
  return {ErrorCode::kIo,
          std::string("the kernel's keyring ") + what + ": " + std::strerror(errno)};
}

}  // namespace

std::optional<carrier::ProxyCredentials> find_in_keyring(const HostPort& proxy) {
  const long key = find(proxy);
  if (key < 0) return std::nullopt;
  std::string text(kMost, '\0');
  const long size = keyctl(KEYCTL_READ, key, text.data(), text.size());
  std::optional<carrier::ProxyCredentials> found;
  if (size > 0 && static_cast<std::size_t>(size) <= kMost) {
    const std::string_view whole(text.data(), static_cast<std::size_t>(size));
    if (const auto zero = whole.find('\0'); zero != whole.npos && zero != 0)
      found =
          credentials_of(std::string(whole.substr(0, zero)), std::string(whole.substr(zero + 1)));
  }
  sodium_memzero(text.data(), text.size());
  return found;
}

Result<void> keep_in_keyring(const HostPort& proxy, const std::string& user,
                             const std::string& password) {
  auto text = user + '\0' + password;
  if (user.empty() || user.find('\0') != user.npos || text.size() > kMost)
    return fail(ErrorCode::kBadInput, "that is no user and password");
  possess();
  const long key = ::syscall(SYS_add_key, "user", name_of(proxy).c_str(), text.data(), text.size(),
                             KEY_SPEC_USER_KEYRING);
  const int error = errno;
  sodium_memzero(text.data(), text.size());
  errno = error;
  if (key < 0) return fail(failed("takes nothing"));
  if (keyctl(KEYCTL_SETPERM, key, kPermissions) == 0) return {};
  auto why = failed("does not permit it");
  keyctl(KEYCTL_UNLINK, key, KEY_SPEC_USER_KEYRING);
  return fail(std::move(why));
}

Result<bool> remove_from_keyring(const HostPort& proxy) {
  possess();
  const long key = find(proxy);
  if (key < 0) return false;
  if (keyctl(KEYCTL_UNLINK, key, KEY_SPEC_USER_KEYRING) != 0) return fail(failed("keeps it"));
  return true;
}

}  // namespace culvert::agent
