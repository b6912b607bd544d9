#include "tunnel/base/act_as_owner.h"

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace culvert {

Result<void> act_as_owner(const std::string& directory) {
  struct stat facts {};
  if (::geteuid() != 0 || ::stat(directory.c_str(), &facts) != 0 || facts.st_uid == 0) return {};
  const auto uid = facts.st_uid;
  const auto* user = ::getpwuid(uid);
  const auto gid = user != nullptr ? user->pw_gid : facts.st_gid;
  const int grouped = user != nullptr ? ::initgroups(user->pw_name, gid) : ::setgroups(0, nullptr);
  if (grouped != 0 || ::setresgid(gid, gid, gid) != 0 || ::setresuid(uid, uid, uid) != 0)
    return fail(ErrorCode::kNotPermitted,
                directory + " belongs to the user " + std::to_string(uid) +
                    ", and this process cannot become that user (" + std::strerror(errno) +
                    "): run the command as that user");
  return {};
}

}  // namespace culvert
