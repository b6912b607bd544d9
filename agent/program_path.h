// agent/program_path.h: finds a command as execvp(3) would, and the files that come with Culvert.
#pragma once
#include <sys/types.h>

#include <string>
#include <string_view>

#include "tunnel/base/result.h"

namespace culvert::agent {

// kNameUnknown: no such file (exit status 127); kNotPermitted: found but not executable (126).
Result<std::string> find_program(std::string_view command, std::string_view search_path);

// The directory of the running executable, without a slash at the end.
std::string own_directory();

// The executable file of a process. Another user's may be hidden from us: then the name that
// everybody sees, as "(name)"; "unknown" if there is no such process.
std::string program_of(pid_t process);

// A file that comes with Culvert: beside the running executable, as built, or in ../lib/culvert, as
// installed. Where it is in neither, the first of these paths.
std::string companion_file(std::string_view name);

}  // namespace culvert::agent
