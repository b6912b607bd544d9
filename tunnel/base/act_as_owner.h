// tunnel/base/act_as_owner.h: an administrator's command touches a daemon's files as the daemon's
// user.
//
// What root writes into a directory of the daemon's own user (a database and its journal, an
// identity) the daemon could not read afterwards.
#pragma once
#include <string>

#include "tunnel/base/result.h"

namespace culvert {

// If this process is root's and `directory` is there and belongs to another user: becomes that
// user, with his groups, for good. Otherwise does nothing. Before any thread is started.
Result<void> act_as_owner(const std::string& directory);

}  // namespace culvert
