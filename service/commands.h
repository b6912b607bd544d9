// service/commands.h: what an administrator does beside a running service, or before its first
// start: invite, list, revoke. The running service sees it through the store.
#pragma once
#include <string>

#include "service/options.h"
#include "service/service.h"

namespace culvert::service {

// Each gives the text for standard output. Runs the loop until the store has answered.
Result<std::string> invite(loop::Loop& loop, State& state, const Options& options, UnixTime now,
                           Random& random);
Result<std::string> list_endpoints(loop::Loop& loop, State& state, UnixTime now);
Result<std::string> revoke(loop::Loop& loop, State& state, const std::string& name);

}  // namespace culvert::service
